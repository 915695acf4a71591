"""The command `record`: games of other programs, replayed under our rules."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from engine._core import Game
from engine.cli.stream import print_json
from engine.errors import UserError

GROUP = "selfplay.records"
"""Entry-point group of the readers, by the suffix of their files."""

MAX_BYTES = 16 << 20
"""Of the largest file that is read."""


class Record(Protocol):
    """What a reader makes of a legal game."""

    @property
    def game(self) -> Game:
        """The rules that it was replayed under."""

    @property
    def warnings(self) -> Sequence[str]:
        """What was taken for something else than is written."""

    def answer(self) -> dict[str, Any]:
        """What the rules say of the game."""


Found = Record | UserError
Reader = Callable[[bytes], Iterator[Found]]
"""The games of a file, or what is wrong with one; raises UserError where it finds none."""


def record(
    file: Annotated[str, typer.Argument(metavar="FILE", help="of a format that its suffix tells")],
    game: Annotated[
        int | None, typer.Option("--game", min=1, metavar="N", help="the N-th game alone")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print JSON lines on stdout, one a game")] = False,
) -> None:
    """Replay the games of a file of other programs under our rules.

    An illegal game is refused, with its ply and move. Of several games each is answered, the exit code is 2
    where one is refused.
    """
    games = read_games(file)
    if game is not None:
        games = iter([_nth(games, game, file)])
    ahead = [found for found in (next(games, None), next(games, None)) if found is not None]
    refused: list[str] = []
    number = 0
    for number, found in chain(ahead, games):
        if not isinstance(found, UserError):
            _print(file, number, found, json)
            continue
        refused.append(f"game {number}: {found}")
        if len(ahead) == 2 and json:
            print_json({"file": file, "number": number, "error": str(found)})
        elif len(ahead) == 2:
            typer.echo(f"game {number} is refused: {_one_line(str(found))}\n")
    if refused:
        count = f"{len(refused)} of {number} games are refused, " if len(ahead) == 2 else ""
        raise UserError(f"'{file}': {count}{refused[0]}")


def read_games(file: str) -> Iterator[tuple[int, Found]]:
    """The games of a file with their numbers, from 1. Raise UserError naming the file where it has none."""
    reader, data = find_reader(file), read_file(file)
    try:
        yield from enumerate(reader(data), start=1)
    except UserError as error:
        raise UserError(f"'{file}': {error}") from error


def read_positions(file: str, game: Game) -> Iterator[tuple[str, str]]:
    """The last position of every game of a file, with its place, in the notation of `game`.

    Warnings of a game go to stderr. Raise UserError for a game that is refused, and for one of another game
    or board than `game`.
    """
    for number, found in read_games(file):
        if isinstance(found, UserError):
            raise UserError(f"'{file}', game {number}: {found}")
        _warn(file, number, found)
        theirs, names = found.game, [one.name.partition(":")[0] for one in (found.game, game)]
        boards = [(one.num_actions, one.planes_shape[1:]) for one in (theirs, game)]
        if names[0] != names[1] or boards[0] != boards[1]:
            raise UserError(f"'{file}', game {number} is one of {theirs.name} and not of {game.name}")
        yield f"game {number}", found.answer()["position"]


def is_record(file: str) -> bool:
    """Whether there is a reader of files with this suffix."""
    return bool(entry_points(group=GROUP, name=_suffix(file)))


def _suffix(file: str) -> str:
    return Path(file).suffix.lower().removeprefix(".")


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


def _nth(games: Iterator[tuple[int, Found]], wanted: int, file: str) -> tuple[int, Found]:
    number = 0
    for number, found in games:
        if number == wanted:
            return number, found
    raise UserError(f"'{file}' has no game {wanted}; it has {number}")


def _print(file: str, number: int, found: Record, json: bool) -> None:
    _warn(file, number, found)
    answer = found.answer()
    if json:
        print_json({"file": file, "number": number, **answer, "warnings": list(found.warnings)})
        return
    for key in sorted(answer.keys() - {"text", "owner", "legal_counts", "position", "moves", "tags"}):
        typer.echo(f"{key:20} {_one_line(_shown(answer[key]))}")
    players = ", ".join(f"{name} {text}" for name, text in answer["tags"].items())
    typer.echo(f"{'tags':20} {_one_line(players)}\n\n{answer['text']}")


def _warn(file: str, number: int, found: Record) -> None:
    for warning in found.warnings:
        typer.echo(f"warning: '{file}', game {number}: {_one_line(warning)}", err=True)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
