"""A game whose rules give wrong answers now and then, or use what searches them."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

from engine.game import PythonGame
from games.tictactoe import TicTacToeState

WRONG: dict[str, list[Any]] = {
    "player": [2, -1, 7, 2**40, None, "0", 0.5],
    "legal_actions": [[9], [-1], [3, 1], [1, 1], range(10**5), None, 5, ["a"], [2**40], []],
    "outcome": [float("nan"), float("inf"), 2.0, -1e30, "won", 0.0],
    "encode": [None, np.zeros(3), np.zeros((2, 3, 4), np.float32), np.full((2, 3, 3), np.nan), [[1]], "x"],
    "text": [None, 5, "\ud800", b"x"],
    "clone": [None, 5, object()],
    "winning_action": [-7, 9, 2**31 - 1, 2**40, None],
    "score": [None, (1.0, 2), (float("nan"), np.zeros((3, 3))), (1.0, np.zeros((4, 4)))],
    "key": [-1, 2**64, 0, "x"],
    "canonical": [(0, 10**6), (0, -1), (2**64, 0), (1, 2), 5, (0,), (0, 1)],
}
"""Of each method: answers that are none, or not of this position."""


class RiggedState(TicTacToeState):
    """Tic-tac-toe but for `RiggedGame.spoil`."""

    def __init__(self, game: RiggedGame) -> None:
        super().__init__()
        self.game = game

    def clone(self) -> RiggedState:
        copy = RiggedState(self.game)
        copy.cells, copy.plies = self.cells[:], self.plies
        return copy


def _rig(name: str) -> Any:
    honest = getattr(RiggedState, name)

    def rigged(self: RiggedState, *arguments: Any) -> Any:
        return self.game.spoil(name, lambda: honest(self, *arguments))

    return rigged


for _name in [*WRONG, "play"]:
    setattr(RiggedState, _name, _rig(_name))


class RiggedGame(PythonGame):
    """Args:
    share: of calls that go wrong.
    meddle: what else a call may do; it is called at random.
    """

    def __init__(self, share: float = 0.0, seed: int = 0, meddle: Any = None) -> None:
        super().__init__(name="tictactoe", num_actions=9, planes_shape=(2, 3, 3), max_plies=9)
        self.share, self.random, self.meddle = share, Random(seed), meddle
        self.once: tuple[str, Any] | None = None

    def start(self) -> RiggedState:
        return RiggedState(self)

    def spoil(self, method: str, honest: Any) -> Any:
        """The answer of a method: right, wrong, or an error of its own."""
        if self.once is not None and self.once[0] == method:
            return self.once[1]
        if self.random.random() >= self.share:
            return honest()
        if self.meddle is not None and self.random.random() < 0.5:
            self.meddle()
            return honest()
        if self.random.random() < 0.2:
            raise ValueError(f"{method} has failed")
        return self.random.choice(WRONG.get(method, [None]))
