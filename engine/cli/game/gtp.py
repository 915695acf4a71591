"""The command `gtp`: a player for clients of the Go Text Protocol."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.option import PlayerArgument, ThreadsOption
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.player import Player

MAX_SIMULATIONS = 10_000_000


def gtp(
    player: PlayerArgument,
    game: Annotated[
        str | None, typer.Option("--game", help="of selfplay games, with options; where PLAYER names none")
    ] = None,
    sims: Annotated[
        int, typer.Option("--sims", min=1, max=MAX_SIMULATIONS, help="a move; mcts:SIMS brings its own")
    ] = 100,
    threads: ThreadsOption = 1,
) -> None:
    """Play any board game with a client of the Go Text Protocol, on stdin and stdout.

    Go has all of GTP 2; any other game `play` and `genmove` in its own notation, black moves first in it.
    """
    from importlib.metadata import version

    from engine.player import load_player
    from engine.protocols.gtp.dialogue import converse
    from engine.protocols.gtp.inbox import Inbox
    from engine.protocols.gtp.session import Session
    from engine.registry import load_game

    if sys.stdin is None:
        raise UserError("stdin is closed; give commands on it")
    inbox = Inbox(sys.stdin.fileno())

    def open_player(asked: Game | None) -> Player:
        return load_player(player, asked, sims, threads=threads)

    first = open_player(load_game(game) if game else None)
    converse(Session(first, open_player, inbox, version("selfplay")))
