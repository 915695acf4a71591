"""One of our players with a limit on its time."""

from __future__ import annotations

from collections.abc import Sequence

from engine._core import Game, State
from engine.player.limit import Limit
from engine.player.player import Analysis, Player
from engine.player.thinking import Thinker


class LimitedPlayer:
    """A player under another name and with a limit, which whoever plays a game with it keeps to.

    Asked for a move without a clock it takes its simulations.
    """

    def __init__(self, player: Player, name: str, limit: Limit) -> None:
        self.name = name
        self.limit = limit
        self._player = player

    @property
    def game(self) -> Game:
        """Whose positions it takes."""
        return self._player.game

    @property
    def simulations(self) -> int:
        """A move, where there is no clock."""
        return self._player.simulations

    def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
        """An action for each position."""
        return self._player.choose(states, seeds)

    def analyze(self, states: Sequence[State], simulations: int | None = None) -> list[Analysis]:
        """What it thinks of each position."""
        return self._player.analyze(states, simulations)

    def thinker(self, *, memory_mb: float | None = None) -> Thinker:
        """What thinks for as long as it is let."""
        return self._player.thinker(memory_mb=memory_mb)

    def twin(self, seed: int) -> LimitedPlayer:
        """The same player for another thread."""
        return LimitedPlayer(self._player.twin(seed), self.name, self.limit)
