"""The command `uci`: a player for clients of the Universal Chess Interface."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.option import PlayerArgument, ThreadsOption
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.player import Player

MAX_SIMULATIONS = 10_000_000
MAX_THREADS = 256


def uci(
    player: PlayerArgument,
    game: Annotated[
        str | None,
        typer.Option("--game", help="of selfplay games, with options; one that PLAYER plays"),
    ] = None,
    sims: Annotated[
        int | None,
        typer.Option(
            "--sims", min=1, max=MAX_SIMULATIONS, help="a move at most; as many as time allows where left out"
        ),
    ] = None,
    threads: ThreadsOption = 1,
) -> None:
    """Play chess, and any game that is written like it, with a client of UCI on stdin and stdout.

    All else is set by the client: `uci` lists the options.
    """
    from importlib.metadata import version

    from engine.game.inquiry import uci_games
    from engine.player import load_player
    from engine.player.name import is_checkpoint, served_limit
    from engine.player.spec import parse_spec
    from engine.protocols.line_reader import LineReader
    from engine.protocols.uci.dialogue import converse
    from engine.protocols.uci.output import descriptor_output
    from engine.protocols.uci.session import Session
    from engine.registry import game_names, load_game

    if sys.stdin is None:
        raise UserError("stdin is closed; give commands on it")
    # What rules or libraries print is none of the protocol's.
    protocol = os.dup(1)
    os.dup2(2, 1)

    def open_player(asked: Game | None, count: int) -> Player:
        return load_player(player, asked, sims or 100, threads=count)

    limit, who = served_limit(player, times=False), parse_spec(player).who  # the client sets the time
    named = load_game(game) if game else None
    if named is None and not is_checkpoint(who):
        named = next((each for each in map(load_game, game_names()) if uci_games(each)), None)
    first = open_player(named, threads)
    by_name = limit.simulations or (0 if is_checkpoint(who) else first.simulations)
    session = Session(
        first, open_player, descriptor_output(protocol), version("selfplay"),
        simulations=sims or by_name, threads=threads,
        max_threads=MAX_THREADS if is_checkpoint(who) else 1,
    )  # fmt: skip
    if not converse(session, LineReader(sys.stdin.fileno())):
        sys.stderr.flush()
        os._exit(0)  # what still computes would hold up an ordinary exit
