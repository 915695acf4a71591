"""Positions that arena games start from: drawn at random, read from a file, or a game's own suite.

A file has a position a line (text, FEN, EPD) or is a record of games.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from engine._core import Game, InputError, State
from engine.errors import UserError
from engine.game.inquiry import openings as suite_of
from engine.game.notation import parse_line
from engine.record import Record, is_record, read_games
from engine.registry import position_text

MAX_BYTES = 1 << 24
"""Of an opening file."""

MAX_TRIES = 200
"""Draws in a row that bring nothing new before longer openings are tried."""

MAX_TOLD = 5
"""Places that a note names."""

SUITE = "suite"
"""In the place of a file: the openings that the game brings."""

Order = Literal["given", "shuffled"]
ORDERS: tuple[Order, ...] = get_args(Order)

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
"""Marks of charsets that are not read; that of UTF-32 begins as UTF-16's."""


@dataclass
class Openings:
    """Positions to start from, none of them over, no two the same.

    places: where each stands, `line 3`, `game 2` or `opening 4`. notes: what whoever asked is to be told.
    """

    states: list[State] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def arranged(self, order: Order, seed: int, start: int) -> Openings:
        """As they come or shuffled by `seed`, from the `start`-th on, counted from 1."""
        count = len(self.states)
        if not 1 <= start <= count:
            raise UserError(f"openings: there is no opening {start} to start with, only {count}")
        numbers = list(range(count))
        if order == "shuffled":
            numbers = [int(number) for number in np.random.default_rng(seed).permutation(count)]
        chosen = numbers[start - 1 :]
        return Openings(
            [self.states[number] for number in chosen], [self.places[n] for n in chosen], self.notes
        )


def random_openings(game: Game, count: int, max_plies: int, seed: int, min_plies: int = 0) -> list[State]:
    """Draw `count` positions that no symmetry turns into each other, none of them over.

    As many of each length from `min_plies` to `max_plies` as there are, lengths taken in turn; where they
    run out, longer ones. Raise UserError where the game has too few.
    """
    generator = np.random.default_rng(seed)
    openings: list[State] = []
    seen: set[int] = set()
    exhausted: set[int] = set()
    longest, plies = max_plies, min_plies
    while len(openings) < count:
        if len(exhausted) > longest - min_plies:
            longest += 1
            plies = longest
        if longest >= game.max_plies:
            raise UserError(f"{count} openings: {game.name} has only {len(openings)} distinct ones at hand")
        if plies not in exhausted:
            state = _draw_new(game, plies, seen, generator)
            if state is None:
                exhausted.add(plies)
            else:
                openings.append(state)
        plies = plies + 1 if plies < longest else min_plies
    return openings


def load_openings(
    game: Game,
    source: str,
    *,
    order: Order = "given",
    seed: int = 0,
    start: int = 1,
    plies: int | None = None,
) -> Openings:
    """The openings of a file, or of the game's suite.

    Args:
        game: whose positions these are.
        source: `suite`, a record of games by its suffix, or a file with a position a line, in the game's
            notation or as moves; blank lines and comments (# and ;) are passed over.
        order: as they come, or shuffled.
        seed: of the order.
        start: the first of them that is taken, counted from 1 in that order.
        plies: of records the position after so many, of which each is taken once; by default the last one.

    Raise UserError naming file and line or game where a position is illegal, over, or there twice.
    """
    if order not in ORDERS:
        raise UserError(f"openings: order '{order}' is neither {' nor '.join(ORDERS)}")
    if plies is not None and not is_record(source):
        raise UserError(f"openings '{source}': {plies} plies can be taken of records of games alone")
    if source == SUITE:
        found = _suite(game)
    elif is_record(source):
        found = _recorded(game, source, plies)
    else:
        found = _collect(game, source, _lines(game, Path(source)))
    return found.arranged(order, seed, start)


def read_openings(game: Game, path: Path) -> list[State]:
    """The positions of a text file, one a line; see `load_openings`."""
    return _collect(game, str(path), _lines(game, path)).states


def _suite(game: Game) -> Openings:
    states = suite_of(game)
    if not states:
        raise UserError(
            f"game '{game.name}' brings no suite of openings; name a file, or leave it to random plies"
        )
    return Openings(states, [f"opening {number}" for number in range(1, len(states) + 1)])


