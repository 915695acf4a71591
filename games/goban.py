"""Go as the commands of the Go Text Protocol speak of it: stones, set-up, handicap, scores, records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine import _core
from engine.errors import UserError

COLORS = "BW"
"""By player, as the notation of positions has them."""

COLUMNS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
_MAX_RECORD = 1 << 20


class Goban:
    """The board of a game of Go. Points are written such as D4; players are 0, Black, and 1, White.

    Args:
        game: the rules.
        with_options: the same game but for these options of `Go`.
    """

    def __init__(self, game: _core.Go, with_options: Callable[..., _core.Go]) -> None:
        self._game = game
        self._with_options = with_options

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        _, rows, columns = self._game.planes_shape
        return columns, rows

    @property
    def komi(self) -> float:
        """Points for White, without the bonus for a handicap."""
        return self._game.komi

    def resized(self, columns: int, rows: int) -> _core.Go:
        """The same game on another board."""
        return self._with_options(size=f"{columns}x{rows}", handicap=0)

    def with_komi(self, komi: float) -> _core.Go:
        """The same game with another komi."""
        return self._with_options(komi=komi)

    def stones(self, state: _core.State) -> tuple[list[str], list[str]]:
        """Points of Black's and of White's stones, row by row from the top."""
        columns, rows = self.size
        planes = state.encode()[:2].reshape(2, -1)
        own, other = ([self._point(int(cell)) for cell in plane.nonzero()[0]] for plane in planes)
        assert columns * rows == planes.shape[1]
        return (own, other) if state.player() == 0 else (other, own)

    def captures(self, state: _core.State) -> tuple[int, int]:
        """Stones that Black and White have taken since the start."""
        assert isinstance(state, _core.GoState)
        return state.captures()

    def strings(self, state: _core.State) -> list[tuple[int, list[str], list[str]]]:
        """Of every string on the board its player, its points and its liberties."""
        colors = dict.fromkeys(self.stones(state)[0], 0) | dict.fromkeys(self.stones(state)[1], 1)
        seen: set[str] = set()
        found = []
        for first, player in colors.items():
            if first in seen:
                continue
            points, liberties = [first], []
            seen.add(first)
            for point in points:
                for near in self._neighbours(point):
                    if near not in colors:
                        liberties.append(near)
                    elif near not in seen and colors[near] == player:
                        seen.add(near)
                        points.append(near)
            found.append((player, points, list(dict.fromkeys(liberties))))
        return found

    def regions(self, state: _core.State) -> list[tuple[list[str], list[str]]]:
        """Of every empty region its points, and the points with stones that it touches."""
        stones = {point for points in self.stones(state) for point in points}
        seen = set(stones)
        found = []
        for cell in range(self.size[0] * self.size[1]):
            first = self._point(cell)
            if first in seen:
                continue
            points, border = [first], []
            seen.add(first)
            for point in points:
                for near in self._neighbours(point):
                    if near in stones:
                        border.append(near)
                    elif near not in seen:
                        seen.add(near)
                        points.append(near)
            found.append((points, list(dict.fromkeys(border))))
        return found

    def point(self, column: int, row: int) -> str:
        """From column and row, counted from 0 at the lower left."""
        return f"{COLUMNS[column]}{row + 1}"

    def cell(self, point: str) -> tuple[int, int]:
        """The opposite."""
        return COLUMNS.index(point[0]), int(point[1:]) - 1

    def placed(self, black: Sequence[str], white: Sequence[str], player: int) -> _core.State:
        """A position that is set up; InputError for a string without liberty and points that are none."""
        fields = [
            f"{color}:{','.join(points)}"
            for color, points in zip(COLORS, (black, white), strict=True)
            if points
        ]
        return self._game.parse(" ".join([*fields, f"turn:{COLORS[player]}"]) + ";")

    def handicap(self, points: Sequence[str]) -> _core.State:
        """White to move after these stones of Black, with the rules' bonus for them; InputError."""
        return self._game.parse(f"handicap:{','.join(points)};")

    def fixed_handicap(self, stones: int) -> list[str]:
        """The points that the protocol fixes for so many stones; InputError where it has none."""
        return self.stones(self._game.parse(f"handicap:{stones};"))[0]

    def without(self, state: _core.State, dead: Sequence[str]) -> _core.State:
        """The board after the stones at these points have been taken off."""
        gone = set(dead)
        black, white = ([point for point in points if point not in gone] for points in self.stones(state))
        return self.placed(black, white, state.player())

    def score(self, state: _core.State, dead: Sequence[str]) -> float:
        """Black's points less White's by the rules, komi and bonus included, strings at these points dead."""
        assert isinstance(state, _core.GoState)
        if self._game.needs_agreement:
            return state.territory_score(dead)
        extra = sum(state.area_owners()) - state.area_score()
        cleaned = self.without(state, dead)
        assert isinstance(cleaned, _core.GoState)
        return sum(cleaned.area_owners()) - extra

    @property
    def counts_dead(self) -> bool:
        """Whether the rules have players agree about dead stones; else the board counts as it stands."""
        return self._game.needs_agreement

    def read_record(self, data: bytes) -> tuple[_core.Go, str, list[str]]:
        """The first game of an SGF file, its start and its moves; UserError where it has none.

        The file's size and komi are taken; its rules are not: these stay.
        """
        from games.records.sgf.reader import read

        if len(data) > _MAX_RECORD:
            raise UserError(f"the file has more than {_MAX_RECORD} bytes")
        record = next(iter(read(data)), None)
        if record is None or isinstance(record, UserError):
            raise record or UserError("the file has no game")
        read_game = record.game
        assert isinstance(read_game, _core.Go)
        _, rows, columns = read_game.planes_shape
        game = self._with_options(size=f"{columns}x{rows}", komi=read_game.komi, handicap=0)
        moves = [state.action_text(move.action) for state, move in record.positions() if move is not None]
        return game, record.start, moves

    def _point(self, cell: int) -> str:
        columns, rows = self.size
        return f"{COLUMNS[cell % columns]}{rows - cell // columns}"

    def _neighbours(self, point: str) -> list[str]:
        columns, rows = self.size
        column, row = COLUMNS.index(point[0]), int(point[1:])
        near = [(column - 1, row), (column + 1, row), (column, row - 1), (column, row + 1)]
        return [f"{COLUMNS[x]}{y}" for x, y in near if 0 <= x < columns and 1 <= y <= rows]
