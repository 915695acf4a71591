"""How fast this machine works, measured in short bursts: by the processor's time as well as by the clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

BURSTS = 4
"""Of one kind, unless MOST_S are over."""

BURST_S = 0.15
"""Of processor time, up to which bursts are made larger."""

MOST_S = 1.5
"""By the clock, of all bursts of one kind; one is made at least."""

BUSY = 0.8
"""Share of the clock's time below which others have the rest of the processor."""


@dataclass(frozen=True)
class Pace:
    """Seconds that a unit of work takes."""

    free_s: float
    """With the processor to itself, by the fastest burst."""
    now_s: float
    """By the clock, the median burst."""
    share: float
    """Of the processor that the bursts were given, in [0, 1]; 1 where that is not known."""

    @property
    def is_busy(self) -> bool:
        """Whether others had a good part of the processor."""
        return self.share < BUSY


def measure(burst: Callable[[int], float], largest: int, processors: int) -> Pace:
    """The pace of `burst`, which does work of about a size up to `largest` and returns the units it did.

    `processors` are kept busy by it; 0 where the work is not theirs, so that the clock alone counts.
    """
    started, size, spent = time.monotonic(), 1, list[tuple[float, float]]()
    while len(spent) < BURSTS:
        clock, work = time.monotonic(), time.process_time()
        units = max(burst(size), 1e-9)
        clock, work = time.monotonic() - clock, time.process_time() - work
        small = size < largest and (work if processors else clock) < BURST_S
        if small and time.monotonic() - started < MOST_S:
            size, spent = min(4 * size, largest), []
            continue
        spent.append((clock / units, work / max(1, processors) / units))
        if time.monotonic() - started >= MOST_S:
            break
    clocks, works = zip(*spent, strict=True)
    if not processors:
        return Pace(min(clocks), statistics.median(clocks), 1.0)
    share = min(1.0, sum(works) / max(sum(clocks), 1e-9))
    return Pace(min(*works, *clocks), statistics.median(clocks), share)
