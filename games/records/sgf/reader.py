"""SGF: games of Go from the collections of other programs.

Two moves of one color in a row have a pass between them, and moves after two passes make the game one that
was resumed: so are they replayed. Set-up stones are read up to the first move; later ones must stand as the
moves left them. What is taken for something else than is written, or left out, is a warning.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from engine import _core
from engine._core import InputError, State
from engine.errors import UserError
from engine.registry import load_game
from games.records.record import Record, shortened
from games.records.sgf.info import Info, board_size, game_info
from games.records.sgf.komi import komi_option
from games.records.sgf.replay import Replay, main_line_plays, territory_marks
from games.records.sgf.result import agree, parse_result, score_text
from games.records.sgf.rules import is_ing, rules_options
from games.records.sgf.start import COLORS, gtp_point, point_of, sgf_point, start_text
from games.records.sgf.tree import Node, main_lines
from games.records.sgf.writer import result_text, score


def read(data: bytes) -> Iterator[Record | UserError]:
    """The games of a file in order, or what is wrong with one. Raise UserError where there is none."""
    for line in main_lines(data):
        if isinstance(line, UserError):
            yield line
            continue
        try:
            yield _read_game(line.nodes, line.warnings)
        except (UserError, InputError) as error:
            yield UserError(f"{error} (the game of line {line.line})")


def _read_game(nodes: Sequence[Node], warnings: Sequence[str]) -> Record:
    info = game_info(nodes)
    columns, rows = board_size(info.value("SZ"))
    rules, rules_warning = rules_options(info.value("RU"))
    komi, *komi_warnings = _komi(info, rules)
    plays = main_line_plays(nodes)
    first = plays[0].color if plays else ""
    opening = nodes[: plays[0].node + 1] if plays else nodes
    start, start_warning = start_text(opening, info.value("HA"), first, columns, rows)
    size = str(columns) if columns == rows else f"{columns}x{rows}"
    options = {"size": size, **rules, "komi": komi}
    texts = [(play.color, _gtp_move(play.point, columns, rows, ply)) for ply, play in enumerate(plays, 1)]
    state = _begin(_game(**options), start)
    start = state.position()[0]
    filled = _with_passes(texts, state.player())
    options["resumptions"] = _count_resumptions([text for _, text, _ in filled])
    if len(filled) >= _game(**options).max_plies:
        options["max_plies"] = len(filled) + 1
    game = _game(**options)
    replay = Replay(game, start, nodes)
    moves = replay.play(filled, plays)
    marks, marks_warning = territory_marks(nodes, plays, columns, rows)
    record = Record(game, game.name, start, moves, info.tags(), info.value("RE"), _describe, (), marks)
    notes = (
        *warnings, *info.warnings, rules_warning, *komi_warnings, start_warning, *replay.warnings,
        marks_warning, _passes_warning(filled), _bonus_warning(game, start),
        _result_warning(record, replay.state), _draw_warning(info.value("RU"), replay.state),
    )  # fmt: skip
    return dataclasses.replace(record, warnings=tuple(note for note in notes if note))


def _komi(info: Info, rules: dict[str, Any]) -> tuple[float, str, str]:
    """By KM or, where there is none, by the rules, which lose it; and two warnings or ""."""
    written, within = info.value("KM"), rules.pop("komi", "")
    komi, warning = komi_option(written or within, info.programs, rules["rules"])
    if written and within and komi != float(within):
        return (
            komi,
            warning,
            f"komi {within} in RU differs from KM[{shortened(written)[1:-1]}], which is taken",
        )
    return komi, warning, ""


@functools.lru_cache(maxsize=64)
def _game(**options: Any) -> Any:
    return load_game("go", **options)


def _begin(game: _core.Game, start: str) -> State:
    try:
        return game.parse(start)
    except InputError as error:
        reason = str(error).rpartition("': ")[2]  # without the position, of which the file has no word
        raise UserError(f"HA, AB and AW: {reason}") from error


def _gtp_move(raw: str, columns: int, rows: int, number: int) -> str:
    if not raw or (raw == "tt" and columns <= 19 and rows <= 19):
        return "pass"
    point = point_of(raw, columns, rows)
    if point is None:
        last = sgf_point(gtp_point((columns - 1, rows - 1), rows), rows)
        raise UserError(
            f"ply {number}: move '{shortened(raw)[1:-1]}' is off the {columns}x{rows} board, "
            f"whose points are aa to {last}; a pass is empty"
        )
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


def _passes_warning(filled: Sequence[tuple[str, str, bool]]) -> str:
    passes = sum(implied for _, _, implied in filled)
    if passes == 1 and filled[0][2]:
        return f"{filled[1][0]} moves first where {filled[0][0]} is to: a pass is put before"
    return f"moves of one color in a row: {passes} times the other's pass is put between" if passes else ""


def _bonus_warning(game: _core.Game, start: str) -> str:
    """Where black stones alone are set up, White moves, and the rules would count a handicap for White."""
    stones = re.fullmatch(r"B:(\S+,\S+) turn:W;", start)
    if stones is None:
        return ""
    with_bonus = game.parse(f"handicap:{stones[1]};")
    bonus = game.parse(start).area_score() - with_bonus.area_score()  # type: ignore[attr-defined]
    return f"black stones set up without HA: White gets no bonus of {bonus:g} points" if bonus else ""


def _result_warning(record: Record, state: Any) -> str:
    """Where RE is not understood, or tells another count than ours."""
    if not record.result:
        return ""
    shown = f"RE[{shortened(record.result)[1:-1]}]"
    written = parse_result(record.result)
    if written is None:
        return f"{shown} is not understood"
    agreement = agree(record.game, state, record.marks)
    if written.points is None or (agreement is None and state.outcome() is None):
        return ""
    count = agreement.score if agreement else score(record.game, state)
    if written.agrees_with(count):
        return ""
    how = "by TB and TW" if agreement else "with all stones alive"
    return f"{shown}: the count is {score_text(count)} {how}"


def _draw_warning(rules: str, state: State) -> str:
    if is_ing(rules) and state.outcome() == 0:
        return f"rules RU[{shortened(rules)[1:-1]}]: a draw is won by Black, here it is none's"
    return ""


def _describe(record: Record, state: Any) -> dict[str, Any]:
    game = record.game
    assert isinstance(game, _core.Go)
    agreement = agree(game, state, record.marks)
    counts = agreement is not None and game.needs_agreement and state.outcome() is not None
    described = {
        "komi": game.komi,
        "result": score_text(agreement.score) if agreement and counts else result_text(game, state),
        "needs_agreement": game.needs_agreement,
        "agreement": agreement and {"dead": list(agreement.dead), "result": score_text(agreement.score)},
        "superko": _first_repetition(record, "positional"),
        "situational_superko": _first_repetition(record, "situational"),
    }
    if agreement and counts:
        described["outcome"] = (agreement.score > 0) - (agreement.score < 0)
    return described


def _first_repetition(record: Record, ko: str) -> dict[str, Any] | None:
    """The first move that superko of this kind would forbid."""
    state = record.game.with_options(ko=ko).parse(record.start)  # type: ignore[attr-defined]
    ply = 0
    for move in record.moves:
        ply += not move.implied
        if move.action not in state.legal_actions():
            return {"ply": ply, "move": state.action_text(move.action), "rule": ko}
        state.play(move.action)
    return None
