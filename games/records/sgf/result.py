"""Who won a game of Go: RE, and the count with what the players agreed to be dead (TB, TW)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.records.sgf.start import COLORS, Point, gtp_point

_DRAWS = {"0", "draw", "drawn", "jigo", "tie", "持碁", "ジゴ", "和棋", "和", "무승부", "빅"}
_OPEN = {
    "?", "void", "no result", "noresult", "unknown", "unfinished", "suspended", "无胜负", "無勝負",
    "打掛", "打挂", "打ち掛け", "무효",
}  # fmt: skip
_PLAYERS = {
    "b": "B",
    "black": "B",
    "黑": "B",
    "黒": "B",
    "흑": "B",
    "w": "W",
    "white": "W",
    "白": "W",
    "백": "W",
}
_WIN = re.compile(
    r"(?P<player>black|white|b|w|黑|黒|白|흑|백)[番棋方]?(?:\s*\+\s*|\s+(?:wins?|won)(?:\s+by)?\s*|\s*)(?P<rest>.*)"
)
_NOT_COUNTED = re.compile(
    r"\??|r|res|resign|resigns|resigned|resignation|t|time|timeout|f|forfeit|forfeits|中[盘盤押][し勝胜ちり]*|불계승"
    r"|超[时時][胜勝]?|時間切れ勝?ち?|시간승|[胜勝승]ち?"
)
_MARGIN = re.compile(
    r"[胜勝]?\s*(?P<number>\d{1,4}(?:[.,]\d{0,4})?|[.,]\d{1,4}|(?=半|반|四分之|[13]/[24]))"
    r"(?P<more>[又\s]*(?P<over>[13])/(?P<under>[24])|又?四分之(?P<quarters>[一三]))?"
    r"\s*(?P<unit>points?|pts?|p|moku|目|点|點|子|집)?(?P<half>[半반])?(?P<late>[目子])?\s*[胜勝승]?ち?\.?"
)


@dataclass(frozen=True)
class Written:
    """RE: the winner, "" for a draw and None where there is none, and by how many points where it is told."""

    winner: str | None
    points: float | None = None

    def agrees_with(self, score: float) -> bool:
        """Whether the game may have been counted as `score`, Black's points less White's."""
        if self.winner is None:
            return True
        if self.winner != ("B" if score > 0 else "W" if score < 0 else ""):
            return False
        # Quarters are of Chinese stones, two points each.
        return self.points is None or abs(score) in (
            self.points,
            *([2 * self.points] if self.points % 0.5 else []),
        )


def parse_result(text: str) -> Written | None:
    """RE in the spellings of many programs; None for what is not understood."""
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().replace("\u2044", "/").split())
    if not plain or plain in _OPEN:
        return Written(None)
    if plain in _DRAWS:
        return Written("", 0)
    win = _WIN.fullmatch(plain)
    if win is None:
        return None
    winner, rest = _PLAYERS[win["player"]], win["rest"]
    if _NOT_COUNTED.fullmatch(rest):
        return Written(winner)
    margin = _MARGIN.fullmatch(rest)
    return Written(winner, _points(margin)) if margin else None


def _points(margin: re.Match[str]) -> float:
    number = float((margin["number"] or "0").replace(",", "."))
    if margin["over"]:
        number += int(margin["over"]) / int(margin["under"])
    if margin["quarters"]:
        number += {"一": 0.25, "三": 0.75}[margin["quarters"]]
    if margin["half"]:
        number += 0.5
    return 2 * number if "子" in (margin["unit"], margin["late"]) else number


def score_text(score: float) -> str:
    """Black's points less White's as RE has them."""
    return f"{'B' if score > 0 else 'W'}+{abs(score):g}" if score else "0"


@dataclass(frozen=True)
class Agreement:
    """What TB and TW make of a position: the stones that are dead, and Black's points less White's."""

    dead: Sequence[str]
    score: float


def agree(game: Any, state: Any, marks: Mapping[str, Sequence[str]]) -> Agreement | None:
    """The count by the territory that is marked; None where none is.

    Stones on the opponent's territory are dead with their strings. Under territory rules the marks are the
    territory, which leaves out eyes in a seki; under area rules the board without the dead is counted.
    """
    if not marks:
        return None
    cells = board_cells(state)
    names = {gtp_point(point, game.planes_shape[1]): point for point in cells}
    marked = {color: {names[text] for text in marks.get(f"T{color}", ())} for color in COLORS}
    dead: set[Point] = set()
    for color, other in zip(COLORS, reversed(COLORS), strict=True):
        for point in marked[color] - dead:
            if cells[point] == other:
                dead |= _string(cells, point)
    texts = sorted(text for text, point in names.items() if point in dead)
    count = (
        _territory(state, cells, marked, dead) if game.needs_agreement else _area(state, cells, dead, texts)
    )
    return Agreement(texts, count)


def _territory(
    state: Any, cells: Mapping[Point, str], marked: Mapping[str, set[Point]], dead: set[Point]
) -> float:
    black, white = state.captures()
    komi = state.territory_score([]) - (sum(state.territory_owners([])) + black - white)
    taken = {"B": black, "W": white}
    for color, other in zip(COLORS, reversed(COLORS), strict=True):
        taken[color] += sum(cells[point] == other for point in dead)
        taken[color] += sum(cells[point] != color or point in dead for point in marked[color])
    return float(taken["B"] - taken["W"] + komi)


def _area(state: Any, cells: Mapping[Point, str], dead: set[Point], texts: Sequence[str]) -> float:
    komi = state.area_score() - sum(state.area_owners())
    alive = [color for point, color in cells.items() if point not in dead]
    return float(alive.count("B") - alive.count("W") + sum(state.territory_owners(texts)) + komi)


def _string(cells: Mapping[Point, str], point: Point) -> set[Point]:
    """The stones that hang together with the one at `point`."""
    found, ahead = {point}, [point]
    while ahead:
        column, row = ahead.pop()
        for beside in ((column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)):
            if beside not in found and cells.get(beside) == cells[point]:
                found.add(beside)
                ahead.append(beside)
    return found


def board_cells(state: Any) -> dict[Point, str]:
    """B, W or E for every point, from the top left."""
    own, other = (np.asarray(plane) > 0 for plane in state.encode()[:2])
    black, white = (own, other) if state.player() == 0 else (other, own)
    return {
        (column, row): "B" if black[row, column] else "W" if white[row, column] else "E"
        for row, column in np.ndindex(own.shape)
    }
