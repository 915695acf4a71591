"""Othello in Numba: bitboards in a state of 24 bytes, at the speed of C++ and without a compiler. To copy.

A state is three 64-bit numbers: stones of the player to move, stones of the other, and who moves. Bit
8 * row + column is a cell, rows from the top.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.game import board_symmetries
from engine.numba_game import NumbaGame, Rules
from games.opening import read_suite

PASS = 64

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_INNER = np.uint64(0x7E7E7E7E7E7E7E7E)  # without the outer columns: what a sideways run may cross
_STEPS = (np.uint64(1), np.uint64(7), np.uint64(8), np.uint64(9))
_MASKS = (_INNER, _INNER, _ALL, _INNER)

# Bit number of a lone bit b: _BIT_OF[(b * _DE_BRUIJN) >> 58] (Leiserson, Prokop & Randall 1998).
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_OF = np.zeros(64, np.int32)
for _bit in range(64):
    _BIT_OF[((int(_DE_BRUIJN) << _bit) & int(_ALL)) >> 58] = _bit


@njit(cache=True)
def _runs(crossed: Any, seeds: Any, step: Any) -> Any:
    """Stones of `crossed` in unbroken lines from beside the seeds, towards higher and lower bits."""
    up = crossed & (seeds << step)
    down = crossed & (seeds >> step)
    for _ in range(5):
        up |= crossed & (up << step)
        down |= crossed & (down >> step)
    return up, down


@njit(cache=True)
def _moves(own: Any, other: Any) -> Any:
    """Empty cells at the end of a line of the other's stones that starts beside one of ours."""
    found = np.uint64(0)
    for step, mask in zip(_STEPS, _MASKS):  # noqa: B905
        up, down = _runs(other & mask, own, step)
        found |= (up << step) | (down >> step)
    return found & ~(own | other)


@njit(cache=True)
def _flipped(own: Any, other: Any, move: Any) -> Any:
    """The other's stones between the move and ours."""
    found = np.uint64(0)
    for step, mask in zip(_STEPS, _MASKS):  # noqa: B905
        up, down = _runs(other & mask, move, step)
        if (up << step) & own:
            found |= up
        if (down >> step) & own:
            found |= down
    return found


@njit(cache=True)
def _count(board: Any) -> Any:
    count = 0
    while board:
        board &= board - _ONE
        count += 1
    return count


@njit(cache=True)
def start(state: Any) -> None:
    """Black, who moves first, on e4 and d5; White on d4 and e5."""
    state[0] = (_ONE << np.uint64(28)) | (_ONE << np.uint64(35))
    state[1] = (_ONE << np.uint64(27)) | (_ONE << np.uint64(36))


@njit(cache=True)
def legal_actions(state: Any, out: Any) -> Any:
    """Cells that turn at least one stone; a pass where there is none and the other can move."""
    moves = _moves(state[0], state[1])
    if not moves:
        if not _moves(state[1], state[0]):
            return 0
        out[0] = PASS
        return 1
    count = 0
    while moves:
        rest = moves & (moves - _ONE)
        out[count] = _BIT_OF[((moves ^ rest) * _DE_BRUIJN) >> np.uint64(58)]
        moves = rest
        count += 1
    return count


@njit(cache=True)
def play(state: Any, action: Any) -> None:
    """Place a stone and turn what it closes in, or pass."""
    own, other = state[0], state[1]
    if action != PASS:
        move = _ONE << np.uint64(action)
        turned = _flipped(own, other, move)
        own |= move | turned
        other &= ~turned
    state[0] = other
    state[1] = own
    state[2] ^= _ONE


@njit(cache=True)
def player(state: Any) -> Any:
    """Black is the first."""
    return state[2]


@njit(cache=True)
def outcome(state: Any) -> Any:
    """More stones win once neither can move."""
    if _moves(state[0], state[1]) or _moves(state[1], state[0]):
        return np.nan
    return float(np.sign(_count(state[0]) - _count(state[1])))


