"""What every player can do, be it a search, a solver or chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from engine._core import Game, State
from engine.player.thinking import Thinker

Analysis = dict[str, Any]
"""What a player thinks of a position, in the notation of the game and for the player to move.

best: its move. value in [-1, 1]. wdl: win, draw, loss. visits, prior: by legal move. pv: the moves expected,
the best one first. simulations: new visits that were made, 0 without a search.
"""


class Player(Protocol):
    """Plays one game and serves one thread; positions it is given are not over."""

    @property
    def name(self) -> str:
        """As it was named."""

    @property
    def game(self) -> Game:
        """Whose positions it takes."""

    @property
    def simulations(self) -> int:
        """Of its search, a move, where whoever asks does not say; 0 where it does not search."""

    def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
        """An action for each position; a position's randomness comes from its seed."""

    def analyze(self, states: Sequence[State], simulations: int | None = None) -> list[Analysis]:
        """What it thinks of each position after so many simulations, by default its own number."""

    def thinker(self, *, memory_mb: float | None = None) -> Thinker:
        """What thinks about positions for as long as it is let; its trees share `memory_mb`."""

    def twin(self, seed: int) -> Player:
        """The same player for another thread; chance in it comes from `seed`."""
