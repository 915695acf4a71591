"""Lag: what a client's clock counts beyond the time that a search has taken."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.player.clock import TimeControl

FADES = 0.97
"""Of the worst that was seen, a move."""

WEIGHT = 0.1
"""Of the last one in the mean."""

STALL = 8.0
"""Times the mean lag, which a busy machine keeps a process waiting now and then."""

MOST_S = 5.0
"""More between two moves is no lag: the client has set its clock anew."""


class Lag:
    """What a session has seen of it, from one `go` on a clock to the next of the same game.

    mean_s: of a move.
    """

    def __init__(self) -> None:
        self.mean_s = self._longest_s = 0.0
        self._before: tuple[TimeControl, Callable[[], float]] | None = None

    @property
    def worst_s(self) -> float:
        """That is to be feared: the longest of late, or many times the mean, since a busy machine stalls."""
        return max(self._longest_s, STALL * self.mean_s)

    def begin(self, control: TimeControl | None, planned_s: Callable[[], float]) -> None:
        """A `go` with this reading of the clock.

        planned_s: asked at the next `go`, how long the move was thought about as far as that was planned.
        """
        if control is not None and self._before is not None and not control.moves:
            earlier, thought_s = self._before
            passed = earlier.main_s + earlier.increment_s - control.main_s - thought_s()
            seen = passed if 0 < passed < MOST_S else 0.0
            self._longest_s = max(seen, FADES * self._longest_s)
            self.mean_s += WEIGHT * (seen - self.mean_s)
        self._before = None if control is None or control.main_s == math.inf else (control, planned_s)

    def forget_clock(self) -> None:
        """Another game begins; what was seen of the lag stays."""
        self._before = None
