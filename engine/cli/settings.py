"""The command `settings`: every setting, what it may be and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import JsonOption
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.setting import Setting

TEXT = "text"
WIDTH = 110
"""Columns that descriptions are wrapped to."""


def settings(
    game: Annotated[
        str | None,
        typer.Argument(
            metavar="[GAME|text]", help="a game, for the values of its preset; text: the loop on text"
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="of the game; default: default")] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="with text, for what the method sets")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List every setting.

    Its section, its value where nothing is asked for, its range and what it does. `--set section.name=value`
    and settings files change them; a value that GAME's preset or the method has changed is marked with *.
    """
    from engine.setting import section_docs, settings_of

    if game is None and preset is not None:
        raise UserError(
            f"--preset {preset}: name the game that has it: selfplay settings GAME --preset {preset}"
        )
    if game != TEXT and method is not None:
        raise UserError(f"--method {method} goes with text: selfplay settings text --method {method}")
    plain, chosen = _text_values(method, preset) if game == TEXT else _game_values(game, preset)
    rows, usual = settings_of(chosen), {row.key: row.default for row in settings_of(plain)}
    changed = {row.key for row in rows if row.default != usual[row.key]}
    docs = section_docs(type(plain))
    if json:
        listed = [{**row.to_json(), "is_changed": row.key in changed} for row in rows]
        print_json({"of": game, "settings": listed, "sections": docs})
        return
    _print(rows, docs, changed)


def _game_values(game: str | None, preset: str | None) -> tuple[Any, Any]:
    """(settings as they are anywhere, settings of the game's preset)."""
    from engine.cli.train import resolve
    from engine.config import Config
    from engine.registry import load_game

    if game is None:
        return Config(), Config()
    name = preset or "default"
    chosen = resolve(load_game(game), game, name, {})
    return Config(game=game, preset=name), chosen


def _text_values(method: str | None, preset: str | None) -> tuple[Any, Any]:
    from engine.language.settings import TextConfig, build_text_config

    if preset is not None:
        raise UserError(f"--preset {preset} goes with a game; text has methods: --method NAME")
    plain = TextConfig(task="TASK", method=method or "METHOD")
    return plain, build_text_config(method, "TASK") if method else plain


def _print(rows: Sequence[Setting], docs: dict[str, str], changed: set[str]) -> None:
    from textwrap import fill

    section = None
    for row in rows:
        own, _, name = row.key.rpartition(".")
        if own != section:
            section = own
            typer.echo(f"\n[{own}]" if own else "")
            if docs.get(own):
                typer.echo(fill(docs[own], WIDTH))
        mark = "*" if row.key in changed else " "
        typer.echo(f"{mark} {f'{name} = {_shown(row.default)}':38} {row.allowed}")
        typer.echo(fill(row.does, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(each) for each in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
