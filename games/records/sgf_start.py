"""Points and set-up stones of SGF, and the start of a game that they make."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.errors import UserError
from games.records.record import shortened
from games.records.sgf_tree import Node, single

COLUMNS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"
COLORS = "BW"

Point = tuple[int, int]
"""Column and row, from the top left."""


def start_text(
    nodes: Sequence[Node], plays: Sequence[tuple[str, str]], columns: int, rows: int
) -> tuple[str, str]:
    """The position before the first move in the game's notation, and a warning or ""."""
    board = _setup(nodes, columns, rows)
    stones = {
        color: sorted((p for p in board if board[p] == color), key=lambda p: (p[1], p[0])) for color in COLORS
    }
    turn = next((node["PL"][0].strip().upper()[:1] for node in nodes if "PL" in node), "")
    if turn and turn not in COLORS:
        raise UserError(f"PL[{turn}] is neither B nor W")
    first = turn or (plays[0][0] if plays else "")
    handicap = _handicap(single(nodes[0], "HA"))
    points = {color: ",".join(gtp_point(point, rows) for point in stones[color]) for color in COLORS}
    if handicap >= 2 and first in ("W", ""):
        if len(stones["B"]) >= 2 and not stones["W"]:
            count = len(stones["B"])
            differs = f"HA[{handicap}] with {count} stones (AB): read as {count}" if count != handicap else ""
            return f"handicap:{points['B']};", differs
        if not board:
            return f"handicap:{handicap};", f"HA[{handicap}] without stones (AB): read as the fixed points"
    fields = [f"{color}:{points[color]}" for color in COLORS if points[color]]
    if first == "W":
        fields.append("turn:W")
    ignored = f"HA[{handicap}] with Black to move first: no bonus for White" if handicap >= 2 else ""
    return f"{' '.join(fields)};" if fields else "", ignored


def _handicap(text: str) -> int:
    if text and not re.fullmatch(r"[0-9]{1,3}", text.strip()):
        raise UserError(f"HA[{shortened(text)[1:-1]}] is not a number of stones")
    return int(text or 0)


def _setup(nodes: Sequence[Node], columns: int, rows: int) -> dict[Point, str]:
    """The stones set up before the first move; raise UserError for a later change."""
    board: dict[Point, str] = {}
    moves = 0
    for node in nodes:
        placed: dict[Point, str] = {}
        for name in ("AB", "AW", "AE"):
            for value in node.get(name, ()):
                for point in _points(name, value.strip(), columns, rows):
                    if placed.get(point, name[1]) != name[1]:
                        raise UserError(f"{name}[{value}]: the point has a stone of the other color")
                    placed[point] = name[1]
        if moves and any(board.get(point, "E") != color for point, color in placed.items()):
            raise UserError(f"stones are set up after move {moves}: that is not a game")
        if not moves:
            board |= placed
        moves += sum(color in node for color in COLORS)
    return {point: color for point, color in board.items() if color in COLORS}


def _points(name: str, value: str, columns: int, rows: int) -> list[Point]:
    """A point such as `dd`, or a rectangle such as `aa:cc`."""
    first, _, last = value.partition(":")
    ends = [point_of(text, columns, rows) for text in (first, last or first)]
    if None in ends:
        raise UserError(f"{name}[{shortened(value)[1:-1]}] is not a point of the {columns}x{rows} board")
    left, right = sorted(end[0] for end in ends if end)
    top, bottom = sorted(end[1] for end in ends if end)
    return [(column, row) for row in range(top, bottom + 1) for column in range(left, right + 1)]


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
