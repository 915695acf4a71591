"""How long batches take, by what they have taken."""

from __future__ import annotations

import math

FIRST_SIZE = 16
"""Of a batch before any has been measured."""

GROWTH = 4
"""A batch is at most so many times as large as any that has been measured."""

_WEIGHT = 0.3
"""Of the latest measurement of a size."""

_LEAST_SHARE = 0.1
"""A smaller batch takes at least this share of a larger one's time."""


class BatchTime:
    """Measured seconds, by powers of two of the size."""

    def __init__(self) -> None:
        self._measured: dict[int, tuple[float, float]] = {}  # mean size and seconds, by bits of the size

    def add(self, size: int, seconds: float) -> None:
        """A batch of `size` requests has taken so long."""
        bits = size.bit_length()
        if bits not in self._measured:
            self._measured[bits] = float(size), seconds
            return
        mean, before = self._measured[bits]
        self._measured[bits] = mean + _WEIGHT * (size - mean), before + _WEIGHT * (seconds - before)

    def seconds(self, size: int) -> float:
        """Of a batch of so many requests, as foreseen; 0 before anything is known."""
        if not self._measured:
            return 0.0
        near = min(self._measured, key=lambda bits: abs(bits - size.bit_length()))
        mean, seconds = self._measured[near]
        return seconds * max(size / mean, _LEAST_SHARE) if size != mean else seconds

    def size(self, seconds: float) -> int:
        """The most requests that are answered in so much time, as foreseen; at least 1."""
        if not self._measured:
            return FIRST_SIZE
        largest = GROWTH * math.ceil(max(mean for mean, _ in self._measured.values()))
        if self.seconds(largest) <= seconds:
            return largest
        fits, too_many = 1, largest
        while too_many - fits > 1:
            middle = (fits + too_many) // 2
            fits, too_many = (middle, too_many) if self.seconds(middle) <= seconds else (fits, middle)
        return fits
