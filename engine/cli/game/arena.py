"""The command `arena`: matches and events of many players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.game.event.opening import OpeningChoice
from engine.cli.game.event.option import is_given, read_anchors, refuse_others
from engine.cli.game.record import one_line
from engine.cli.option import PLAYERS, JsonOption, SeedOption, finite_above
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game, State
    from engine.arena.conduct import Conduct
    from engine.arena.event.log import GameLog
    from engine.arena.event.plan import Plan
    from engine.arena.event.result import GameResult
    from engine.arena.sprt import Sprt
    from engine.player import Player

MAX_GAMES = 1_000_000
ARENA_PLAYERS = f"{PLAYERS}, uci:COMMAND, gtp:COMMAND, json:COMMAND; behind it ';NAME=VALUE': limits, options"

Players = Annotated[list[str] | None, typer.Argument(metavar="A B [C…]", help=ARENA_PLAYERS)]
Simulations = Annotated[int, typer.Option("--sims", min=1, max=10_000_000, help="of a checkpoint, per move")]


POOL_OPTIONS = (
    "pool",
    "players",
    "anchor",
    "games",
    "until",
    "sims",
    "limit",
    "game",
    "seed",
    "threads",
    "json",
)
LOG_OPTIONS = ("log", "anchor", "count_forfeits", "records", "tensorboard", "game", "json")
"""That mean something with a pool, and where a log is told."""


def arena(
    context: typer.Context,
    players: Players = None,
    games: Annotated[
        int, typer.Option("--games", min=2, max=MAX_GAMES, help="of each pairing, an even number")
    ] = 200,
    sims: Simulations = 100,
    schedule: Annotated[
        str,
        typer.Option(
            "--schedule",
            help="round-robin; gauntlet:N, the first N against the others; ladder:N, each against N "
            "neighbours; swiss, by need, --games for each player",
        ),
    ] = "round-robin",
    openings: Annotated[
        str | None,
        typer.Option("--openings", help="a position a line, or records of games; else random plies"),
    ] = None,
    opening_plies: Annotated[
        str | None,
        typer.Option(
            "--opening-plies",
            metavar="A-B",
            help="lengths of random openings [0-4; solver: 8-12]; of records, B plies of each",
        ),
    ] = None,
    opening_order: Annotated[
        str, typer.Option("--opening-order", help="of a file: given, or shuffled by the seed")
    ] = "given",
    opening_start: Annotated[
        int, typer.Option("--opening-start", min=1, help="of a file, the first in that order")
    ] = 1,
    limit: Annotated[
        str | None,
        typer.Option(
            "--limit",
            help="of players whose name brings none: time=1+0.01, simulations=400, evaluations=400",
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option("--margin", min=0, max=3600, help="seconds that a move may be late")
    ] = 0.05,
    patience: Annotated[
        float,
        typer.Option(
            "--patience", min=0.1, max=86_400, help="seconds for what an engine is asked and no clock counts"
        ),
    ] = 60,
    sprt: Annotated[
        str | None,
        typer.Option(
            "--sprt",
            metavar="E0,E1[,ALPHA,BETA]",
            help="stop once one Elo difference is accepted [0.05 each]",
        ),
    ] = None,
    sprt_model: Annotated[
        str, typer.Option("--sprt-model", help="logistic, normalized, bayesian or cutechess")
    ] = "logistic",
    anchor: Annotated[
        list[str] | None, typer.Option("--anchor", metavar="PLAYER=ELO", help="a rating that is given")
    ] = None,
    count_forfeits: Annotated[
        bool, typer.Option("--count-forfeits", help="as games lost; else they tell nothing of strength")
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log", help="a file or folder: each game as it ends; the same command goes on from it"
        ),
    ] = None,
    records: Annotated[
        Path | None, typer.Option("--records", help="a file for the games, in their format")
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option("--tensorboard", help="a folder for ratings over iterations")
    ] = None,
    pool: Annotated[
        Path | None,
        typer.Option("--pool", help="a folder of rated players that those named join, --games each at most"),
    ] = None,
    until: Annotated[
        float,
        typer.Option("--until", callback=finite_above(0), help="with --pool: Elo ± that are enough"),
    ] = 50.0,
    game: Annotated[str | None, typer.Option("--game", help="where no player is a checkpoint")] = None,
    seed: SeedOption = 1,
    threads: Annotated[int, typer.Option("--threads", min=0, max=1024, help="0: one a core")] = 0,
    json: JsonOption = False,
) -> None:
    """Play a match, or an event of many players.

    Each opening is played twice, with colours swapped. Without players, --log tells what it holds.
    """
    if pool is not None:
        refuse_others(context, POOL_OPTIONS, "an event, and --pool has its own rules")
        _join(pool, players or [], anchor or [], games, until, sims, limit, game, seed, threads, json)
        return
    if not players and log is not None:
        refuse_others(context, LOG_OPTIONS, "an event that is played, and this one is read from its log")
    elif is_given(context, "until"):
        raise UserError("--until is of newcomers to a --pool; give one with it")
    if not players:
        if log is None:
            raise UserError("arena: name two players or more, or the --log of an event")
        plan, results, complete = _read(log)
        plan = replace(plan, with_forfeits=count_forfeits or plan.with_forfeits)
    else:
        _check_outputs(players, anchor or [], records, tensorboard, game)
        plan, results, complete = _play(
            players, games, sims, schedule,
            OpeningChoice(openings, opening_plies, opening_order, opening_start),
            _read_sprt(sprt, sprt_model, len(players)), count_forfeits, log, game, seed, threads, limit,
            (margin, patience),
        )  # fmt: skip
    document = plan.describe(results, read_anchors(anchor or [], plan.players), complete)
    if json:
        print_json(document)
    else:
        from engine.cli.game.event.standing import print_event

        print_event(document)
    if records is not None:
        _write_records(records, plan, results, players or [], game)
    if tensorboard is not None:
        _write_ratings(tensorboard, document)


def _join(
    pool: Path,
    players: Sequence[str],
    anchors: Sequence[str],
    games: int,
    until: float,
    sims: int,
    limit: str | None,
    game: str | None,
    seed: int,
    threads: int,
    json: bool,
) -> None:
    from engine.cli.game.event.pool import join_pool
    from engine.cli.game.event.standing import print_ratings

    known = join_pool(pool, players, anchors, games, until, sims, limit, game, seed, threads)
    if json:
        print_json(known)
    else:
        print_ratings(known)


def _play(
    specs: Sequence[str],
    games: int,
    simulations: int,
    schedule: str,
    openings: OpeningChoice,
    sprt: Sprt | None,
    with_forfeits: bool,
    log: Path | None,
    game_spec: str | None,
    seed: int,
    threads: int,
    limit_text: str | None,
    waits: tuple[float, float],
) -> tuple[Plan, list[GameResult], bool]:
    """Play an event, or what is left of it by its log."""
    from engine.arena.conduct import Conduct
    from engine.arena.event.plan import Plan, openings_digest, player_digest
    from engine.arena.event.schedule import Schedule
    from engine.player import find_game, load_player
    from engine.player.limit import Limit

    check_event(specs, games)
    order = Schedule.parse(schedule, len(specs), games // 2, seed)
    game = find_game(specs, game_spec)
    starts = openings.states(game, games // 2, "solver" in specs, seed)
    limit = Limit.parse(limit_text) if limit_text is not None else None
    entered = [load_player(spec, game, simulations, limit=limit) for spec in specs]
    plan = Plan(
        game.name,
        tuple(player.name for player in entered),
        tuple(player_digest(spec) for spec in specs),
        simulations,
        seed,
        openings_digest(game, starts),
        order,
        sprt,
        with_forfeits,
        str(limit or ""),
    )
    conduct = Conduct(margin_s=waits[0], patience_s=waits[1])
    if log is None:
        return (plan, *play_event(plan, game, starts, entered, None, threads, conduct))
    from engine.arena.event.log import GameLog

    with GameLog(log, plan.header()) as kept:
        return (plan, *play_event(plan, game, starts, entered, kept, threads, conduct))


def play_event(
    plan: Plan,
    game: Game,
    openings: Sequence[State],
    players: list[Player],
    log: GameLog | None,
    threads: int,
    conduct: Conduct | None = None,
) -> tuple[list[GameResult], bool]:
    """The games of an event, beside a bar, and whether it is complete."""
    from engine.arena.event.event import Event
    from engine.arena.runner import Runner
    from engine.cli.game.event.standing import RunningScore
    from engine.cli.progress import Bar

    bar, score = Bar("arena"), RunningScore(plan.players, plan.with_forfeits)
    before = list(log.games.values()) if log else []
    if log is not None:
        plan.schedule.check(log.games, log.path)
    for result in before:
        score.add(result)

    def told(result: GameResult) -> None:
        score.add(result)
        bar.advance(1)

    bar.open(plan.schedule.games, "games", len(before))
    if bar.live:
        bar.status(score.text)
    try:
        with Runner(game, openings, players, plan.seed, threads, conduct) as runner:
            for complaint in runner.check():
                typer.echo(f"warning: {one_line(complaint)}", err=True)
            event = Event(runner, plan.schedule, log, plan.sprt, plan.with_forfeits, told)
            results = event.play()
    finally:
        bar.close()
    return results, True


def check_event(specs: Sequence[str], games: int) -> None:
    """Raise UserError where players or games make no event."""
    if len(specs) < 2:
        raise UserError(f"arena: only '{specs[0]}' is to play; name two players or more")
    if games % 2:
        raise UserError(f"--games {games} is odd, and each opening is played twice; give an even number")
    if len(specs) > 2 and len(set(specs)) < len(specs):
        raise UserError("an event of many names each player once")


def _read(path: Path) -> tuple[Plan, list[GameResult], bool]:
    """The event of a log."""
    from engine.arena.event.log import log_path, read_log
    from engine.arena.event.plan import Plan

    logged = read_log(path)
    if logged is None:
        raise UserError(
            f"there is no log '{log_path(path)}'; name that of an event, or players for a new one"
        )
    plan = Plan.of_header(logged.header)
    plan.schedule.check(logged.games, log_path(path))
    return (plan, *plan.counted(logged.games))


def _read_sprt(text: str | None, model: str, players: int) -> Sprt | None:
    from engine.arena.sprt import Sprt

    if text is None:
        if model != "logistic":
            raise UserError(f"--sprt-model {model} is of a test; give --sprt E0,E1 with it")
        return None
    if players > 2:
        raise UserError("--sprt tests one match; name two players")
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 4):
        raise UserError(f"--sprt '{text}' is not two Elo values such as 0,10, or those, alpha and beta")
    return Sprt(**dict(zip(("elo0", "elo1", "alpha", "beta"), numbers, strict=False)), model=model)


def _check_outputs(
    specs: Sequence[str],
    anchors: Sequence[str],
    records: Path | None,
    tensorboard: Path | None,
    game_spec: str | None,
) -> None:
    """Raise UserError, before the first game, where the games could not be told as is asked."""
    from engine.arena.event.record import check_iterations, check_records
    from engine.player import find_game
    from engine.player.spec import parse_spec
    from engine.run import storage

    names = [parse_spec(spec).name for spec in specs]
    read_anchors(anchors, names)
    if records is not None:
        if storage.is_folder(records):
            raise UserError(f"--records '{records}' is a directory; name a file")
        check_records(find_game(specs, game_spec))
        storage.make_folder(records.absolute().parent)
    if tensorboard is not None:
        check_iterations(names)


def _write_records(
    path: Path, plan: Plan, results: Sequence[GameResult], specs: Sequence[str], game_spec: str | None
) -> None:
    from engine.arena.event.record import write_records
    from engine.player import find_game
    from engine.registry import load_game

    game = find_game(specs, game_spec) if specs else load_game(game_spec or plan.game)
    write_records(path, game, plan.players, results)


def _write_ratings(folder: Path, document: Mapping[str, Any]) -> None:
    from engine.arena.event.record import write_ratings

    write_ratings(folder, document)
