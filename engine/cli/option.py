"""Options and arguments that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import typer

from engine.errors import UserError

GameArgument = Annotated[
    str,
    typer.Argument(
        metavar="GAME",
        help="of selfplay games, or NAME:a=b,c=d, file.py:Name, package.module:Name",
    ),
]
PLAYERS = (
    "a run, a checkpoint, an exported folder, GAME:pretrained, GAME:untrained, random, mcts:SIMS, solver, or "
    "an engine by others, as 'uci:stockfish; time=1+0.01; Hash=16', gtp:COMMAND or json:COMMAND"
)
PlayerArgument = Annotated[str, typer.Argument(metavar="PLAYER", help=PLAYERS)]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON document on stdout")]
ThreadsOption = Annotated[
    int, typer.Option("--threads", min=1, max=256, help="that compute the network; several share one tree")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="of all randomness")]


def finite_above(low: float) -> Callable[[typer.CallbackParam, float | None], float | None]:
    """An option callback that refuses NaN, infinity and what is not above `low`."""

    def check(parameter: typer.CallbackParam, value: float | None) -> float | None:
        if value is not None and not (math.isfinite(value) and value > low):
            raise UserError(f"--{parameter.name} {value} is not a finite number above {low:g}")
        return value

    return check


def parse_counts(name: str, text: str, low: int, high: int) -> list[int]:
    """Read `1,16,100`; raise UserError naming the part that is no whole number from `low` to `high`."""
    counts = []
    for part in text.split(","):
        if not (part.strip().isascii() and part.strip().isdigit() and low <= int(part) <= high):
            raise UserError(f"{name} '{text}': '{part}' is not a whole number from {low} to {high}")
        counts.append(int(part))
    return counts
