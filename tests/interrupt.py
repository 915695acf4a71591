"""Commands that are ended by a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable


def interrupt(
    *words: str, when: Callable[[], bool] | None = None, number: signal.Signals = signal.SIGINT
) -> None:
    """Signal a command once `when` holds, or after two seconds: it must end within five, cleanly."""
    started = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        while not (when() if when else time.monotonic() - started > 2) and time.monotonic() - started < 60:
            time.sleep(0.05)
        process.send_signal(number)
        sent = time.monotonic()
        out, errors = process.communicate(timeout=30)
    assert time.monotonic() - sent < 5
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in errors
