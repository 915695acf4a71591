"""A game whose players move in any order: for what depends on who moves after whom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.game import PythonGame, PythonState

HEAP = 9
"""Counters at the start; a move takes one, two or three of them."""


class CountdownState(PythonState):
    """What is left, the moves made, and in `turns` the player of each move, over and over."""

    def __init__(self, turns: str) -> None:
        self.turns = turns
        self.heap = HEAP
        self.plies = 0

    def player(self) -> int:
        return int(self.turns[self.plies % len(self.turns)])

    def legal_actions(self) -> list[int]:
        return list(range(min(3, self.heap)))

    def play(self, action: int) -> None:
        self.heap -= action + 1
        self.plies += 1

    def outcome(self) -> float | None:
        """The first player has lost, drawn or won by the number of moves."""
        if self.heap:
            return None
        result = float(self.plies % 3 - 1)
        return result if self.player() == 0 else -result

    def encode(self) -> NDArray[np.float32]:
        planes = np.zeros((3, 1, HEAP + 1), np.float32)
        planes[0, 0, self.heap] = 1
        planes[1, 0, self.plies] = 1
        planes[2] = self.player()
        return planes

    def clone(self) -> CountdownState:
        copy = CountdownState(self.turns)
        copy.heap, copy.plies = self.heap, self.plies
        return copy


class Countdown(PythonGame):
    """`turns` "0" is a game of one player, "01" of two, in "001" the first moves twice in a row."""

    def __init__(self, turns: str) -> None:
        self.turns = turns
        super().__init__(
            name=f"countdown:turns={turns}", num_actions=3, planes_shape=(3, 1, HEAP + 1), max_plies=HEAP
        )

    def start(self) -> CountdownState:
        return CountdownState(self.turns)
