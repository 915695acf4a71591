"""The moves of an SGF file, replayed, and what stands beside them: later set-up stones, territory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine._core import Game, State
from engine.errors import UserError
from games.records.record import MAX_PLIES, Move, play_move, shortened
from games.records.sgf.result import board_cells
from games.records.sgf.start import COLORS, SETUP, gtp_point, next_player, points_of, setup_points
from games.records.sgf.tree import Node


@dataclass(frozen=True)
class Play:
    """A move as the file has it: its color, its raw point and the number of its node."""

    color: str
    point: str
    node: int


def main_line_plays(nodes: Sequence[Node]) -> list[Play]:
    """The moves in the order of the file."""
    plays: list[Play] = []
    for number, node in enumerate(nodes):
        for color in (name for name in node if name in COLORS):
            if len(node[color]) != 1:
                raise UserError(f"move {len(plays) + 1}: {color} has {len(node[color])} values")
            plays.append(Play(color, node[color][0].strip(), number))
    if len(plays) > MAX_PLIES:
        raise UserError(f"a game of more than {MAX_PLIES} moves")
    return plays


class Replay:
    """A game as it is replayed; what a file says of the position in between is checked on the way."""

    def __init__(self, game: Game, start: str, nodes: Sequence[Node]) -> None:
        self.state: State = game.parse(start)
        self.warnings: list[str] = []
        self._columns, self._rows = game.planes_shape[2], game.planes_shape[1]
        self._nodes = nodes

    def play(self, filled: Sequence[tuple[str, str, bool]], plays: Sequence[Play]) -> tuple[Move, ...]:
        """The moves as actions; raise UserError naming the ply and the move of the file."""
        moves: list[Move] = []
        number = 0
        for color, text, implied in filled:
            number += not implied
            play = plays[number - 1]
            where = f"ply {number}" + ("" if implied else f" {color}[{play.point}]")
            moves.append(Move(self._play_move(text, where, self._nodes[play.node]), implied))
            if not implied:
                following = plays[number] if number < len(plays) else None
                self._check_nodes(play, number, following)
        return tuple(moves)

    def _play_move(self, text: str, where: str, node: Node) -> int:
        try:
            return play_move(self.state, text, where)
        except UserError as error:
            if "KO" not in node:
                raise
            raise UserError(f"{error}; a move that KO forces is not replayed") from error

    def _check_nodes(self, play: Play, number: int, following: Play | None) -> None:
        """The nodes from a move up to the next one."""
        end = following.node if following else len(self._nodes)
        if following is not None and following.node == play.node:
            self.warnings.append(f"moves {number} and {number + 1} share a node: played in its order")
            return
        # What the node of the first move sets up is in the start.
        later = self._nodes[play.node + (number == 1) : end]
        if any(name in node for node in later for name in SETUP):
            self._check_stones(later, number)
        for node in self._nodes[play.node : end]:
            self._check_player(next_player(node), number, following)

    def _check_stones(self, nodes: Sequence[Node], number: int) -> None:
        cells = board_cells(self.state)
        stands = {f"A{cell}": {point for point in cells if cells[point] == cell} for cell in "BWE"}
        for node in nodes:
            for name, value, points in setup_points(node, self._columns, self._rows):
                if not points <= stands[name]:
                    shown = f"{name}[{shortened(value)[1:-1]}]"
                    raise UserError(f"{shown}: stones are set up after move {number}, which is no game")

    def _check_player(self, player: str, number: int, following: Play | None) -> None:
        if not player:
            return
        expected = following.color if following else COLORS[self.state.player()]
        if player != expected and self.state.outcome() is None:
            self.warnings.append(f"PL[{player}] after move {number} is left out: {expected} moves next")


def territory_marks(
    nodes: Sequence[Node], plays: Sequence[Play], columns: int, rows: int
) -> tuple[dict[str, tuple[str, ...]], str]:
    """The points of TB and TW from the last move on, and a warning or ""."""
    last = plays[-1].node if plays else 0
    try:
        found = {name: set(_marked(nodes[last:], name, columns, rows)) for name in ("TB", "TW")}
    except UserError as error:
        return {}, f"TB and TW are left out: {error}"
    both = sorted(found["TB"] & found["TW"])
    if both:
        return {}, f"TB and TW are left out: {gtp_point(both[0], rows)} is in both"
    if not (found["TB"] or found["TW"]) and any("TB" in node or "TW" in node for node in nodes[:last]):
        return {}, "TB and TW before the last move are left out"
    marks = {
        name: tuple(gtp_point(point, rows) for point in sorted(points, key=lambda point: point[::-1]))
        for name, points in found.items()
        if points
    }
    return marks, ""


def _marked(nodes: Sequence[Node], name: str, columns: int, rows: int) -> Iterator[tuple[int, int]]:
    for node in nodes:
        for value in filter(None, dict.fromkeys(map(str.strip, node.get(name, ())))):
            yield from points_of(name, value, columns, rows)
