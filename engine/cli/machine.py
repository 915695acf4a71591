"""Commands about this machine: doctor and bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import JsonOption, finite_above
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine.doctor import Examination

Seconds = Annotated[
    float, typer.Option("--seconds", callback=finite_above(0), help="time for each game, about")
]

TEXT = "text"
"""Stands in the place of a game for the loop on text."""


def bench(
    games: Annotated[
        list[str] | None,
        typer.Argument(metavar="[GAME…]", help="of selfplay games; text: the loop on text"),
    ] = None,
    seconds: Seconds = 60,
    json: JsonOption = False,
) -> None:
    """Measure each stage against its ceiling and its goal."""
    from engine.bench.bench import run
    from engine.config import Config

    tell, named = None if json else _tell, games or [Config().game]
    rules = [game for game in named if game != TEXT]
    rows = run(rules, seconds, tell) if rules else []
    if TEXT in named:
        from engine.bench import language as text_bench  # imports torch

        rows += text_bench.run(seconds, tell)
    if json:
        print_json(rows)
        return
    from engine.cli.progress import print_table

    for game in dict.fromkeys(row["game"] for row in rows):
        print_table([_bench_cells(row) for row in rows if row["game"] == game], game or "selfplay")


def doctor(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="a run, whose network and seconds are looked at")
    ] = None,
    game: Annotated[str | None, typer.Option("--game", help="to measure where there is no RUN")] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", callback=finite_above(0), help="of measuring, about")
    ] = 6,
    json: JsonOption = False,
) -> None:
    """Say what this machine will really use, what is idle and what to change.

    With RUN: where its seconds went, and what would make it faster.
    """
    from engine.cli.game.train import resolve
    from engine.config import Config
    from engine.game_run import read_config
    from engine.registry import load_game

    if run is not None and game is not None:
        raise UserError(f"--game {game}: run '{run}' names its own game; drop one of them")
    path = None if run is None else Path(run)
    saved = None if path is None else read_config(path)
    spec = saved.game if saved else game or Config().game
    rules = load_game(spec)
    config = saved or resolve(rules, spec, "default", {})
    from engine.doctor import examine  # imports torch
    from engine.sandbox import status

    found, sandbox = examine(rules, config, seconds, path), status()
    if json:
        print_json({**found.to_json(), "sandbox": {"usable": sandbox.usable, "reason": sandbox.reason}})
        return
    _show(found, spec)
    usable = "usable" if sandbox.usable else "not usable"
    typer.echo(f"\nSandbox for programs that a model writes: {usable}: {sandbox.reason}")


def _show(found: Examination, spec: str) -> None:
    from engine.cli.progress import print_table, time_line

    for name, value in found.facts.items():
        typer.echo(f"{name:10} {'none' if value is None else value}")
    typer.echo(f"{'network':10} {found.choice}: {found.choice.reason}")
    typer.echo(f"{'extras':10} {_extras(found.extras)}")
    search, *inference = found.rates
    typer.echo(f"{'search':10} {search['rate']:,} simulations/s of {spec} in one thread, without a network")
    typer.echo(f"\nPositions/s in one thread, {inference[0]['stage']} of {spec}:")
    print_table(_rate_table(inference))
    if found.callers:
        typer.echo(
            "Self-play on {callers} cores: {all:.0f} positions/s, {gain:.2f} times one caller's.".format(
                **found.callers
            )
        )
    if found.run:
        typer.echo(f"\nRun {found.run['path']}, its last {found.run['averaged']} iterations:")
        typer.echo(f"  {time_line(found.run['means'])}")
    typer.echo("\nWhat to change:" if found.advice else "\nNothing to change.")
    for advice in found.advice:
        typer.echo(f"- {advice}")


def _extras(extras: Sequence[Mapping[str, Any]]) -> str:
    """`cpu, go; missing: chess (PGN and external chess engines)`."""
    there = [row["extra"] for row in extras if row["installed"]]
    missing = [f"{row['extra']} ({row['brings']})" for row in extras if not row["installed"]]
    return "; missing: ".join(filter(None, [", ".join(there) or "none", ", ".join(missing)]))


def _rate_table(rates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a backend, a column a batch size."""
    table: dict[str, dict[str, Any]] = {}
    for row in rates:
        line = table.setdefault(row["backend"], {"backend": row["backend"]})
        line[f"batch {row['batch']}"] = row["rate"]
    return list(table.values())


def _bench_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Counts without decimals, shares with three digits."""
    ours, ratio = row["ours"], row["ratio"]
    return {
        "stage": row["stage"],
        "name": row["name"],
        "backend": row["backend"].removesuffix(" on cpu"),
        "ours": f"{ours:,.0f}" if abs(ours) >= 100 else f"{ours:.3g}",
        "unit": row["unit"],
        "of ceiling": None if ratio is None else f"{ratio:.3f}",
        "goal": row["goal"],
        "met": {True: "yes", False: "no", None: None}[row["met"]],
    }


def _tell(text: str) -> None:
    typer.echo(text, err=True)