def _lines(game: Game, path: Path) -> Iterator[tuple[str, State]]:
    for number, line in enumerate(re.split("\r\n|\n|\r", _read_text(path)), start=1):
        try:
            state = parse_line(game, line)
        except InputError as error:
            raise UserError(f"openings '{path}', line {number}: {error}") from error
        if state is not None:
            yield f"line {number}", state


def _recorded(game: Game, source: str, plies: int | None) -> Openings:
    """Of every game one position; with `plies` each once, however many games went through it."""
    warnings: list[str] = []
    short: list[str] = []
    states: list[tuple[str, State]] = []
    for number, found in read_games(source):
        if isinstance(found, UserError):
            raise UserError(f"'{source}', game {number}: {found}")
        warnings += [f"'{source}', game {number}: {text}" for text in found.warnings]
        _check_game(source, number, found, game)
        place, walked = f"game {number}", _position(found, plies)
        if walked is None:
            short.append(place)
            continue
        try:
            states.append((place, game.parse(walked)))
        except InputError as error:
            raise UserError(f"openings '{source}', {place}: {error}") from error
    if short:
        warnings.append(f"'{source}': {_told(short)} had ended after {plies} plies, and left out")
    result = _collect(game, source, states, once=plies is not None)
    return Openings(result.states, result.places, [*warnings, *result.notes])


def _check_game(source: str, number: int, record: Record, game: Game) -> None:
    """Raise UserError for a record of another game or board."""
    theirs = record.game
    names = [one.name.partition(":")[0] for one in (theirs, game)]
    boards = [(one.num_actions, one.planes_shape[1:]) for one in (theirs, game)]
    if names[0] != names[1] or boards[0] != boards[1]:
        raise UserError(f"'{source}', game {number} is one of {theirs.name} and not of {game.name}")


def _position(record: Record, plies: int | None) -> str | None:
    """The position after so many plies, or the last; None of a game that had ended by then."""
    played, text = 0, ""
    for state, move in record.positions():
        if plies is not None and played == plies:
            return position_text(record.game, state)
        if move is None:
            text = position_text(record.game, state)
        elif not move.implied:
            played += 1
    return text if plies is None else None


def _collect(game: Game, source: str, positions: Iterable[tuple[str, State]], once: bool = False) -> Openings:
    """Check what was read; with `once` a position that comes again is left out, else it is refused."""
    found = Openings()
    places: dict[int, str] = {}
    turned: dict[int, str] = {}
    repeated: list[str] = []
    alike: list[str] = []
    for place, state in positions:
        where = f"openings '{source}', {place}"
        if state.outcome() is not None:
            raise UserError(f"{where}: the game is over in position '{position_text(game, state)[:60]}'")
        first = places.setdefault(state.key(), place)
        if first != place and not once:
            raise UserError(f"{where}: the same position stands in {first}; give distinct ones")
        if first != place:
            repeated.append(place)
            continue
        like = turned.setdefault(state.canonical()[0], place)
        if like != place:
            alike.append(f"{place} ({like})")
        found.states.append(state)
        found.places.append(place)
    if not found.states:
        raise UserError(f"openings '{source}' holds no position; give one a line")
    if repeated:
        found.notes.append(f"'{source}': {_told(repeated)} came to the position of an earlier one, left out")
    if alike:
        found.notes.append(f"'{source}': turned or mirrored the same as an earlier one: {_told(alike)}")
    return found


def _told(places: Sequence[str]) -> str:
    more = f" and {len(places) - MAX_TOLD} more" if len(places) > MAX_TOLD else ""
    return ", ".join(places[:MAX_TOLD]) + more


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:  # a device or a pipe has no size to be asked for
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"openings '{path}': {error.strerror}; give a file with one position a line"
        ) from error
    if len(data) > MAX_BYTES:
        raise UserError(f"openings '{path}' is larger than {MAX_BYTES} bytes")
    if data.startswith(_WIDE) or b"\0" in data:
        raise UserError(f"openings '{path}' is not a text file in UTF-8; save it as one")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("iso8859-1")


def _draw_new(game: Game, plies: int, seen: set[int], generator: np.random.Generator) -> State | None:
    for _ in range(MAX_TRIES):
        state = game.initial()
        for _ in range(plies):
            actions = state.legal_actions()
            if not actions:
                break
            state.play(actions[int(generator.integers(len(actions)))])
        key = state.canonical()[0]
        if state.outcome() is None and key not in seen:
            seen.add(key)
            return state
    return None
