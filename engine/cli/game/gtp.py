"""The command `gtp`: a player for clients of the Go Text Protocol."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.option import PlayerArgument, ThreadsOption
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.player import Player

MAX_SIMULATIONS = 10_000_000
USUAL_SIMULATIONS = 100


def gtp(
    player: PlayerArgument,
    game: Annotated[
        str | None, typer.Option("--game", help="of selfplay games, with options; where PLAYER names none")
    ] = None,
    sims: Annotated[
        int | None,
        typer.Option(
            "--sims",
            min=1,
            max=MAX_SIMULATIONS,
            help=f"a move; by default what mcts:SIMS says, else {USUAL_SIMULATIONS} where no time is set",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time",
            help="until a client sets another: 60, 1+0.01, 300+5x30, 5/move, inf; by default PLAYER's",
        ),
    ] = None,
    lag: Annotated[
        float, typer.Option("--lag", min=0, max=60, help="seconds a move that pass unseen, on the way to it")
    ] = 0.1,
    threads: ThreadsOption = 1,
    memory: Annotated[
        float, typer.Option("--memory", min=1, max=1e6, help="MB of the search's trees")
    ] = 1024,
    ponder: Annotated[bool, typer.Option("--ponder", help="think while the other does")] = False,
    records: Annotated[
        Path | None, typer.Option("--records", help="folder that loadsgf may read from, printsgf write to")
    ] = None,
    answer_version: Annotated[
        str, typer.Option("--answer-version", help="what to answer as version, for clients that want another")
    ] = "",
) -> None:
    """Play any board game with a client of the Go Text Protocol, on stdin and stdout.

    Go has all of GTP 2; any other game `play` and `genmove` in its own notation.
    """
    from importlib.metadata import version

    from engine.player import load_player
    from engine.player.clock import TimeControl
    from engine.player.name import is_checkpoint, served_limit
    from engine.player.spec import parse_spec
    from engine.protocols.gtp.dialogue import converse
    from engine.protocols.gtp.inbox import Inbox
    from engine.protocols.gtp.session import Session, Settings
    from engine.protocols.gtp.thinking import GoneError
    from engine.registry import load_game

    if sys.stdin is None:
        raise UserError("stdin is closed; give commands on it")
    inbox = Inbox(sys.stdin.fileno())

    def open_player(asked: Game | None, other_options: bool = True) -> Player:
        count = sims or USUAL_SIMULATIONS
        return load_player(player, asked, count, threads=threads, other_options=other_options)

    first = open_player(load_game(game) if game else None, False)
    named = served_limit(player, times=True)
    own = named.simulations if is_checkpoint(parse_spec(player).who) else first.simulations or None
    limit = min(sims, own) if sims and own else sims or own
    control = named.time or TimeControl() if time is None else TimeControl.parse(time)
    settings = Settings(answer_version or version("selfplay"), limit, control, lag, records, memory, ponder)
    session = Session(first, open_player, inbox, settings)
    _ = session.thinker  # a player that cannot think is refused now
    try:
        converse(session)
    except GoneError:  # all is written, or stuck in a pipe that nobody reads
        os._exit(0)
