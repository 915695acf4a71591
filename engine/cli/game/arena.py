"""The command `arena`: matches and events of many players."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from engine.cli.game.record import one_line
from engine.cli.option import PLAYERS, JsonOption, SeedOption
from engine.cli.stream import print_json
from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game, State
    from engine.arena.event.log import GameLog
    from engine.arena.event.plan import Plan
    from engine.arena.event.result import GameResult
    from engine.arena.opening import Order
    from engine.arena.sprt import Sprt
    from engine.player import Player

MAX_GAMES = 1_000_000
PLIES = (0, 4)
"""Lengths of random openings."""
SOLVER_PLIES = (8, 12)
"""The same where a solver plays: the first plies take it minutes each."""

Players = Annotated[list[str] | None, typer.Argument(metavar="A B [C…]", help=PLAYERS)]
Simulations = Annotated[int, typer.Option("--sims", min=1, max=10_000_000, help="of a checkpoint, per move")]


def arena(
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
        typer.Option("--limit", help="of players whose name brings none: time=1+0.01, simulations=400"),
    ] = None,
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
    game: Annotated[str | None, typer.Option("--game", help="where no player is a checkpoint")] = None,
    seed: SeedOption = 1,
    threads: Annotated[int, typer.Option("--threads", min=0, max=1024, help="0: one a core")] = 0,
    json: JsonOption = False,
) -> None:
    """Play a match, or an event of many players.

    Each opening is played twice, with colours swapped. Without players, --log tells what it holds.
    """
    if not players:
        if log is None:
            raise UserError("arena: name two players or more, or the --log of an event")
        plan, results, complete = _read(log)
    else:
        plan, results, complete = _play(
            players, games, sims, schedule,
            OpeningChoice(openings, opening_plies, opening_order, opening_start),
            _read_sprt(sprt, sprt_model, len(players)), count_forfeits, log, game, seed, threads, limit,
        )  # fmt: skip
    document = plan.describe(results, read_anchors(anchor or [], plan.players), complete)
    if records is not None:
        _write_records(records, plan, results, game)
    if tensorboard is not None:
        _write_ratings(tensorboard, document)
    if json:
        print_json(document)
    else:
        from engine.cli.game.standing import print_event

        print_event(document)


@dataclass(frozen=True)
class OpeningChoice:
    """What the options say of openings: a file or a game's suite, lengths as `A-B`, order, first one."""

    source: str | None
    plies: str | None
    order: str
    start: int

    def states(self, game: Game, pairs: int, default: tuple[int, int], seed: int) -> list[State]:
        """Openings for so many pairs; `default` lengths of random ones."""
        if self.source is None and (self.order, self.start) != ("given", 1):
            raise UserError("--opening-order and --opening-start are of a file; give --openings FILE")
        plies = read_plies(self.plies, default)
        of_record = plies[1] if self.plies is not None else None
        return choose_openings(
            game, self.source, pairs, plies, seed, cast("Order", self.order), self.start, of_record
        )


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
) -> tuple[Plan, list[GameResult], bool]:
    """Play an event, or what is left of it by its log."""
    from engine.arena.event.plan import Plan, openings_digest, player_digest
    from engine.arena.event.schedule import Schedule
    from engine.player import find_game, load_player
    from engine.player.limit import Limit

    check_event(specs, games)
    order = Schedule.parse(schedule, len(specs), games // 2, seed)
    game = find_game(specs, game_spec)
    starts = openings.states(game, games // 2, SOLVER_PLIES if "solver" in specs else PLIES, seed)
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
    if log is None:
        return (plan, *play_event(plan, game, starts, entered, None, threads))
    from engine.arena.event.log import GameLog

    with GameLog(log, plan.header()) as kept:
        return (plan, *play_event(plan, game, starts, entered, kept, threads))


def play_event(
    plan: Plan,
    game: Game,
    openings: Sequence[State],
    players: list[Player],
    log: GameLog | None,
    threads: int,
) -> tuple[list[GameResult], bool]:
    """The games of an event, beside a bar, and whether it is complete."""
    from engine.arena.event.event import Event
    from engine.arena.runner import Runner
    from engine.cli.game.standing import RunningScore
    from engine.cli.progress import Bar

    bar, score = Bar("arena"), RunningScore(plan.players, plan.with_forfeits)
    before = list(log.games.values()) if log else []
    for result in before:
        score.add(result)

    def told(result: GameResult) -> None:
        score.add(result)
        bar.advance(1)

    bar.open(plan.schedule.games, "games", len(before))
    if bar.live:
        bar.status(score.text)
    try:
        with Runner(game, openings, players, plan.seed, threads) as runner:
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
    return (plan, *plan.counted(logged.games))


def read_anchors(texts: Sequence[str], names: Sequence[str]) -> dict[int, float]:
    """Read `PLAYER=ELO`; raise UserError for a player that does not play, and for what is no Elo."""
    import math

    anchors: dict[int, float] = {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        try:
            elo = float(number)
        except ValueError:
            elo = math.nan
        if not equals or not abs(elo) <= 10_000:
            raise UserError(f"--anchor '{text}' is not of the form PLAYER=ELO, such as random=0")
        if list(names).count(name) != 1:
            raise UserError(f"--anchor '{text}': '{name}' is none of the players {', '.join(names)}")
        anchors[names.index(name)] = elo
    return anchors


def read_plies(text: str | None, default: tuple[int, int]) -> tuple[int, int]:
    """Read `A-B`, or `B` for 0-B: the lengths of random openings."""
    if text is None:
        return default
    found = re.fullmatch(r"(?:([0-9]{1,3})-)?([0-9]{1,3})", text)
    if found is None:
        raise UserError(f"--opening-plies '{text}' is not of the form A-B, such as 0-4")
    low, high = int(found[1] or 0), int(found[2])
    if low > high:
        raise UserError(f"--opening-plies '{text}': {low} is above {high}; put the smaller one first")
    return low, high


def choose_openings(
    game: Game,
    source: str | None,
    pairs: int,
    plies: tuple[int, int],
    seed: int,
    order: Order = "given",
    start: int = 1,
    record_plies: int | None = None,
) -> list[State]:
    """Openings of a match: the first of a file or of the game's suite, or random ones.

    What is to be told of a file goes to stderr; the last three are those of `load_openings`.
    """
    from engine.arena.opening import load_openings, random_openings

    if source is None:
        return random_openings(game, pairs, plies[1], seed, plies[0])
    found = load_openings(game, source, order=order, seed=seed, start=start, plies=record_plies)
    for note in found.notes:
        typer.echo(f"warning: {one_line(note)}", err=True)
    if len(found.states) < pairs:
        most = 2 * len(found.states)
        raise UserError(f"openings '{source}' are enough for {most} games; give --games {most} or fewer")
    return found.states[:pairs]


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


def _write_records(path: Path, plan: Plan, results: Sequence[GameResult], game_spec: str | None) -> None:
    from engine.arena.event.record import write_records
    from engine.registry import load_game

    write_records(path, load_game(game_spec or plan.game), plan.players, results)


def _write_ratings(folder: Path, document: Mapping[str, Any]) -> None:
    from engine.arena.event.record import write_ratings

    write_ratings(folder, document)
