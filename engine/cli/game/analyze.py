"""The command `analyze`: what a search thinks, JSON lines in and out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.option import PlayerArgument, ThreadsOption
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.player import Player
    from engine.protocols.analysis.service import Dialect

MAX_SIMULATIONS = 10_000_000


class Language(StrEnum):
    """What lines are written in."""

    SELFPLAY = "selfplay"
    KATAGO = "katago"


class Side(StrEnum):
    """Whose winrates KataGo's protocol tells."""

    BLACK = "black"
    WHITE = "white"
    TO_MOVE = "sidetomove"


def analyze(
    player: PlayerArgument,
    sims: Annotated[
        int, typer.Option("--sims", min=1, max=MAX_SIMULATIONS, help="where a line sets no limit")
    ] = 100,
    game: Annotated[str | None, typer.Option("--game", help="where PLAYER is no checkpoint")] = None,
    protocol: Annotated[
        Language, typer.Option("--protocol", help="of the lines; katago: its analysis engine's, for Go")
    ] = Language.SELFPLAY,
    winrates_as: Annotated[
        Side, typer.Option("--winrates-as", help="whose view katago's answers have by default")
    ] = Side.BLACK,
    as_they_come: Annotated[
        bool, typer.Option("--as-they-come", help="answer whatever is ready, not in the order of the lines")
    ] = False,
    quit_without_waiting: Annotated[
        bool, typer.Option("--quit-without-waiting", help="end with the input, whatever is under way")
    ] = False,
    threads: ThreadsOption = 1,
) -> None:
    """Search positions, as JSON lines.

    Lines are searched together, in the order of their priority.
    In: {"id", "position"?, "moves"?, "simulations"?, "seconds"?, "multipv"?, "ownership"?, "avoid"?,
    "allow"?, "priority"?, "every"?}, or {"id"?, "cancel": id}.
    Out: {"id", "best", "value", "wdl", "visits", "prior", "pv", "simulations"} and what was asked for, or
    {"id", "error"}.
    With --protocol katago: as its docs/Analysis_Engine.md says, answered as they come.
    """
    from engine.player import load_player
    from engine.protocols.analysis.native import NativeDialect
    from engine.protocols.analysis.service import serve
    from engine.protocols.line_reader import LineReader
    from engine.registry import load_game

    if sys.stdin is None:  # closed by who started this
        raise UserError("stdin is closed; give JSON lines on it")

    def open_player(asked: Game | None, other_options: bool = True) -> Player:
        return load_player(player, asked, sims, threads=threads, other_options=other_options)

    first = open_player(load_game(game) if game else None, other_options=False)
    dialect: Dialect
    if protocol is Language.KATAGO:
        dialect = _katago(first, open_player, winrates_as)
    else:
        dialect = NativeDialect(first, first.thinker())
    in_order = protocol is Language.SELFPLAY and not as_they_come
    lines = LineReader(sys.stdin.fileno())
    serve(lines, dialect, print_json, in_order=in_order, waits_at_end=not quit_without_waiting)


def _katago(player: Player, open_player: Callable[[Game], Player], side: Side) -> Dialect:
    from importlib.metadata import version

    from engine.protocols.analysis.katago import KataGoDialect
    from engine.protocols.analysis.katago_query import PERSPECTIVES, Defaults

    defaults = Defaults(player.simulations or 1, PERSPECTIVES[side])
    return KataGoDialect(player, open_player, defaults, version("selfplay"))
