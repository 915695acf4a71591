"""The command `analyze`: what a search thinks, JSON lines in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import PlayerArgument, ThreadsOption
from engine.cli.stream import Answer, Request, check_fields, place_text, read_count, read_state, serve
from engine.errors import InputError, UserError

if TYPE_CHECKING:
    from engine._core import State
    from engine.player import Player

FIELDS = ("id", "position", "moves", "simulations")
MAX_SIMULATIONS = 10_000_000
BATCH = 256
"""Lines searched side by side."""


def analyze(
    player: PlayerArgument,
    sims: Annotated[
        int, typer.Option("--sims", min=1, max=MAX_SIMULATIONS, help="where a line brings no simulations")
    ] = 100,
    game: Annotated[str | None, typer.Option("--game", help="where PLAYER is no checkpoint")] = None,
    threads: ThreadsOption = 1,
) -> None:
    """Search positions, as JSON lines.

    Lines that arrive together are searched together.
    In: {"id", "position"?, "moves"?, "simulations"?}.
    Out: {"id", "best", "value", "wdl", "visits", "prior", "pv", "simulations"}, or {"id", "error"}.
    """
    from engine.player import load_player
    from engine.registry import load_game

    asked = load_player(player, load_game(game) if game else None, sims, threads=threads)
    serve(lambda requests: answer(asked, requests), BATCH)


def answer(player: Player, requests: Sequence[Request]) -> list[Answer]:
    """Analyses of a batch of requests, in order; those of equal simulations are searched side by side."""
    answers: list[Answer] = [{} for _ in requests]
    groups: dict[int, list[tuple[int, State]]] = {}
    for index, request in enumerate(requests):
        try:
            state, count = _read(player, request)
            groups.setdefault(count, []).append((index, state))
        except (UserError, InputError) as error:
            answers[index] = error
    for count, members in groups.items():
        found: list[dict[str, Any]] = player.analyze([state for _, state in members], count)
        for (index, _), analysis in zip(members, found, strict=True):
            answers[index] = analysis
    return answers


def _read(player: Player, request: Request) -> tuple[State, int]:
    check_fields(request, FIELDS)
    count = read_count(request, "simulations", 1, MAX_SIMULATIONS)
    state = read_state(player.game, request)
    if state.outcome() is not None:
        raise UserError(f"the game is over {place_text(request)}; there is nothing to search")
    return state, count or player.simulations