@njit(cache=True)
def score(state: Any, owner: Any) -> Any:
    """Stones, and whose they are."""
    for cell in range(64):
        bit = np.uint64(cell)
        owner[cell >> 3, cell & 7] = np.int64((state[0] >> bit) & _ONE) - np.int64((state[1] >> bit) & _ONE)
    return _count(state[0]) - _count(state[1])


@njit(cache=True)
def encode(state: Any, planes: Any) -> None:
    """Own stones, the other's stones, cells to move to."""
    moves = _moves(state[0], state[1])
    for cell in range(64):
        bit = np.uint64(cell)
        planes[0, cell >> 3, cell & 7] = (state[0] >> bit) & _ONE
        planes[1, cell >> 3, cell & 7] = (state[1] >> bit) & _ONE
        planes[2, cell >> 3, cell & 7] = (moves >> bit) & _ONE


@njit(cache=True)
def _swapped(board: Any, mask: Any, step: Any) -> Any:
    """The bits under the mask change places with those `step` higher."""
    change = (board ^ (board >> step)) & mask
    return board ^ change ^ (change << step)


@njit(cache=True)
def _turned(board: Any, symmetry: Any) -> Any:
    """As engine.game.board_symmetries numbers them: transpose, reverse rows, reverse columns."""
    if symmetry & 1:
        board = _swapped(board, np.uint64(0x00AA00AA00AA00AA), np.uint64(7))
        board = _swapped(board, np.uint64(0x0000CCCC0000CCCC), np.uint64(14))
        board = _swapped(board, np.uint64(0x00000000F0F0F0F0), np.uint64(28))
    if symmetry & 2:
        board = _swapped(board, np.uint64(0x00FF00FF00FF00FF), np.uint64(8))
        board = _swapped(board, np.uint64(0x0000FFFF0000FFFF), np.uint64(16))
        board = _swapped(board, np.uint64(0x00000000FFFFFFFF), np.uint64(32))
    if symmetry & 4:
        board = _swapped(board, np.uint64(0x5555555555555555), np.uint64(1))
        board = _swapped(board, np.uint64(0x3333333333333333), np.uint64(2))
        board = _swapped(board, np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(4))
    return board


@njit(cache=True)
def turn(state: Any, symmetry: Any, out: Any) -> None:
    """Both sides' stones turned, the mover kept."""
    out[0] = _turned(state[0], symmetry)
    out[1] = _turned(state[1], symmetry)
    out[2] = state[2]


class Othello(NumbaGame):
    """Othello on eight by eight; a move is a cell such as d3, rows counted from the top, or pass."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "default": {
            "network": {"blocks": 4},
            "selfplay": {"full_search_fraction": 0.5, "max_opening_plies": 8},
        },
    }
    """Settings over the defaults of engine.config, by name."""

    start_is_symmetric = False
    """Quarter turns exchange the colours of the first four stones."""

    def __init__(self) -> None:
        super().__init__(
            name="othello",
            num_actions=65,
            planes_shape=(3, 8, 8),
            max_plies=120,  # 60 stones, and never two passes in a row
            state_bytes=24,
            state_dtype=np.uint64,
            rules=Rules(start, legal_actions, play, player, outcome, encode, turn=turn, score=score),
            action_names=[f"{'abcdefgh'[cell % 8]}{cell // 8 + 1}" for cell in range(64)] + ["pass"],
            symmetries=board_symmetries(8, 8, other_actions=1),
        )

    def openings(self) -> list[str]:
        """Four plies that begin diagonally or perpendicularly."""
        return read_suite("othello")

    def text(self, state: NDArray[np.uint64]) -> str:
        """X is Black, who moves first; a small dot where the player to move may place a stone."""
        planes = np.zeros((3, 8, 8), np.float32)
        encode(state, planes)
        own, other = ("X", "O") if player(state) == 0 else ("O", "X")
        rows = ["  a b c d e f g h"]
        for row in range(8):
            marks = [
                own
                if planes[0, row, column]
                else other
                if planes[1, row, column]
                else "·"
                if planes[2, row, column]
                else "."
                for column in range(8)
            ]
            rows.append(f"{row + 1} {' '.join(marks)}")
        return "\n".join(rows) + "\n"
