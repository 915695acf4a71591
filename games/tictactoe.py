"""Tic-tac-toe in plain Python: the shortest whole game, to copy."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.game import PythonGame, PythonState, board_symmetries

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


class TicTacToeState(PythonState):
    """Nine cells, row by row from the top: -1 empty, else the player whose mark it is."""

    def __init__(self) -> None:
        self.cells = [-1] * 9
        self.plies = 0

    def player(self) -> int:
        """The first player makes the odd moves."""
        return self.plies % 2

    def legal_actions(self) -> list[int]:
        """Empty cells."""
        return [] if self._lost() else [cell for cell in range(9) if self.cells[cell] < 0]

    def play(self, action: int) -> None:
        """Mark a cell."""
        self.cells[action] = self.player()
        self.plies += 1

    def outcome(self) -> float | None:
        """A full line is the last player's, so the player to move can only have lost."""
        if self._lost():
            return -1.0
        return 0.0 if self.plies == 9 else None

    def encode(self) -> NDArray[np.float32]:
        """Own marks, the other's marks."""
        cells = np.array(self.cells).reshape(3, 3)
        return np.stack([cells == self.player(), cells == 1 - self.player()]).astype(np.float32)

    def clone(self) -> TicTacToeState:
        """Faster than the default."""
        copy = TicTacToeState()
        copy.cells, copy.plies = self.cells[:], self.plies
        return copy

    def text(self) -> str:
        """X moves first."""
        marks = [".XO"[cell + 1] for cell in self.cells]
        return "\n".join(" ".join(marks[row : row + 3]) for row in (0, 3, 6)) + "\n"

    def _lost(self) -> bool:
        return any(all(self.cells[cell] == 1 - self.player() for cell in line) for line in LINES)


class TicTacToe(PythonGame):
    """Three in a row on three by three; a move is a cell from 1 to 9, row by row from the top."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "default": {
            "network": {"channels": 16, "blocks": 2, "head_channels": 8, "value_hidden": 32},
            "selfplay": {"games": 32, "simulations": 50, "max_opening_plies": 4},
            "loop": {"positions": 1024},
        },
    }
    """Settings over the defaults of engine.config, by name."""

    def __init__(self) -> None:
        super().__init__(
            name="tictactoe",
            num_actions=9,
            planes_shape=(2, 3, 3),
            max_plies=9,
            action_names=[str(cell) for cell in range(1, 10)],
            symmetries=board_symmetries(3, 3),
        )

    def openings(self) -> list[str]:
        """All drawn positions after one and two moves."""
        return ["1", "2", "5", "15", "21", "25", "28", "51"]

    def start(self) -> TicTacToeState:
        """An empty board."""
        return TicTacToeState()
