"""PGN: games of chess, Chess960 and Gardner's chess for other programs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from engine._core import ChessState, Game, State
from engine.errors import UserError
from games.records.pgn.token import TAG_NAME
from games.records.record import Move, Record, shortened

ROSTER = {"Event": "?", "Site": "?", "Date": "????.??.??", "Round": "?", "White": "?", "Black": "?"}
"""Tags that every game has, the result apart, and what stands for an unknown one."""

DERIVED = frozenset(("Result", "SetUp", "FEN", "Variant"))
"""Tags that are written from the game."""

_WRITTEN = {"chess960": "Chess960", "gardner": "Gardner"}
_UNBROKEN = "\0"
"""Stands for a space where no line is broken."""

RESULTS = {1.0: "1-0", 0.0: "1/2-1/2", -1.0: "0-1"}


def write(
    game: Game,
    state: State,
    tags: Mapping[str, str] | None = None,
    evals: Sequence[float | None] | None = None,
) -> str:
    """A game of chess as PGN; `tags` are such as Event and White, and Result where it is not the rules'.

    evals: one a move, the value of the position that it leads to in pawns for White; None for no comment.
    """
    start, actions = state.position()
    kept = {name: text for name, text in (tags or {}).items() if name not in DERIVED}
    result = (tags or {}).get("Result") or result_text(state) or "*"
    if result not in (*RESULTS.values(), "*"):
        raise UserError(f"Result {shortened(result)} is none of {', '.join(RESULTS.values())}, *")
    moves = tuple(Move(action) for action in actions)
    return print_record(Record(game, game.name, start, moves, kept, result), evals)


def print_record(record: Record, evals: Sequence[float | None] | None = None) -> str:
    """A record as PGN, in export format but for the evaluations; reading it gives an equal one."""
    result = record.result or "*"
    tags = {name: record.tags.get(name, unknown) for name, unknown in ROSTER.items()}
    tags["Result"] = result
    tags |= {name: text for name, text in record.tags.items() if name not in tags}
    kind = record.name.partition(":")[0]
    if kind in _WRITTEN:
        tags["Variant"] = _WRITTEN[kind]
    if kind in _WRITTEN or record.start:
        fen = board_of(record.game.parse(record.start)).fen()
        tags |= {"SetUp": "1", "FEN": fen}
    words = [*_movetext(record, evals or ()), result]
    lines = textwrap.wrap(" ".join(words), 80, break_long_words=False, break_on_hyphens=False)
    moves = "\n".join(lines).replace(_UNBROKEN, " ")
    return "\n".join(_tag_line(name, text) for name, text in tags.items()) + f"\n\n{moves}\n"


def _movetext(record: Record, evals: Sequence[float | None]) -> Iterator[str]:
    interrupted = True  # a number stands before the first move and after a comment
    for ply, (state, move) in enumerate(record.positions()):
        if move is None:
            return
        board = board_of(state)
        number = board.fen().rsplit(" ", 1)[1]
        if board.player() == 0 or interrupted:
            yield f"{number}{'.' if board.player() == 0 else '...'}"
        yield board.san(move.action)
        value = evals[ply] if ply < len(evals) else None
        interrupted = value is not None
        if value is not None:
            yield f"{{ [%eval {value:.2f}] }}".replace(" ", _UNBROKEN)


def _tag_line(name: str, text: str) -> str:
    if not TAG_NAME.fullmatch(name):
        raise UserError(f"tag {shortened(name)} is not a name of letters, digits and _")
    line = re.sub("[\\r\\n]+", " ", text)
    return f'[{name} "' + line.replace("\\", "\\\\").replace('"', '\\"') + '"]'


def result_text(state: State) -> str | None:
    """As PGN writes it; None while the game runs."""
    outcome = state.outcome()
    return None if outcome is None else RESULTS[outcome if state.player() == 0 else -outcome]


def board_of(state: State) -> ChessState:
    """A state of chess as what it is."""
    assert isinstance(state, ChessState)
    return state
