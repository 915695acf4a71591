"""Points and set-up stones of SGF, and the start of a game that they make."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence, Set

from engine.errors import UserError
from games.records.record import shortened
from games.records.sgf.tree import Node

COLUMNS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
COLORS = "BW"
SETUP = ("AB", "AW", "AE")

Point = tuple[int, int]
"""Column and row, from the top left."""

_PLAYERS = {"b": "B", "black": "B", "1": "B", "w": "W", "white": "W", "2": "W"}


def start_text(nodes: Sequence[Node], handicap: str, first: str, columns: int, rows: int) -> tuple[str, str]:
    """The position before the first move in the game's notation, and a warning or "".

    `nodes` are those up to the first move, whose color is `first`, and `handicap` is HA.
    """
    board = _setup(nodes, columns, rows)
    stones = {
        color: sorted((p for p in board if board[p] == color), key=lambda p: (p[1], p[0])) for color in COLORS
    }
    # Beside a move PL is the next player.
    turns = [next_player(node) for node in nodes if not node.keys() & set(COLORS)]
    turn = next(filter(None, reversed(turns)), "")
    count = _handicap(handicap)
    points = {color: ",".join(gtp_point(point, rows) for point in stones[color]) for color in COLORS}
    if count >= 2 and (turn or first) in ("W", ""):
        placed = len(stones["B"])
        if placed >= 2 and not stones["W"]:
            differs = f"HA[{count}] with {placed} stones (AB): read as {placed}" if placed != count else ""
            return f"handicap:{points['B']};", differs
        if not board:
            return f"handicap:{count};", f"HA[{count}] without stones (AB): read as the fixed points"
    fields = [f"{color}:{points[color]}" for color in COLORS if points[color]]
    if (turn or first) == "W":
        fields.append("turn:W")
    ignored = _ignored(count, turn or first, len(stones["B"]), len(stones["W"]))
    return f"{' '.join(fields)};" if fields else "", ignored


def _ignored(handicap: int, turn: str, black: int, white: int) -> str:
    if handicap < 2:
        return ""
    if turn == "B":
        return f"HA[{handicap}] with Black to move first: no bonus for White"
    placed = f"{black} black and {white} white stones set up"
    return f"HA[{handicap}] with {placed}: no handicap, and no bonus for White"


def _handicap(text: str) -> int:
    if text and not re.fullmatch(r"[0-9]{1,3}", text):
        raise UserError(f"HA[{shortened(text)[1:-1]}] is not a number of stones such as 2")
    return int(text or 0)


def next_player(node: Node) -> str:
    """B or W, from PL; empty where a node does not say."""
    players = set()
    for text in filter(None, map(str.strip, node.get("PL", ()))):
        if text.lower() not in _PLAYERS:
            raise UserError(f"PL[{shortened(text.upper())[1:-1]}] is neither B nor W")
        players.add(_PLAYERS[text.lower()])
    if len(players) > 1:
        raise UserError("PL[B][W]: one player moves next, leave B or W")
    return "".join(players)


def _setup(nodes: Sequence[Node], columns: int, rows: int) -> dict[Point, str]:
    """The stones of a position that is set up."""
    board: dict[Point, str] = {}
    for node in nodes:
        placed: dict[str, set[Point]] = {name: set() for name in SETUP}
        for name, value, points in setup_points(node, columns, rows):
            if any(not points.isdisjoint(placed[other]) for other in SETUP if other != name):
                what = "stone of the other color" if name != "AE" else "stone, and is to be empty"
                raise UserError(f"{name}[{value}]: the point has a {what}")
            placed[name] |= points
        for name in SETUP:
            board |= dict.fromkeys(placed[name], name[1])
    return {point: color for point, color in board.items() if color in COLORS}


def setup_points(node: Node, columns: int, rows: int) -> Iterator[tuple[str, str, Set[Point]]]:
    """Of all that a node sets up: the property, its value and the points."""
    for name in SETUP:
        for value in filter(None, dict.fromkeys(map(str.strip, node.get(name, ())))):
            yield name, value, points_of(name, value, columns, rows)


@functools.lru_cache(maxsize=1024)
def points_of(name: str, value: str, columns: int, rows: int) -> frozenset[Point]:
    """A point such as `dd`, or a rectangle such as `aa:cc`."""
    first, _, last = value.partition(":")
    ends = [point_of(text, columns, rows) for text in (first, last or first)]
    if None in ends:
        raise UserError(f"{name}[{shortened(value)[1:-1]}] is not a point of the {columns}x{rows} board")
    left, right = sorted(end[0] for end in ends if end)
    top, bottom = sorted(end[1] for end in ends if end)
    return frozenset(itertools.product(range(left, right + 1), range(top, bottom + 1)))


def point_of(text: str, columns: int, rows: int) -> Point | None:
    """The point that two letters name; None where there is none on the board."""
    if not re.fullmatch("[a-z]{2}", text):
        return None
    column, row = (ord(letter) - ord("a") for letter in text)
    return (column, row) if column < columns and row < rows else None


def gtp_point(point: Point, rows: int) -> str:
    """In the game's notation, such as D4."""
    return f"{COLUMNS[point[0]]}{rows - point[1]}"


def sgf_point(text: str, rows: int) -> str:
    """From the game's notation; a pass is empty."""
    if text == "pass":
        return ""
    return chr(ord("a") + COLUMNS.index(text[0])) + chr(ord("a") + rows - int(text[1:]))
