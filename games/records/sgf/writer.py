"""SGF: games of Go for other programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine import _core
from engine._core import Game, State
from engine.errors import UserError
from games.records.record import Move, Record, shortened
from games.records.sgf.komi import komi_text
from games.records.sgf.result import score_text
from games.records.sgf.rules import rules_text
from games.records.sgf.start import COLORS, sgf_point
from games.records.sgf.tree import TAGS


def write(game: Game, state: State, tags: Mapping[str, str] | None = None) -> str:
    """A game of Go as SGF; `tags` are some of TAGS, and RE where the result is not as the rules have it."""
    start, actions = state.position()
    moves = tuple(Move(action) for action in actions)
    kept = {name: text for name, text in (tags or {}).items() if name != "RE"}
    for name in kept:
        if name not in TAGS:
            raise UserError(f"SGF tag {shortened(name)} is none of RE, {', '.join(TAGS)}")
    result = (tags or {}).get("RE") or result_text(game, state) or "?"
    return print_record(Record(game, game.name, start, moves, kept, result))


def print_record(record: Record) -> str:
    """A record as SGF, UTF-8; reading it gives an equal one."""
    options = _options_of(record.game)
    size = options["size"].replace("x", ":")
    handicap, stones, to_move = _setup_of(record.start)
    root = {"FF": ["4"], "GM": ["1"], "CA": ["UTF-8"], "AP": ["Selfplay"], "SZ": [size]}
    root |= {"RU": [rules_text(options)], "KM": [komi_text(_komi_of(record.game))]}
    root |= {name: [record.tags[name]] for name in TAGS if name in record.tags}
    if record.result:
        root["RE"] = [record.result]
    if handicap:
        root["HA"] = [str(handicap)]
    rows = int(options["size"].split("x")[-1])
    for color in COLORS:
        if stones[color]:
            root["A" + color] = [sgf_point(point, rows) for point in stones[color]]
    root["PL"] = [to_move]
    lines = ["(;" + "".join(_property(name, values) for name, values in root.items())]
    nodes = []
    for state, move in record.positions():
        if move is not None and not move.implied:
            point = sgf_point(state.action_text(move.action), rows)
            nodes.append(f";{COLORS[state.player()]}[{point}]")
    if record.marks:
        points = {name: [sgf_point(text, rows) for text in record.marks[name]] for name in record.marks}
        nodes.append(";" + "".join(_property(name, values) for name, values in points.items()))
    lines += ["".join(nodes[first : first + 12]) for first in range(0, len(nodes), 12)]
    return "\n".join(lines) + ")\n"


def result_text(game: Game, state: Any) -> str | None:
    """As SGF writes it, all stones on the board alive; None while the game runs."""
    return None if state.outcome() is None else score_text(score(game, state))


def score(game: Game, state: Any) -> float:
    """Black's points less White's, all stones on the board alive."""
    territory = game.needs_agreement  # type: ignore[attr-defined]
    return float(state.territory_score([]) if territory else state.area_score())


def _options_of(game: Game) -> dict[str, str]:
    """The options in a game's name."""
    return dict(part.split("=", 1) for part in game.name.partition(":")[2].split(","))


def _komi_of(game: Game) -> float:
    assert isinstance(game, _core.Go)
    return game.komi


def _setup_of(start: str) -> tuple[int, dict[str, list[str]], str]:
    """Handicap, stones by color and who moves, from a start in the game's notation."""
    fields = dict(field.split(":", 1) for field in start.rstrip(";").split())
    stones = {color: fields[color].split(",") if color in fields else [] for color in COLORS}
    if "handicap" in fields:
        stones["B"] = fields["handicap"].split(",")
        return len(stones["B"]), stones, "W"
    return 0, stones, fields.get("turn", "B")


def _property(name: str, values: Sequence[str]) -> str:
    escaped = (text.replace("\\", "\\\\").replace("]", "\\]") for text in values)
    return name + "".join(f"[{text}]" for text in escaped)
