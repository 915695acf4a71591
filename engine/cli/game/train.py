"""The command `train`: the loop on one game."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import GameArgument, JsonOption, finite_above
from engine.cli.run_path import flatten, new_run, resumable, run_to_resume
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.config import Config


def train(
    game: GameArgument,
    preset: Annotated[str | None, typer.Option("--preset", help="of the game; default: default")] = None,
    config: Annotated[str | None, typer.Option("--config", metavar="F.toml", help="settings file")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=v", help="one setting; may be repeated")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option("--init", metavar="PLAYER", help="whose weights to begin with"),
    ] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="DIR", help="default: runs/GAME-NNN")] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", callback=finite_above(0), help="of training in all, resumes included"),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", min=1, max=10**9, help="in all, resumes included")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in DIR")] = False,
    no_final: Annotated[
        bool,
        typer.Option("--no-final", help="do not score the final network, which comes on top of --minutes"),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Train by self-play.

    Without --minutes or --iterations it goes on until Ctrl-C, which keeps what was committed.
    """
    if minutes is not None and iterations is not None:
        raise UserError(f"--minutes {minutes:g} and --iterations {iterations}: give one of them")
    from engine.cli.progress import told_if_slow
    from engine.registry import load_game, located_game

    with told_if_slow(f"loading {game}: rules in Numba are compiled, rules of one's own are tried out"):
        rules = load_game(game)
        _require_lawful(rules)
    changes = read_changes(rules, game, preset, config, assignments or [])
    if init is not None:
        changes = _with_init(changes, init, resume)
    if resume:
        path = run_to_resume(run)
        settings = resumed_config(path, rules, game, preset, changes)
    else:
        path = new_run(run, rules.name)
        settings = resolve(rules, located_game(game), preset or "default", changes)
    words = ["train", game, *limit_words(minutes, iterations), *(["--no-final"] if no_final else [])]
    _train(rules, settings, path, words, minutes, iterations, resume, not no_final, json)


def _require_lawful(game: Game) -> None:
    """Play a few random games of a user's game first: a slip in its rules would be trained on for hours."""
    from engine._core import CustomGame
    from engine.game.laws import LawError, check_laws

    if not isinstance(game, CustomGame):
        return
    try:
        check_laws(game, walks=3)
    except LawError as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"game '{game.name}' breaks a law: {reason}; 'selfplay check' shows others"
        ) from error


def _train(
    game: Game,
    config: Config,
    path: Path,
    words: list[str],
    minutes: float | None,
    iterations: int | None,
    resume: bool,
    score: bool,
    json: bool,
) -> None:
    from engine.cli.progress import Reporter
    from engine.doctor import advise_run
    from engine.train.loop import train as run_loop
    from engine.train.reference import compare_run
    from engine.train.spending import spending

    reporter = Reporter(quiet=json)
    try:
        with resumable(path, words, reporter.message):
            trained = run_loop(
                game,
                config,
                path,
                minutes=minutes,
                iterations=iterations,
                resume=resume,
                reporter=reporter,
                score=score,
            )
        spent = list(spending(path).values())[-1:]
        for each in spent:
            reporter.message(str(each))
        comparison = compare_run(game, path)
        for line in comparison.lines() if comparison else ():
            reporter.message(line)
        if trained:
            reporter.advise(advise_run(path))
    finally:
        reporter.close()
    if json:
        advice = [line.to_json() for line in reporter.advice]
        document: dict[str, Any] = {
            "run": str(path),
            "game": game.name,
            "result": reporter.table,
            "spent": asdict(spent[0]) if spent else None,
            "advice": advice,
        }
        if comparison:
            document["reference"] = asdict(comparison)
        print_json(document)


def limit_words(minutes: float | None, iterations: int | None) -> list[str]:
    """The options that say when a run ends, as they were given."""
    limits = (("--minutes", minutes), ("--iterations", iterations))
    return [word for name, value in limits if value is not None for word in (name, f"{value:.10g}")]


def read_changes(
    game: Game, spec: str, preset: str | None, path: str | None, assignments: list[str]
) -> dict[str, Any]:
    """What the settings file and `--set` ask for, the latter over the former, without the game.

    Raise UserError where they name another game than `spec`; none that they name is loaded.
    """
    from engine.config.layer import merge, parse_assignments
    from engine.registry import is_same_game
    from engine.run.settings_file import read_changes as read_file

    changes = merge(read_file(Path(path)) if path else {}, parse_assignments(assignments))
    named = changes.pop("game", spec)
    if named != game.name and not is_same_game(str(named), spec):
        raise UserError(f"setting 'game' = {named!r}, but the command names '{spec}'; drop one")
    if preset is not None and changes.get("preset", preset) != preset:
        raise UserError(
            f"setting 'preset' = {changes['preset']!r}, but the command names '{preset}'; drop one"
        )
    return changes


def resolve(game: Game, spec: str, preset: str, changes: Mapping[str, Any]) -> Config:
    """Settings of a new run: defaults, the game's preset, then `changes`; UserError for a bad one."""
    from engine.config import build_config
    from engine.registry import preset as preset_layer
    from engine.train.first_weights import with_first_weights

    name = str(changes.get("preset", preset))
    config = build_config(preset_layer(game, name), changes, {"game": spec, "preset": name})
    return with_first_weights(game, config, changes) if config.init.path or config.init.sha256 else config


def _with_init(changes: Mapping[str, Any], init: str, resume: bool) -> dict[str, Any]:
    """Settings with the weights that `--init` names; UserError where that makes no sense."""
    from engine.config.layer import merge

    if resume:
        raise UserError(f"--init '{init}': a resumed run goes on with its own weights; drop the option")
    if not init:
        raise UserError("--init '' names no weights; give a run, a checkpoint or a folder, or leave it out")
    named = changes.get("init", {})
    if isinstance(named, Mapping) and named.get("path", init) != init:
        raise UserError(f"setting 'init.path' = {named['path']!r}, but --init names '{init}'; drop one")
    return merge(changes, {"init": {"path": init}})


def resumed_config(
    path: Path, game: Game, spec: str, preset: str | None, changes: Mapping[str, Any]
) -> Config:
    """The settings of the run at `path`; UserError where it is of another game or `changes` differ."""
    from engine.config import build_config
    from engine.game_run import read_config
    from engine.registry import load_game

    saved = read_config(path)
    if load_game(saved.game).name != game.name:
        raise UserError(f"run '{path}' plays {saved.game}, not {spec}; name its game")
    if preset is not None and preset != saved.preset:
        raise UserError(
            f"--preset {preset}: run '{path}' was made with preset {saved.preset}; drop the option"
        )
    asked = flatten(build_config(saved.model_dump(), changes).model_dump())
    kept = flatten(saved.model_dump())
    for key, new in asked.items():
        if new != kept[key]:
            raise UserError(
                f"setting '{key}' = {new!r}: run '{path}' goes on with its own, {kept[key]!r}; drop it"
            )
    return saved
