"""What stands on the cells of any game's board, from what the game offers, from its drawing or its planes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engine import _core
from engine.game import inquiry
from engine.game.drawing import read_drawing
from engine.game.python_game import draw_planes

EMPTY, PLAIN = ".", ("X", "O")
"""Marks of an empty cell and of the players' stones; other letters are pieces, capitals of the first."""

Marks = list[list[str]]
"""[H][W], rows from the top."""

_DRAWN_EMPTY = {".", "·", "-", "_", "+", ","}


def owner(mark: str) -> int | None:
    """Whose a mark is: 0, 1, or None of nobody."""
    if mark in PLAIN:
        return PLAIN.index(mark)
    return int(mark[0].islower()) if mark[0].isalpha() else None


def mark_reader(game: _core.Game, sample: Sequence[_core.State]) -> Callable[[_core.State], Marks]:
    """What tells the marks of a game's positions, chosen by how it draws those of a sample.

    Where a drawing shows the same cells occupied as the first two planes, these say whose each is: own marks
    first, the other's second. A drawing alone tells by capital and small letters.
    """
    if inquiry.is_offered(game, "board_marks"):
        return lambda state: inquiry.board_marks(game, state) or []
    drawn = [_drawn(game, state) for state in sample]
    shown = [_of_planes(state) for state in sample]
    if all(marks is not None for marks in drawn) and not all(
        planes is not None and marks is not None and _occupied(planes) == _occupied(marks)
        for planes, marks in zip(shown, drawn, strict=True)
    ):
        return lambda state: _drawn(game, state) or _empty(game)
    if all(marks is not None for marks in shown):
        return lambda state: _of_planes(state) or _empty(game)
    return _of_first_plane


def _drawn(game: _core.Game, state: _core.State) -> Marks | None:
    """The board in a drawing with a mark for every cell; None where there is none but the planes."""
    _, height, width = game.planes_shape
    text = state.text()
    if text == draw_planes(state.encode()):
        return None
    marks = read_drawing(text, width).marks
    if [len(row) for row in marks] != [width] * height:
        return None
    marks = [[EMPTY if mark in _DRAWN_EMPTY else mark for mark in row] for row in marks]
    if {mark for row in marks for mark in row} <= {EMPTY, "x", "o"}:
        marks = [[mark.upper() for mark in row] for row in marks]
    return marks


def _of_planes(state: _core.State) -> Marks | None:
    """Stones of the first two planes; None where these are no such planes."""
    planes = state.encode()
    if len(planes) < 2 or not np.isin(planes[:2], (0, 1)).all() or (planes[0] * planes[1]).any():
        return None
    first, second = planes[:2] if state.player() == 0 else planes[1::-1]
    return [
        [PLAIN[0] if one else PLAIN[1] if other else EMPTY for one, other in zip(*row, strict=True)]
        for row in zip(first, second, strict=True)
    ]


def _of_first_plane(state: _core.State) -> Marks:
    return [[PLAIN[0] if cell else EMPTY for cell in row] for row in state.encode()[0]]


def _empty(game: _core.Game) -> Marks:
    _, height, width = game.planes_shape
    return [[EMPTY] * width for _ in range(height)]


def _occupied(marks: Marks) -> list[list[bool]]:
    return [[mark != EMPTY for mark in row] for row in marks]
