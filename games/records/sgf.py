"""SGF: games of Go from the collections of other programs, and ours for theirs.

Two moves of one color in a row have a pass between them, and moves after two passes make the game one that
was resumed: so are they replayed. Set-up stones are read up to the first move.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine._core import Game, InputError, State
from engine.errors import UserError
from games.go import Go
from games.records.record import MAX_PLIES, Move, Record, play_move, shortened
from games.records.sgf_komi import komi_option, komi_text
from games.records.sgf_rules import rules_options, rules_text
from games.records.sgf_start import COLORS, gtp_point, point_of, sgf_point, start_text
from games.records.sgf_tree import TAGS, Node, main_lines, single


def read(data: bytes) -> Iterator[Record | UserError]:
    """The games of a file in order, or what is wrong with one. Raise UserError where there is none."""
    for line in main_lines(data):
        try:
            yield line if isinstance(line, UserError) else _read_game(line.nodes, line.warnings)
        except (UserError, InputError) as error:
            yield UserError(str(error))


def write(game: Game, state: State, tags: Mapping[str, str] | None = None) -> str:
    """A game of Go as SGF; `tags` are some of TAGS, and RE where the result is not as the rules have it."""
    start, actions = state.position()
    moves = tuple(Move(action) for action in actions)
    kept = {name: text for name, text in (tags or {}).items() if name != "RE"}
    for name in kept:
        if name not in TAGS:
            raise UserError(f"SGF tag {shortened(name)} is none of RE, {', '.join(TAGS)}")
    result = (tags or {}).get("RE") or _result(game, state) or "?"
    return print_record(Record(game, game.name, start, moves, kept, result, _describe))


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
    lines += ["".join(nodes[first : first + 12]) for first in range(0, len(nodes), 12)]
    return "\n".join(lines) + ")\n"


def _read_game(nodes: Sequence[Node], warnings: Sequence[str]) -> Record:
    root = nodes[0]
    _require_go(single(root, "GM"))
    columns, rows = _size(single(root, "SZ"))
    rules, rules_warning = rules_options(single(root, "RU"))
    komi, komi_warning = komi_option(single(root, "KM"), root.get("AP", ()), rules["rules"])
    plays = _plays(nodes)
    start, start_warning = start_text(nodes, plays, columns, rows)
    size = str(columns) if columns == rows else f"{columns}x{rows}"
    options = {"size": size, **rules, "komi": komi}
    texts = [(color, _gtp_move(raw, columns, rows, number)) for number, (color, raw) in enumerate(plays, 1)]
    first = _game(**options).parse(start)
    start = first.position()[0]
    filled = _with_passes(texts, first.player())
    options["resumptions"] = _count_resumptions([text for _, text, _ in filled])
    if len(filled) >= _game(**options).max_plies:
        options["max_plies"] = len(filled) + 1
    game = _game(**options)
    moves = _resolve(game, start, filled, plays)
    notes = (rules_warning, komi_warning, start_warning)
    return Record(
        game, game.name, start, moves, {name: single(root, name) for name in TAGS if single(root, name)},
        single(root, "RE"), _describe, (*warnings, *(note for note in notes if note)),
    )  # fmt: skip


@functools.lru_cache(maxsize=64)
def _game(**options: Any) -> Go:
    return Go(**options)


def _require_go(text: str) -> None:
    if text not in ("", "1"):
        raise UserError(f"GM[{shortened(text)[1:-1]}] is not Go, which is GM[1]")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,3})(?:[:xX]([0-9]{1,3}))?", text or "19")
    if match is None:
        raise UserError(f"SZ[{shortened(text)[1:-1]}] is neither a number nor columns:rows")
    columns, rows = int(match[1]), int(match[2] or match[1])
    if not (2 <= columns <= 25 and 2 <= rows <= 25):
        raise UserError(f"SZ[{text}]: the board must have 2 to 25 columns and rows")
    return columns, rows


def _plays(nodes: Sequence[Node]) -> list[tuple[str, str]]:
    """Color and raw point of every move."""
    plays: list[tuple[str, str]] = []
    for node in nodes:
        for color in (name for name in node if name in COLORS):
            if len(node[color]) != 1:
                raise UserError(f"move {len(plays) + 1}: {color} has {len(node[color])} values")
            plays.append((color, node[color][0].strip()))
    if len(plays) > MAX_PLIES:
        raise UserError(f"a game of more than {MAX_PLIES} moves")
    return plays


def _gtp_move(raw: str, columns: int, rows: int, number: int) -> str:
    if not raw or (raw == "tt" and columns <= 19 and rows <= 19):
        return "pass"
    point = point_of(raw, columns, rows)
    if point is None:
        raise UserError(f"ply {number}: move '{shortened(raw)[1:-1]}' is off the {columns}x{rows} board")
    return gtp_point(point, rows)


def _with_passes(texts: Sequence[tuple[str, str]], player: int) -> list[tuple[str, str, bool]]:
    """Color, move, and whether it is implied: the passes that make the colors alternate are put in."""
    filled = []
    for color, text in texts:
        if COLORS[player] != color:
            filled.append((COLORS[player], "pass", True))
        filled.append((color, text, False))
        player = COLORS.index(color) ^ 1
    return filled


def _count_resumptions(moves: Sequence[str]) -> int:
    """Moves that follow two passes."""
    return sum(moves[at - 2] == moves[at - 1] == "pass" for at in range(2, len(moves)))


def _resolve(
    game: Go, start: str, filled: Sequence[tuple[str, str, bool]], plays: Sequence[tuple[str, str]]
) -> tuple[Move, ...]:
    """The moves as actions; raise UserError naming the ply and the move of the file."""
    state, moves, number = game.parse(start), [], 0
    for color, text, implied in filled:
        number += not implied
        raw = "" if implied else f" {color}[{plays[number - 1][1]}]"
        moves.append(Move(play_move(state, text, f"ply {number}{raw}"), implied))
    return tuple(moves)


def _describe(record: Record, state: State) -> dict[str, Any]:
    return {
        "komi": _komi_of(record.game),
        "result": _result(record.game, state),
        "needs_agreement": record.game.needs_agreement,  # type: ignore[attr-defined]
        "superko": _first_repetition(record, "positional"),
        "situational_superko": _first_repetition(record, "situational"),
    }


def _result(game: Game, state: Any) -> str | None:
    """As SGF writes it, all stones on the board alive; None while the game runs."""
    if state.outcome() is None:
        return None
    territory = game.needs_agreement  # type: ignore[attr-defined]
    score = state.territory_score([]) if territory else state.area_score()
    return f"{'B' if score > 0 else 'W'}+{abs(score):g}" if score else "0"


def _first_repetition(record: Record, ko: str) -> dict[str, Any] | None:
    """The first move that superko of this kind would forbid."""
    assert isinstance(record.game, Go)
    state = record.game.with_options(ko=ko).parse(record.start)
    ply = 0
    for move in record.moves:
        ply += not move.implied
        if move.action not in state.legal_actions():
            return {"ply": ply, "move": state.action_text(move.action), "rule": ko}
        state.play(move.action)
    return None


def _options_of(game: Game) -> dict[str, str]:
    """The options in a game's name."""
    return dict(part.split("=", 1) for part in game.name.partition(":")[2].split(","))


def _komi_of(game: Game) -> float:
    assert isinstance(game, Go)
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
