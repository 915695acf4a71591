"""Connect Four once more, in plain Python and in Numba, with the planes and keys of nobody else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from engine.game import PythonGame, PythonState, Symmetry
from engine.numba_game import NumbaGame, Rules

HEIGHT, WIDTH = 6, 7
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
MIRROR: Symmetry = (
    [row * WIDTH + WIDTH - 1 - column for row in range(HEIGHT) for column in range(WIDTH)],
    list(range(WIDTH - 1, -1, -1)),
)
DESCRIPTION: dict[str, Any] = {
    "num_actions": WIDTH,
    "planes_shape": (5, HEIGHT, WIDTH),
    "max_plies": HEIGHT * WIDTH,
    "action_names": [str(column + 1) for column in range(WIDTH)],
    "symmetries": [MIRROR],
}


@register_jitable
def completes_four(board: Any, row: int, column: int, stone: int) -> Any:
    """Whether a stone in a cell, taken or not, makes four of its colour; rows from the top."""
    for down, right in DIRECTIONS:
        run = 1
        for sign in (-1, 1):
            r, c = row + sign * down, column + sign * right
            while 0 <= r < HEIGHT and 0 <= c < WIDTH and board[r, c] == stone:
                run += 1
                r, c = r + sign * down, c + sign * right
        if run >= 4:
            return True
    return False


@register_jitable
def landing_row(board: Any, column: int) -> Any:
    row = HEIGHT - 1
    while row >= 0 and board[row, column] != 0:
        row -= 1
    return row


@register_jitable
def fill_planes(board: Any, stone: int, planes: Any) -> None:
    for row in range(HEIGHT):
        for column in range(WIDTH):
            if board[row, column] == stone:
                planes[0, row, column] = 1
            elif board[row, column] != 0:
                planes[1, row, column] = 1
            else:
                if landing_row(board, column) == row:
                    planes[2, row, column] = 1
                if completes_four(board, row, column, stone):
                    planes[3, row, column] = 1
                if completes_four(board, row, column, 3 - stone):
                    planes[4, row, column] = 1


class PythonConnect4State(PythonState):
    def __init__(self) -> None:
        self.board = np.zeros((HEIGHT, WIDTH), np.int8)  # 1 and 2 are the players' stones
        self.plies = 0
        self.lost = False

    def player(self) -> int:
        return self.plies % 2

    def legal_actions(self) -> list[int]:
        return [] if self.lost else [c for c in range(WIDTH) if self.board[0, c] == 0]

    def play(self, action: int) -> None:
        row, stone = landing_row(self.board, action), self.player() + 1
        self.lost = completes_four(self.board, row, action, stone)
        self.board[row, action] = stone
        self.plies += 1

    def outcome(self) -> float | None:
        return -1.0 if self.lost else 0.0 if self.plies == HEIGHT * WIDTH else None

    def winning_action(self) -> int:
        for column in self.legal_actions():
            if completes_four(self.board, landing_row(self.board, column), column, self.player() + 1):
                return column
        return -1

    def encode(self) -> NDArray[np.float32]:
        planes = np.zeros((5, HEIGHT, WIDTH), np.float32)
        fill_planes(self.board, self.player() + 1, planes)
        return planes

    def clone(self) -> PythonConnect4State:
        copy = PythonConnect4State()
        copy.board, copy.plies, copy.lost = self.board.copy(), self.plies, self.lost
        return copy


class PythonConnect4(PythonGame):
    def __init__(self) -> None:
        super().__init__(name="python-connect4", **DESCRIPTION)

    def start(self) -> PythonConnect4State:
        return PythonConnect4State()


# In Numba a state is the board, whether the game is lost, and the plies played.
CELLS = HEIGHT * WIDTH
LOST, PLIES = CELLS, CELLS + 1


@njit
def _board(state: Any) -> Any:
    return state[:CELLS].reshape(HEIGHT, WIDTH)


@njit
def start(state: Any) -> None:
    state[PLIES] = 0


@njit
def legal_actions(state: Any, out: Any) -> Any:
    count = 0
    if state[LOST] == 0:
        for column in range(WIDTH):
            if state[column] == 0:
                out[count] = column
                count += 1
    return count


@njit
def player(state: Any) -> Any:
    return state[PLIES] & 1


@njit
def play(state: Any, action: Any) -> None:
    board, stone = _board(state), (state[PLIES] & 1) + 1
    row = landing_row(board, action)
    state[LOST] = completes_four(board, row, action, stone)
    board[row, action] = stone
    state[PLIES] += 1


@njit
def outcome(state: Any) -> Any:
    if state[LOST]:
        return -1.0
    return 0.0 if state[PLIES] == CELLS else np.nan


@njit
def winning_action(state: Any) -> Any:
    board, stone = _board(state), (state[PLIES] & 1) + 1
    for column in range(WIDTH):
        is_open = state[LOST] == 0 and board[0, column] == 0
        if is_open and completes_four(board, landing_row(board, column), column, stone):
            return column
    return -1


@njit
def encode(state: Any, planes: Any) -> None:
    fill_planes(_board(state), (state[PLIES] & 1) + 1, planes)


class NumbaConnect4(NumbaGame):
    def __init__(self) -> None:
        rules = Rules(start, legal_actions, play, player, outcome, encode, winning_action)
        super().__init__(name="numba-connect4", state_bytes=CELLS + 2, rules=rules, **DESCRIPTION)
