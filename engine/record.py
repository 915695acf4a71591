"""Games of other programs: the readers of their files, which packages bring by suffix."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from engine._core import Game, State
from engine.errors import UserError

GROUP = "selfplay.records"
"""Entry-point group of the readers, by the suffix of their files."""

MAX_BYTES = 16 << 20
"""Of the largest file that is read."""


class Move(Protocol):
    """A move of a record."""

    @property
    def action(self) -> int:
        """Of the game."""

    @property
    def implied(self) -> bool:
        """Whether the record leaves it out, so that it counts as no ply."""


class Record(Protocol):
    """What a reader makes of a legal game."""

    @property
    def game(self) -> Game:
        """The rules that it was replayed under."""

    @property
    def warnings(self) -> Sequence[str]:
        """What was taken for something else than is written."""

    def positions(self) -> Iterator[tuple[State, Move | None]]:
        """Every position with the move played there, the final one with None; one state, played on."""

    def answer(self) -> dict[str, Any]:
        """What the rules say of the game."""


Found = Record | UserError
Reader = Callable[[bytes], Iterator[Found]]
"""The games of a file, or what is wrong with one; raises UserError where it finds none."""


def read_games(file: str) -> Iterator[tuple[int, Found]]:
    """The games of a file with their numbers, from 1. Raise UserError naming the file where it has none."""
    reader, data = find_reader(file), read_file(file)
    try:
        yield from enumerate(reader(data), start=1)
    except UserError as error:
        raise UserError(f"'{file}': {error}") from error


def is_record(file: str) -> bool:
    """Whether there is a reader of files with this suffix."""
    return bool(entry_points(group=GROUP, name=_suffix(file)))


def find_reader(file: str) -> Reader:
    """The reader of the files that have this one's suffix."""
    readers = {entry.name: entry for entry in entry_points(group=GROUP)}
    suffix = _suffix(file)
    if suffix not in readers:
        known = ", ".join(f".{name}" for name in sorted(readers))
        raise UserError(f"'{file}' is no record that can be read; known suffixes: {known or 'none'}")
    reader: Reader = readers[suffix].load()
    return reader


def read_file(file: str) -> bytes:
    """The bytes of a file of at most MAX_BYTES."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            raise UserError(f"'{file}' is not a file")
        with open(file, "rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"'{file}' cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"'{file}' has more than {MAX_BYTES >> 20} MiB; split the collection")
    return data


def _suffix(file: str) -> str:
    return Path(file).suffix.lower().removeprefix(".")
