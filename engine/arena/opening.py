"""Positions that arena games start from: distinct ones, drawn at random or read from a file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from engine._core import Game, InputError, State
from engine.errors import UserError

MAX_BYTES = 1 << 24
"""Of an opening file."""

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
"""Marks of charsets that are not read; that of UTF-32 begins as UTF-16's."""

MAX_TRIES = 200
"""Draws in a row that bring nothing new before longer openings are tried."""


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


def read_openings(game: Game, path: Path) -> list[State]:
    """Read one position a line, in the game's notation; blank lines and those that start with # are skipped.

    The text is UTF-8, with or without a byte order mark, else ISO-8859-1. Raise UserError naming the line
    where a position is illegal, over, or there twice.
    """
    return parse_openings(game, path, _read_lines(path))


def parse_openings(game: Game, path: Path, positions: Iterable[tuple[str, str]]) -> list[State]:
    """The positions of a file, each with its place there and as text in the game's notation.

    Raise UserError naming the place where a position is illegal, over, or there twice.
    """
    openings: list[State] = []
    places: dict[int, str] = {}
    for place, text in positions:
        where = f"openings '{path}', {place}"
        try:
            state = game.parse(text)
        except (InputError, ValueError) as error:
            raise UserError(f"{where}: {error}") from error
        if state.outcome() is not None:
            raise UserError(f"{where}: the game is over in position '{text[:60]}'")
        first = places.setdefault(state.key(), place)
        if first != place:
            raise UserError(f"{where}: the same position stands in {first}; give distinct ones")
        openings.append(state)
    if not openings:
        raise UserError(f"openings '{path}' holds no position; give one a line")
    return openings


def _read_lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(re.split("\r\n|\n|\r", _read_text(path)), start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield f"line {number}", text


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


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"openings '{path}' is larger than {MAX_BYTES} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"openings '{path}': {error.strerror}; give a file with one position a line"
        ) from error
    if data.startswith(_WIDE) or b"\0" in data:
        raise UserError(f"openings '{path}' is not a text file in UTF-8; save it as one")
    data = data.rstrip(b"\x1a")  # ends text files of DOS
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("iso8859-1")
