"""Actors: who plays the games, and where. All of them keep one interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from engine.selfplay.resignation import NEVER

if TYPE_CHECKING:
    from engine.evaluator.network import PolicyValueNetwork
    from engine.selfplay.caller import Games


@dataclass(frozen=True)
class InFlight:
    """Games under way when weights change: all there is to go on from.

    games: their columns, callers one after another, each with the same number of games.
    next_ids: the id of each caller's next game.
    """

    games: list[Games]
    next_ids: list[int]


class Actors(Protocol):
    """Plays games with the newest weights and gives them to the driver; owns evaluators and devices."""

    def play(self, positions: int) -> list[Games]:
        """Make this many searched moves in all; the games that ended, a batch a caller.

        Fewer moves where `finish` is called meanwhile.
        """

    def load(self, network: PolicyValueNetwork, checkpoint: int, resign_below: float = NEVER) -> None:
        """Play on with these weights; players give up below this root value."""

    def snapshot(self) -> InFlight:
        """The games under way."""

    def restore(self, in_flight: InFlight) -> None:
        """Go on from a snapshot."""

    def stats(self) -> dict[str, float]:
        """Counters since the start, summed over callers."""

    def played(self) -> int:
        """Searched moves of the `play` under way or the last one, a moment ago."""

    def finish(self) -> None:
        """Make a `play` under way return after its current batch, with what it has played.

        That is the same as if it had been asked for just so many moves of each caller.
        """

    def stop(self) -> None:
        """Make a `play` under way raise StoppedError soon."""

    def close(self) -> None:
        """Give back threads, processes and devices."""
