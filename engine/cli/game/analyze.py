"""The command `analyze`: what a search thinks, JSON lines in and out."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.option import PlayerArgument, ThreadsOption
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.player import Player
    from engine.protocols.analysis.katago_query import Defaults
    from engine.protocols.analysis.service import Dialect

MAX_SIMULATIONS = 10_000_000
USUAL_SIMULATIONS = 100


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
        int | None,
        typer.Option(
            "--sims",
            min=1,
            max=MAX_SIMULATIONS,
            help=f"where a line sets no limit; by default PLAYER's, else {USUAL_SIMULATIONS}",
        ),
    ] = None,
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
    if protocol is Language.KATAGO:
        from engine.protocols.analysis.katago_query import MAX_VISITS, PERSPECTIVES, Defaults

        visits = sims or (MAX_VISITS if read_seconds(player) else USUAL_SIMULATIONS)
        defaults = Defaults(visits, PERSPECTIVES[winrates_as])
        serve_katago(player, game, defaults, threads=threads, waits_at_end=not quit_without_waiting)
        return
    from engine.player import load_player
    from engine.player.name import is_checkpoint, served_limit
    from engine.player.spec import parse_spec
    from engine.protocols.analysis.native import NativeDialect
    from engine.registry import load_game

    seconds, own = read_seconds(player), served_limit(player, times=True).simulations
    asked = load_player(player, load_game(game) if game else None, sims or USUAL_SIMULATIONS, threads=threads)
    by_time = seconds is not None and not (sims or own) and is_checkpoint(parse_spec(player).who)
    dialect = NativeDialect(asked, asked.thinker(), None if by_time else asked.simulations, seconds)
    _serve(dialect, in_order=not as_they_come, waits_at_end=not quit_without_waiting)


def read_seconds(spec: str) -> float | None:
    """A position, from a player's name; raise UserError for the clock of a game."""
    from engine.player.name import served_limit

    control = served_limit(spec, times=True).time
    if control is None or not control.is_limited:
        return None
    if not control.move_s:
        raise UserError(f"player '{spec}': a position has no game's clock; give time=SECONDS/move")
    return control.move_s


def serve_katago(
    spec: str,
    game: str | None,
    defaults: Defaults,
    *,
    threads: int,
    waits_at_end: bool,
    keeps_visits: bool = False,
) -> None:
    """Answer queries of KataGo's protocol.

    A player that brings simulations of its own has those by default, unless `keeps_visits`.
    """
    from dataclasses import replace
    from importlib.metadata import version

    from engine.player import load_player
    from engine.protocols.analysis.katago import KataGoDialect
    from engine.registry import load_game

    def open_player(asked: Game | None, other_options: bool = True) -> Player:
        return load_player(spec, asked, defaults.visits, threads=threads, other_options=other_options)

    player = open_player(load_game(game) if game else None, other_options=False)
    if defaults.seconds is None:
        defaults = replace(defaults, seconds=read_seconds(spec))
    if not keeps_visits:
        defaults = replace(defaults, visits=player.simulations or defaults.visits)
    dialect = KataGoDialect(player, open_player, defaults, version("selfplay"))
    _serve(dialect, in_order=False, waits_at_end=waits_at_end)


def _serve(dialect: Dialect, *, in_order: bool, waits_at_end: bool) -> None:
    from engine.protocols.analysis.service import serve
    from engine.protocols.line_reader import LineReader

    if sys.stdin is None:  # closed by who started this
        raise UserError("stdin is closed; give JSON lines on it")
    lines = LineReader(sys.stdin.fileno())
    serve(lines, dialect, print_json, in_order=in_order, waits_at_end=waits_at_end)
