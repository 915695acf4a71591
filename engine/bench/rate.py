"""Rates and the rows that report them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from engine._core import Game

Row = dict[str, Any]
Clock = Callable[[], float]
Work = Callable[[], int]
"""Does some work and returns how many units it was."""


def rate(work: Work, clock: Clock, seconds: float) -> float:
    """Units a second by `clock`; `work` is repeated for about `seconds` of wall time."""
    start, wall, done = clock(), time.perf_counter(), 0
    while not done or time.perf_counter() - wall < seconds:
        done += work()
    return done / max(clock() - start, 1e-9)


def median_rate(work: Work, clock: Clock, seconds: float, stretches: int = 7) -> float:
    """Median rate of up to `stretches` equal stretches in about `seconds`, after one unmeasured `work`."""
    start = time.perf_counter()
    work()
    rates = [rate(work, clock, seconds / stretches)]
    while len(rates) < stretches and time.perf_counter() - start < seconds:
        rates.append(rate(work, clock, seconds / stretches))
    return statistics.median(rates)


def make_row(
    game: Game,
    stage: str,
    metric: str,
    value: float,
    unit: str,
    backend: str,
    ceiling: float | None = None,
    threads: int = 1,
) -> Row:
    """One measurement; `ceiling` is what the value could be at best, measured beside it."""
    return {
        "game": game.name,
        "stage": stage,
        "metric": metric,
        "value": value,
        "unit": unit,
        "threads": threads,
        "backend": backend,
        "ceiling": ceiling,
        "ratio": None if ceiling is None else value / ceiling,
    }
