"""How long the program takes to start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from engine.bench.row import Row, make_row
from engine.errors import UserError

STARTS = 7
LIMIT_S = 120.0
"""Of one start."""


def measure_startup() -> Row:
    """Seconds of wall time of `selfplay --help`: the median of several, its files in memory already."""
    command = [sys.executable, "-m", "engine.cli", "--help"]
    seconds = []
    for _ in range(STARTS + 1):
        start = time.perf_counter()
        try:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_S)
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(f"'selfplay --help' cannot be measured: {error}") from error
        seconds.append(time.perf_counter() - start)
    return make_row(None, "startup", "help", statistics.median(seconds[1:]), "s", "python")
