"""Suites of openings: balanced positions to begin matches from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files

from engine._core import Game

_LARGE = 11
"""Sides of a board of Go from which on openings are played in its corners."""

_CORNERS = ((3, 3), (3, 4), (4, 3), (4, 4), (3, 5), (5, 3))
"""Usual first points of a corner, counted from 1 at its two sides."""


def read_suite(name: str) -> list[str]:
    """The positions of a file in games/data/openings, without the names behind them."""
    text = (files("games") / "data" / "openings" / f"{name}.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def go_suite(game: Game, columns: int, rows: int) -> list[str]:
    """One and two plies away from the edge, those of large boards in the corners."""
    points = list(_corner_points(columns, rows) if min(columns, rows) >= _LARGE else _inner(columns, rows))
    singles = [(point,) for point in points]
    pairs = [(one, other) for one in points for other in points if one != other]
    return distinct(game, [*singles, *pairs])


def distinct(game: Game, lines: Iterable[tuple[str, ...]]) -> list[str]:
    """Lines of moves as texts, the first of those that a symmetry turns into each other."""
    texts: dict[int, str] = {}
    for moves in lines:
        state = game.initial()
        for move in moves:
            if state.outcome() is None:
                state.play(state.parse_action(move))
        if state.outcome() is None:
            texts.setdefault(state.canonical()[0], " ".join(moves))
    return list(texts.values())


def _inner(columns: int, rows: int) -> Iterator[str]:
    """Points on the third line and above; on boards up to six on the second, up to three on all."""
    side = min(columns, rows)
    margin = 2 if side > 6 else 1 if side > 3 else 0
    for row in range(margin, rows - margin):
        for column in range(margin, columns - margin):
            yield _point(column, row)


def _corner_points(columns: int, rows: int) -> Iterator[str]:
    for x, y in _CORNERS:
        for column in (x - 1, columns - x):
            for row in (y - 1, rows - y):
                yield _point(column, row)


def _point(column: int, row: int) -> str:
    return f"{'ABCDEFGHJKLMNOPQRSTUVWXYZ'[column]}{row + 1}"
