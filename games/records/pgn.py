"""PGN: games of chess, Chess960 and Gardner's chess from other programs, and ours for theirs.

python-chess reads the text; it is asked for words, not for moves: those are found and judged by our rules,
with the draws that FIDE has without a claim. Gardner's chess has no standard: it is the variant `Gardner`,
with a FEN of five rows.
"""

from __future__ import annotations

import functools
import importlib
import io
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from engine._core import ChessState, Game, InputError, State
from engine.errors import UserError
from games.chess import Chess, Chess960, Gardner
from games.records.pgn_text import TAG_NAME, decode, split, tidy
from games.records.record import MAX_PLIES, Move, Record, play_move, shortened

ROSTER = {"Event": "?", "Site": "?", "Date": "????.??.??", "Round": "?", "White": "?", "Black": "?"}
"""Tags that every game has, the result apart, and what stands for an unknown one."""

DERIVED = frozenset(("Result", "SetUp", "FEN", "Variant"))
"""Tags that are written from the game."""

_VARIANTS: dict[str, Callable[..., Game]] = {
    "": Chess, "standard": Chess, "chess": Chess, "normal": Chess, "fromposition": Chess,
    "chess960": Chess960, "fischerandom": Chess960, "fischerrandom": Chess960, "freestyle": Chess960,
    "freestylechess": Chess960, "frc": Chess960, "fischerrandomchess": Chess960, "gardner": Gardner,
    "gardnerschess": Gardner, "gardnerminichess": Gardner, "gardnersminichess": Gardner,
}  # fmt: skip

_WRITTEN = {"chess960": "Chess960", "gardner": "Gardner"}
_UNBROKEN = "\0"
"""Stands for a space where no line is broken."""

_RESULTS = {1.0: "1-0", 0.0: "1/2-1/2", -1.0: "0-1"}


def read(data: bytes) -> Iterator[Record | UserError]:
    """The games of a file in order, or what is wrong with one. Raise UserError where the text is no PGN."""
    try:
        library: Any = importlib.import_module("chess.pgn")
    except ImportError as error:
        raise UserError("reading PGN takes the extra 'chess': pip install 'selfplay[chess]'") from error
    visitor, parts = _visitor(library), split(decode(data))
    for line, part in parts:
        try:
            file = io.StringIO(tidy(part, line))
        except UserError as error:
            if len(parts) == 1:
                raise
            yield error
            continue
        while (words := library.read_game(file, Visitor=visitor)) is not None:
            try:
                yield _read_game(*words)
            except (UserError, InputError) as error:
                yield UserError(str(error))


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
    result = (tags or {}).get("Result") or _result(state) or "*"
    if result not in (*_RESULTS.values(), "*"):
        raise UserError(f"Result {shortened(result)} is none of {', '.join(_RESULTS.values())}, *")
    moves = tuple(Move(action) for action in actions)
    return print_record(Record(game, game.name, start, moves, kept, result, _describe), evals)


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
        fen = _chess(record.game.parse(record.start)).fen()
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
        board = _chess(state)
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


def _visitor(library: Any) -> Any:
    """For python-chess: its result is the tags, the words for moves on the main line, and the game's end."""

    class Words(library.BaseVisitor):  # type: ignore[misc]
        def begin_game(self) -> None:
            self.tags: dict[str, str] = {}
            self.words: list[str] = []
            self.end = ""

        def begin_headers(self) -> Any:
            return library.Headers({})  # which stays empty, so that no variant or FEN stops the reader

        def visit_header(self, tagname: str, tagvalue: str) -> None:
            self.tags[tagname] = re.sub(r"\\([\\\"])", r"\1", tagvalue)

        def begin_variation(self) -> Any:
            return library.SKIP

        def begin_parse_san(self, board: Any, san: str) -> Any:
            if len(self.words) <= MAX_PLIES:
                self.words.append(san)
            # One move on its board is what the reader needs to tell variations.
            return library.SKIP if board.move_stack else None

        def parse_san(self, board: Any, san: str) -> Any:
            del board, san
            return library.chess.Move.null()

        def visit_result(self, result: str) -> None:
            self.end = result

        def result(self) -> tuple[dict[str, str], list[str], str]:
            return self.tags, self.words, self.end

    return Words


def _read_game(tags: dict[str, str], words: Sequence[str], end: str) -> Record:
    if len(words) > MAX_PLIES:
        raise UserError(f"a game of more than {MAX_PLIES} moves")
    warnings = []
    game, start, note = _start(tags.get("Variant", ""), tags.get("FEN", "").strip())
    if note:
        warnings.append(note)
    written = tags.get("Result", "").strip()
    if written not in _RESULTS.values():
        if written not in ("", "?", "*"):
            warnings.append(f"the tag Result {shortened(written)} is none of {', '.join(_RESULTS.values())}")
        written = end
    elif end not in ("", "*", written):
        warnings.append(f"the tag Result '{written}' and the end of the moves, {end}, differ")
    state = _chess(game.parse(start))
    moves = tuple(Move(_play(state, word)) for word in words)
    kept = {name: text for name, text in tags.items() if name not in DERIVED and ROSTER.get(name) != text}
    return Record(
        game, game.name, start, moves, kept, "" if written == "*" else written, _describe, tuple(warnings)
    )


def _start(variant: str, fen: str) -> tuple[Game, str, str]:
    """The game, its start in its notation, and a warning or ""."""
    key = re.sub("[^a-z0-9]", "", variant.lower())
    if key not in _VARIANTS:
        raise UserError(f"variant {shortened(variant)} is none of Standard, Chess960, Gardner")
    game = _game(_VARIANTS[key])
    if re.search(r"[^\x20-\x7e]", fen) or len(fen) > 200 or (fen and "/" not in fen):
        raise UserError(f"FEN {shortened(fen)} is not one")
    try:
        return game, game.parse(fen).position()[0], ""
    except InputError as error:
        if key:
            raise
        refusal = error
    other = _game(Chess960)
    try:
        start = other.parse(fen).position()[0]
    except InputError:
        raise refusal from None
    return other, start, "no variant is named, but only Chess960 castles from this FEN: read as Chess960"


@functools.lru_cache(maxsize=8)
def _game(make: Callable[..., Game]) -> Game:
    return make(draws="fide")


def _play(state: ChessState, word: str) -> int:
    number = state.fen().rsplit(" ", 1)[1]
    where = f"ply {state.ply() + 1} ({number}{'.' if state.player() == 0 else '...'} {word})"
    if state.outcome() is not None:
        raise UserError(f"{where}: move '{word}' comes after the end of the game, by {_ending(state)}")
    return play_move(state, word, where)


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
        "result": _result(state),
        "ending": _ending(_chess(state)),
        "first_claim": _first_claim(record),
    }


def _result(state: State) -> str | None:
    outcome = state.outcome()
    return None if outcome is None else _RESULTS[outcome if state.player() == 0 else -outcome]


def _first_claim(record: Record) -> dict[str, Any] | None:
    """The first ply after which a player could have claimed a draw, and by what."""
    for state, _ in record.positions():
        board = _chess(state)
        if board.repetitions() >= 2:
            return {"ply": board.ply(), "rule": "threefold repetition"}
        if int(board.fen().split()[4]) >= 100:
            return {"ply": board.ply(), "rule": "50 moves"}
    return None


def _chess(state: State) -> ChessState:
    assert isinstance(state, ChessState)
    return state
