"""Rates of work."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

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
