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
            metavar="[GAME|TASK|text]",
            help="a game, or a text task and --method, for the values of its preset; text: the loop on text",
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="of the game or task; default: default")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="with text, for what the method sets")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List every setting.

    Its section, its value where nothing is asked for, its range and what it does. `--set section.name=value`
    and settings files change them; a value that GAME's preset or the method has changed is marked with *.
    """
    from engine.cli.game.rules import names_task
    from engine.setting import section_docs, settings_of

    if game is None and (preset or method):
        option = f"--preset {preset}" if preset else f"--method {method}"
        raise UserError(
            f"{option}: name what has it: selfplay settings {'GAME' if preset else 'text'} {option}"
        )
    is_text = game == TEXT or method is not None or (game is not None and names_task(game))
    plain, chosen = _text_values(game, method, preset) if is_text else _game_values(game, preset)
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
    from engine.cli.game.train import resolve
    from engine.config import Config
    from engine.registry import load_game

    if game is None:
        return Config(), Config()
    name = preset or "default"
    chosen = resolve(load_game(game), game, name, {})
    return Config(game=game, preset=name), chosen


def _text_values(task: str | None, method: str | None, preset: str | None) -> tuple[Any, Any]:
    """(settings as they are for any task and method, settings of the method and of the task's preset)."""
    from engine.cli.text.run import open_task
    from engine.language.method.registry import build_text_config, load_method
    from engine.language.problem.task_registry import task_preset
    from engine.language.settings import TextConfig

    name, kind = preset or "default", load_method(method).settings() if method else TextConfig
    plain = kind(task=task if task and task != TEXT else "TASK", method=method or "METHOD", preset=name)
    if method is None:
        if preset is not None:
            raise UserError(
                f"--preset {preset}: name its task and a method: settings TASK --method M --preset {preset}"
            )
        return plain, plain
    if task == TEXT and preset is not None:
        raise UserError(f"--preset {preset} is a task's: settings TASK --method {method} --preset {preset}")
    layer = {} if task in (None, TEXT) else task_preset(open_task(str(task)), name)
    return plain, build_text_config(method, plain.task, layer, {"preset": name})


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
