"""The legal moves of a position as a person reads them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

MAX_NEAR = 6
"""Moves named beside one that is not legal."""


def order_moves(moves: Sequence[str]) -> list[str]:
    """Words such as `pass` first, which are no places on the board; the others as they come."""
    return sorted(moves, key=_is_place)


def move_columns(moves: Sequence[str], width: int) -> list[str]:
    """All of `moves` in lines of at most `width` columns, one below the other, read from left to right.

    Words have a line of their own. Where points of a board fit, each of its rows has one, too.
    """
    ordered = order_moves(moves)
    words = [] if not _is_place(ordered[-1]) else [move for move in ordered if not _is_place(move)]
    places = ordered[len(words) :]
    cell = max((len(move) for move in places), default=0) + 2
    per_line = max(1, (width + 2) // cell)
    lines, rows = _lines(places, per_line, cell), _rows(places)
    if rows and all(len(row) <= per_line for row in rows) and len(rows) <= 3 * len(lines):
        lines = ["".join(move.ljust(cell) for move in row).rstrip() for row in rows]
    return ["  ".join(words), *lines] if words else lines


def near_moves(text: str, moves: Sequence[str]) -> list[str]:
    """The legal moves that `text` was meant for, as far as its letters tell; none where it is like none."""
    wanted = text.casefold()
    same = [move for move in moves if move.casefold() == wanted]
    if same:
        return same
    begun = [move for move in moves if move.casefold().startswith(wanted)]
    alike = difflib.get_close_matches(wanted, [move.casefold() for move in moves], n=MAX_NEAR, cutoff=0.5)
    close = [move for name in alike for move in moves if move.casefold() == name]
    return list(dict.fromkeys([*begun, *close]))[:MAX_NEAR]


def _is_place(move: str) -> bool:
    return any(letter.isdigit() for letter in move)


def _rows(moves: Sequence[str]) -> list[list[str]]:
    """Points such as C3 by the number of their row; nothing where some move is no such point."""
    rows: dict[str, list[str]] = {}
    for move in moves:
        if not (move[:1].isalpha() and move[1:].isdigit()):
            return []
        rows.setdefault(move[1:], []).append(move)
    return list(rows.values())


def _lines(moves: Sequence[str], per_line: int, cell: int) -> list[str]:
    rows = (moves[first : first + per_line] for first in range(0, len(moves), per_line))
    return ["".join(move.ljust(cell) for move in row).rstrip() for row in rows]
