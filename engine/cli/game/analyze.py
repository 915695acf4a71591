"""The command `analyze`: what a search thinks, JSON lines in and out."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from engine.cli.option import PlayerArgument, ThreadsOption
from engine.cli.stream import print_json
from engine.errors import UserError

MAX_SIMULATIONS = 10_000_000


def analyze(
    player: PlayerArgument,
    sims: Annotated[
        int, typer.Option("--sims", min=1, max=MAX_SIMULATIONS, help="where a line sets no limit")
    ] = 100,
    game: Annotated[str | None, typer.Option("--game", help="where PLAYER is no checkpoint")] = None,
    as_they_come: Annotated[
        bool, typer.Option("--as-they-come", help="answer whatever is ready, not in the order of the lines")
    ] = False,
    threads: ThreadsOption = 1,
) -> None:
    """Search positions, as JSON lines.

    Lines are searched together, in the order of their priority.
    In: {"id", "position"?, "moves"?, "simulations"?, "seconds"?, "multipv"?, "ownership"?, "avoid"?,
    "allow"?, "priority"?, "every"?}, or {"id"?, "cancel": id}.
    Out: {"id", "best", "value", "wdl", "visits", "prior", "pv", "simulations"} and what was asked for, or
    {"id", "error"}.
    """
    from engine.player import load_player
    from engine.protocols.analysis.native import NativeDialect
    from engine.protocols.analysis.service import serve
    from engine.protocols.line_reader import LineReader
    from engine.registry import load_game

    asked = load_player(player, load_game(game) if game else None, sims, threads=threads)
    dialect = NativeDialect(asked, asked.thinker())
    if sys.stdin is None:  # closed by who started this
        raise UserError("stdin is closed; give JSON lines on it")
    serve(LineReader(sys.stdin.fileno()), dialect, print_json, in_order=not as_they_come)
