"""How long the program takes to start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from engine.bench.row import Row, make_row
from engine.errors import UserError

STARTS = 7
IMPORTS = "import typer, rich"
LIMIT_S = 120.0
"""Of one start."""


def measure_startup() -> Row:
    """Seconds of wall time of `selfplay --help` beside those of importing what its commands are made with.

    In turns, medians of several, their files in memory already.
    """
    pairs = [(_seconds("-m", "engine.cli", "--help"), _seconds("-c", IMPORTS)) for _ in range(STARTS + 1)]
    ours, bare = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    return make_row(None, "startup", "help", ours, "s", "python", bare)


def _seconds(*words: str) -> float:
    start = time.perf_counter()
    try:
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(f"'selfplay --help' cannot be measured: {error}") from error
    return time.perf_counter() - start
