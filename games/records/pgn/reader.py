"""PGN: games of chess, Chess960 and Gardner's chess from other programs.

The moves are judged by our rules, with the draws that FIDE has without a claim. Gardner's chess has no
standard: it is the variant `Gardner`, with a FEN of five rows.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine._core import ChessState, Game, InputError, State
from engine.errors import UserError
from games.chess import Chess, Chess960, Gardner
from games.records.pgn.charset import decode
from games.records.pgn.grammar import read_games
from games.records.pgn.movetext import GameText
from games.records.pgn.token import canonical_marker
from games.records.pgn.writer import DERIVED, RESULTS, ROSTER, board_of, result_text
from games.records.record import Move, Record, shortened

_VARIANTS: dict[str, Callable[..., Game]] = {
    "": Chess, "standard": Chess, "chess": Chess, "normal": Chess, "fromposition": Chess,
    "chess960": Chess960, "fischerandom": Chess960, "fischerrandom": Chess960, "freestyle": Chess960,
    "freestylechess": Chess960, "frc": Chess960, "fischerrandomchess": Chess960, "gardner": Gardner,
    "gardnerschess": Gardner, "gardnerminichess": Gardner, "gardnersminichess": Gardner,
}  # fmt: skip


def read(data: bytes) -> Iterator[Record | UserError]:
    """The games of a file in order, or what is wrong with one. Raise UserError where the text is no PGN."""
    for text in read_games(decode(data)):
        try:
            yield _read_game(text)
        except (UserError, InputError) as error:
            yield UserError("; ".join((str(error), *text.passed_over)))


def _read_game(text: GameText) -> Record:
    try:
        game, start, warnings = _start(text.tags)
        state = board_of(game.parse(start))
    except (UserError, InputError) as error:
        raise UserError(f"line {text.first_line}: {error}") from error
    moves, odd = _replay(text, state, None if start else 0)
    result, note = _written_result(text)
    found = result_text(state)
    if found and result and found != result:
        warnings.append(f"the moves end in {found}, by {_ending(state)}, and {result} is written")
    kept = {
        name: value for name, value in text.tags.items() if name not in DERIVED and ROSTER.get(name) != value
    }
    notes = (*text.passed_over, *text.warnings, *warnings, *filter(None, (note, *odd)))
    return Record(game, game.name, start, tuple(moves), kept, result, _describe, notes)


def _replay(text: GameText, state: ChessState, shift: int | None) -> tuple[list[Move], tuple[str, str]]:
    """Play the game's words; its moves, and the first wrong mark and number, each a warning or "".

    shift: how far its numbers are above those of the position; None where the first of them says.
    """
    moves, odd_mark, odd_number = [], "", ""
    for at, text_of_move, number in text.words:
        word = _Word(state, text_of_move, functools.partial(text.line, at))
        if number:
            shift = number - _move_number(state) if shift is None else shift
            odd_number = odd_number or word.odd_number(number, shift)
        action = word.action()
        odd_mark = odd_mark or word.odd_mark(action)
        moves.append(Move(action))
        state.play(action)
    if text.fault:
        raise UserError(text.fault)
    return moves, (odd_mark, odd_number or _odd_last_number(text, state, shift))


def _odd_last_number(text: GameText, state: ChessState, shift: int | None) -> str:
    """What is wrong with a number that no move follows."""
    if shift is None or text.number in (0, expected := _move_number(state) + shift):
        return ""
    line = text.line(text.number_at)
    return f"line {line}: the number {text.number} before the end of the game is not {expected}"


def _move_number(state: ChessState) -> int:
    return int(state.fen().rsplit(" ", 1)[1])


def _written_result(text: GameText) -> tuple[str, str]:
    """The result, empty where it is not known, and a warning or ""."""
    tag, end, note = text.tags.get("Result", ""), text.marker, ""
    result = canonical_marker(tag)
    known = result in RESULTS.values()
    if not known and result not in ("", "?", "*"):
        note = f"the tag Result {shortened(tag)} is none of {', '.join(RESULTS.values())}, *"
    elif end not in ("", result) and result not in ("", "?"):
        note = f"the tag Result '{result}' and the end of the moves, {end}, differ"
    result = result if known else end
    return "" if result == "*" else result, note


def _start(tags: Mapping[str, str]) -> tuple[Game, str, list[str]]:
    """The game, its start in its notation, and warnings."""
    variant, fen = tags.get("Variant", ""), tags.get("FEN", "").strip()
    warnings = []
    set_up = tags.get("SetUp", "").strip()
    if set_up not in ("", "?", "1" if fen else "0"):
        warnings.append(f"the tag SetUp {shortened(set_up)} and {'a FEN' if fen else 'no FEN'} do not fit")
    key = re.sub("[^a-z0-9]", "", variant.lower())
    if key not in _VARIANTS:
        raise UserError(f"variant {shortened(variant)} is none of Standard, Chess960, Gardner")
    if re.search(r"[^\x20-\x7e]", fen) or len(fen) > 200 or (fen and "/" not in fen):
        raise UserError(f"FEN {shortened(fen)} is not one")
    game = _game(_VARIANTS[key])
    try:
        return game, _set_up(game, fen), warnings
    except InputError as error:
        if key:
            raise
        refusal = error
    other = _game(Chess960)
    try:
        start = _set_up(other, fen)
    except InputError:
        raise refusal from None
    warnings.append("no variant is named, but only Chess960 castles from this FEN: read as Chess960")
    return other, start, warnings


def _set_up(game: Game, fen: str) -> str:
    start, moves = game.parse(fen).position()
    if moves:
        raise UserError(f"FEN {shortened(fen)} has moves after it")
    return start


@functools.lru_cache(maxsize=8)
def _game(make: Callable[..., Game]) -> Game:
    return make(draws="fide")


@dataclass(frozen=True)
class _Word:
    """A word for a move in the position where it is played."""

    state: ChessState
    text: str
    line: Callable[[], int]

    def action(self) -> int:
        if self.state.outcome() is not None:
            reason = f"comes after the end of the game, by {_ending(self.state)}"
            raise UserError(f"{self._place()}: move {shortened(self.text)} {reason}")
        try:
            return self.state.parse_action(self.text)
        except InputError as error:
            raise UserError(f"{self._place()}: {error}") from error

    def odd_number(self, number: int, shift: int) -> str:
        """What is wrong with the number before it, where the game's are `shift` above those of the FEN."""
        expected = _move_number(self.state) + shift
        return "" if number == expected else f"{self._place()}: the move has number {number}, not {expected}"

    def odd_mark(self, action: int) -> str:
        """What is wrong with its mark of check or mate; empty where nothing is."""
        marks = self.text[len(self.text.rstrip("+#!?")) :]
        if not set(marks) & {"+", "#"}:
            return ""
        mark = self.state.san(action)[-1]
        if mark == "#" or (mark == "+" and "#" not in marks):
            return ""
        return f"{self._place()}: the move gives no {'mate' if '#' in marks else 'check'}"

    def _place(self) -> str:
        state = self.state
        number = f"{_move_number(state)}{'.' if state.player() == 0 else '...'}"
        shown = self.text if len(self.text) <= 40 else self.text[:40] + "…"
        return f"line {self.line()}, ply {state.ply() + 1} ({number} {shown})"


def _ending(state: ChessState) -> str | None:
    """What has ended the game; None while it runs."""
    outcome = state.outcome()
    if outcome is None:
        return None
    if outcome < 0:
        return "checkmate"
    if state.repetitions() >= 4:
        return "fivefold repetition"
    if int(state.fen().split()[4]) >= 150:
        return "75 moves without capture or pawn move"
    # perft counts past draws by material.
    return "stalemate" if state.perft(1) == 0 else "material that cannot mate"


def _describe(record: Record, state: State) -> dict[str, Any]:
    return {
        "result": result_text(state),
        "ending": _ending(board_of(state)),
        "first_claim": _first_claim(record),
    }


def _first_claim(record: Record) -> dict[str, Any] | None:
    """The first ply after which a player could have claimed a draw, and by what."""
    for state, _ in record.positions():
        board = board_of(state)
        if board.repetitions() >= 2:
            return {"ply": board.ply(), "rule": "threefold repetition"}
        if int(board.fen().split()[4]) >= 100:
            return {"ply": board.ply(), "rule": "50 moves"}
    return None
