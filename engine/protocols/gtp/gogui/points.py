"""Moves of any game as points of a square board, clicked in turn.

A point is a text such as `D4`: a letter without I for the column, the row counted from below. A game's cells
lie in the board's lower left corner. A move is one point, or several where a piece goes from here to there,
or where moves look alike: then a further click tells which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property

from engine import _core
from engine.errors import UserError
from engine.game import inquiry
from engine.protocols.gtp.gogui.marks import EMPTY, Marks, mark_reader, owner

LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
"""Of columns."""

MAX_SIDE = len(LETTERS)
PASS = "pass"

Cell = tuple[int, int]
"""(row from the top, column) of a game's board."""

Path = tuple[str, ...]
"""Points of a move, or PASS alone."""

_NAME = re.compile(r"([a-z])([0-9]{1,2})(?:[-x:>]?([a-z])([0-9]{1,2}))?[^0-9]*", re.IGNORECASE)
_ALPHABETS = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", LETTERS)
_SAMPLE_PLIES, _SAMPLE = 24, 8
_SHARE = 0.75
"""Of the moves tried that must change the cells they are named after."""

_Place = Callable[[str], Sequence[Cell] | None]
"""From a move's name to its cells."""


class Points:
    """Where a game's cells and moves lie. Raise UserError where the board is too large for points."""

    def __init__(self, game: _core.Game) -> None:
        self._game = game
        self._sample = _sample(game)
        self._marks = mark_reader(game, self._sample)
        first = self._marks(self._sample[0])
        self._rows, self._columns = len(first), len(first[0])
        if max(self._rows, self._columns) > MAX_SIDE:
            raise UserError(
                f"game '{game.name}': its board is {self._columns}x{self._rows}, which has no points; they "
                f"are for {MAX_SIDE}x{MAX_SIDE} at most"
            )

    @cached_property
    def _named_cells(self) -> list[Cell] | None:
        """The shown place (column, row from below) of every cell, where each has a move named after it."""
        cells = self._rows * self._columns
        if self._game.num_actions not in (cells, cells + 1):
            return None
        names = [self._sample[0].action_text(action).upper() for action in range(cells)]
        matches = [re.fullmatch("([A-Z])([0-9]{1,2})", name) for name in names]
        alphabet = _ALPHABETS[not any(name.startswith("I") for name in names)]
        found = [
            (alphabet.index(match[1]), int(match[2]) - 1)
            for match in matches
            if match and match[1] in alphabet and match[2] != "0"
        ]
        fits = len(set(found)) == cells and max(max(place) for place in found) < MAX_SIDE
        return found if fits else None

    @cached_property
    def size(self) -> int:
        """Sides of the square board."""
        if self._named_cells is not None:
            return 1 + max(max(place) for place in self._named_cells)
        return max(self._rows, self._columns)

    def marks(self, state: _core.State) -> dict[str, str]:
        """What stands on each point of the game's board, from the top left on; empty ones included."""
        marks = self._marks(state)
        placed = {
            self.point(row, column): marks[row][column]
            for row in range(self._rows)
            for column in range(self._columns)
        }
        return {point: placed[point] for point in self.all_points() if point in placed}

    def all_points(self) -> list[str]:
        """Points of the square board, row by row from the top."""
        return [
            f"{LETTERS[column]}{row + 1}" for row in reversed(range(self.size)) for column in range(self.size)
        ]

    def point(self, row: int, column: int) -> str:
        """Of a cell."""
        if self._named_cells is not None:
            across, up = self._named_cells[row * self._columns + column]
        else:
            across, up = column, self._row_from_below(row)
        return f"{LETTERS[across]}{up + 1}"

    def paths(self, state: _core.State) -> dict[int, Path]:
        """The clicks of every legal move; none is the beginning of another's."""
        return self._told(state)[0]

    def choices(self, state: _core.State) -> set[int]:
        """The legal moves whose last click lies anywhere, to tell them from others."""
        return self._told(state)[1]

    def _told(self, state: _core.State) -> tuple[dict[int, Path], set[int]]:
        paths: dict[int, Path] = {}
        choices: set[int] = set()
        free = iter(self.all_points())
        for action in state.legal_actions():
            cells = self._cells(state, action)
            if cells is not None:
                paths[action] = tuple(self.point(*cell) for cell in cells) or (PASS,)
                continue
            point = next(free, None)
            if point is None:
                raise UserError(f"game '{self._game.name}': this position has more moves than points")
            paths[action] = (point,)
            choices.add(action)
        return paths, choices | self._tell_apart(paths)

    def _tell_apart(self, paths: dict[int, Path]) -> set[int]:
        """Add a click where moves are alike, or one goes on where another ends; the moves that got it.

        It is first the last point again, for the lowest action, then its neighbours in the column and all
        other points.
        """
        groups: dict[Path, list[int]] = {}
        for action, path in paths.items():
            groups.setdefault(path, []).append(action)
        begun = {path[:length] for path in groups for length in range(1, len(path))}
        alike = {path: group for path, group in groups.items() if len(group) > 1 or path in begun}
        for path, group in alike.items():
            taken = {other[len(path)] for other in groups if other != path and other[: len(path)] == path}
            points = [point for point in self._near(path[-1]) if point not in taken]
            if len(points) < len(group):
                raise UserError(f"game '{self._game.name}': more moves look alike than there are points")
            for action, point in zip(group, points, strict=False):
                paths[action] = (*path, point)
        return {action for group in alike.values() for action in group}

    def _near(self, point: str) -> list[str]:
        if point == PASS:
            return self.all_points()
        column, row = point[0], int(point[1:])
        inward = range(row, 0, -1) if 2 * row > self.size else range(row, self.size + 1)
        first = [f"{column}{each}" for each in inward]
        return first + [each for each in self.all_points() if each not in first]

    def _cells(self, state: _core.State, action: int) -> Sequence[Cell] | None:
        """Of a move; none for a pass, None where the game has no way to tell."""
        text = state.action_text(action)
        if text.lower() == PASS:
            return []
        offered = inquiry.move_cells(self._game, state, action)
        if offered is not None:
            return offered
        if self._by_index:
            cells = self._rows * self._columns
            return [divmod(action, self._columns)] if action < cells else []
        if self._by_name is not None:
            return self._by_name(text)
        return self._changed_cells(state, action)

    @cached_property
    def _by_index(self) -> bool:
        """Whether actions are cells, maybe with one more that passes."""
        cells = self._rows * self._columns
        return self._named_cells is not None or self._game.num_actions in (cells, cells + 1)

    @cached_property
    def _by_name(self) -> _Place | None:
        """What reads cells out of names, where moves change the cells that they are named after."""
        moves = [(state, action) for state in self._sample for action in state.legal_actions()]
        moves = [move for move in moves if move[0].action_text(move[1]).lower() != PASS]
        changes = [self._changes(state, action) for state, action in moves]
        for alphabet in _ALPHABETS:
            for from_below in (True, False):
                place = self._placing(alphabet, from_below)
                told = [place(state.action_text(action)) for state, action in moves]
                right = sum(
                    cells is not None and changed.issuperset(cells)
                    for cells, changed in zip(told, changes, strict=True)
                )
                if moves and None not in told and right >= _SHARE * len(moves):
                    return place
        return None

    @cached_property
    def _rows_from_below(self) -> bool:
        """Whether the board is shown as it is drawn; else names count its rows from the top."""
        if self._named_cells is None and not self._by_index and self._by_name is not None:
            return self._by_name("a1") == [(self._rows - 1, 0)]
        return True

    def _row_from_below(self, row: int) -> int:
        return self._rows - 1 - row if self._rows_from_below else row

    def _placing(self, alphabet: str, from_below: bool) -> _Place:
        def place(text: str) -> Sequence[Cell] | None:
            match = _NAME.fullmatch(text)
            if match is None:
                return None
            cells = []
            for letter, number in zip(match.groups()[::2], match.groups()[1::2], strict=True):
                if letter is None:
                    continue
                column = alphabet.find(letter.upper())
                row = self._rows - int(number) if from_below else int(number) - 1
                if not (0 <= column < self._columns and 0 <= row < self._rows):
                    return None
                cells.append((row, column))
            return cells

        return place

    def _changes(self, state: _core.State, action: int) -> set[Cell]:
        before, after = self._marks(state), self._marks(_after(state, action))
        return {cell for cell in self._grid() if _at(before, cell) != _at(after, cell)}

    def _changed_cells(self, state: _core.State, action: int) -> Sequence[Cell] | None:
        """From where to where the one piece goes, or where the one stone comes."""
        player = state.player()
        before, after = self._marks(state), self._marks(_after(state, action))
        changed = [cell for cell in self._grid() if _at(before, cell) != _at(after, cell)]
        left = [cell for cell in changed if owner(_at(before, cell)) == player and _at(after, cell) == EMPTY]
        gained = [cell for cell in changed if owner(_at(after, cell)) == player]
        come = [cell for cell in gained if _at(before, cell) == EMPTY]
        if len(left) == len(gained) == 1:
            return [left[0], gained[0]]
        return come if not left and len(come) == 1 else None

    def _grid(self) -> list[Cell]:
        return [(row, column) for row in range(self._rows) for column in range(self._columns)]


def _at(marks: Marks, cell: Cell) -> str:
    return marks[cell[0]][cell[1]]


def _after(state: _core.State, action: int) -> _core.State:
    after = state.clone()
    after.play(action)
    return after


def _sample(game: _core.Game) -> list[_core.State]:
    """Some positions of a random game that are not over, the first one among them."""
    state = game.initial()
    states = [state.clone()]
    for action in _core.rollout_moves(game, 1, _SAMPLE_PLIES):
        state.play(action)
        if state.outcome() is None:
            states.append(state.clone())
    step = max(1, -(-len(states) // _SAMPLE))
    return states[::step]
