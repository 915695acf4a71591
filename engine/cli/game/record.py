"""The command `record`: games of other programs, replayed under our rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

import typer

from engine.cli.stream import print_json
from engine.errors import UserError
from engine.record import Found, Record, read_games


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
            typer.echo(f"game {number} is refused: {one_line(str(found))}\n")
    if refused:
        count = f"{len(refused)} of {number} games are refused, " if len(ahead) == 2 else ""
        raise UserError(f"'{file}': {count}{refused[0]}")


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
        typer.echo(f"{key:20} {one_line(_shown(answer[key]))}")
    players = ", ".join(f"{name} {text}" for name, text in answer["tags"].items())
    typer.echo(f"{'tags':20} {one_line(players)}\n\n{answer['text']}")


def _warn(file: str, number: int, found: Record) -> None:
    for warning in found.warnings:
        typer.echo(f"warning: '{file}', game {number}: {one_line(warning)}", err=True)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def one_line(text: str) -> str:
    """A text of a file without what would move a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
