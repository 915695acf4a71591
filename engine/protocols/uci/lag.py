"""Lag: what a client's clock counts beyond the time that a search has taken."""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.player.clock import TimeControl

FADES = 0.95
"""Of what was seen, a move."""

SHARE = 3 / 4
"""Of the worst, that is taken for every move's: the clock keeps some times a lag in reserve as it is."""

MOST_S = 5.0
"""More between two moves is no lag: the client has set its clock anew."""


class Lag:
    """What a session has seen of it, from one `go` on a clock to the next of the same game."""

    def __init__(self) -> None:
        self._worst_s = self._mean_s = 0.0
        self._before: tuple[TimeControl, Callable[[], float]] | None = None

    @property
    def typical_s(self) -> float:
        """To be reckoned with at every move."""
        return max(self._mean_s, SHARE * self._worst_s)

    def begin(self, control: TimeControl | None, planned_s: Callable[[], float]) -> None:
        """A `go` with this reading of the clock.

        planned_s: asked at the next `go`, how long the move was thought about as far as that was planned.
        """
        if control is not None and self._before is not None and not control.moves:
            earlier, thought_s = self._before
            passed = earlier.main_s + earlier.increment_s - control.main_s - thought_s()
            seen = passed if 0 < passed < MOST_S else 0.0
            self._worst_s = max(seen, FADES * self._worst_s)
            self._mean_s += (1 - FADES) * (seen - self._mean_s)
        self._before = None if control is None or control.main_s == math.inf else (control, planned_s)

    def forget_clock(self) -> None:
        """Another game begins; what was seen of the lag stays."""
        self._before = None
