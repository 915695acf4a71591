"""How an event is conducted: what is forgiven, and for how long anything is waited for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.errors import UserError


@dataclass(frozen=True)
class Conduct:
    """Settings of a runner.

    margin_s: a move so much too late is still taken. patience_s: how long an outside engine may take for what
    no clock counts: to get ready, to answer, to move without a limit of time. max_failures: games in a row
    that an engine may break off before the rest of its games are forfeited without it. engines: games with
    outside engines side by side in one thread. timed: games with clocks, likewise; more than one share the
    thread's time.
    """

    margin_s: float = 0.05
    patience_s: float = 60.0
    max_failures: int = 10
    engines: int = 4
    timed: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        for name, least in (("margin_s", 0.0), ("patience_s", 1e-3)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise UserError(f"{name.removesuffix('_s')} {value} is not a finite number of seconds")
