"""The command `eval`: how strong each checkpoint of a run is, against truth and against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.option import JsonOption, SeedOption, parse_counts
from engine.cli.stream import print_json
from engine.errors import CorruptFileError, UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.cli.progress import Bar
    from engine.config import Config
    from engine.evaluator.network import PolicyValueNetwork
    from engine.player import Player

UNTRAINED = "untrained"
MAX_LADDER = 8
"""Checkpoints on the ladder, spread evenly over the run."""


@dataclass(frozen=True)
class Entrant:
    """A network under its name: a checkpoint's number, or `untrained`."""

    name: str
    network: PolicyValueNetwork


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run directory")],
    sims: Annotated[
        str, typer.Option("--sims", help="of the search, 0 for the network alone")
    ] = "1,16,100,800",
    positions: Annotated[int, typer.Option("--positions", min=1, help="of each set, at most")] = 50,
    checkpoints: Annotated[
        int, typer.Option("--checkpoints", min=0, help="at most so many, spread evenly; 0: every one")
    ] = 0,
    ladder_games: Annotated[
        int, typer.Option("--ladder-games", min=0, help="of each pairing on the ladder; 0: no ladder")
    ] = 40,
    ladder_sims: Annotated[int, typer.Option("--ladder-sims", min=1, max=10_000_000)] = 32,
    seed: SeedOption = 1,
    json: JsonOption = False,
) -> None:
    """Measure a run's checkpoints.

    Mistakes where the exact value is known, an untrained network beside, and ratings among themselves.
    """
    counts = parse_counts("--sims", sims, 0, 10_000_000)
    if ladder_games % 2:
        raise UserError(
            f"--ladder-games {ladder_games} is odd, and each opening is played twice; give an even number"
        )
    document = examine(run, counts, positions, checkpoints, ladder_games, ladder_sims, seed)
    for line in document["damaged"]:
        typer.echo(f"warning: {line}; left out", err=True)
    if json:
        print_json(document)
    else:
        _print(document)


def examine(
    run: str,
    simulations: Sequence[int],
    positions: int,
    checkpoints: int,
    ladder_games: int,
    ladder_sims: int,
    seed: int,
) -> dict[str, Any]:
    """All that `eval` reports, as JSON."""
    from engine.registry import load_game
    from engine.train.spending import spending

    config, entrants, damaged = load_entrants(Path(run), checkpoints)
    spent = spending(Path(run))
    game = load_game(config.game)
    ladder = play_ladder(game, config, entrants, ladder_games, ladder_sims, seed) if ladder_games else []
    return {
        "run": run,
        "game": config.game,
        "positions": positions,
        "simulations": list(simulations),
        "spent": [
            {"checkpoint": one.name, **asdict(spent[int(one.name)])}
            for one in entrants[1:]
            if int(one.name) in spent
        ],
        "truth": score_entrants(game, config, entrants, simulations, positions),
        "ladder": ladder,
        "damaged": damaged,
    }


def load_entrants(run: Path, limit: int) -> tuple[Config, list[Entrant], list[str]]:
    """Settings of a run; an untrained network and the run's, oldest first; a line for each damaged one."""
    from engine.checkpoint import kept_checkpoints, load_network
    from engine.evaluator.network import PolicyValueNetwork
    from engine.game_run import read_run
    from engine.registry import load_game

    config, manifest = read_run(run)
    game = load_game(config.game)
    untrained = PolicyValueNetwork(game.planes_shape, game.num_actions, config.network, config.seed).eval()
    entrants, damaged = [Entrant(UNTRAINED, untrained)], []
    folders = kept_checkpoints(run, manifest)
    for folder in spread(folders, limit) if limit else folders:
        try:
            entrants.append(Entrant(folder.name, load_network(folder)[2]))
        except CorruptFileError as error:
            damaged.append(str(error))
    if len(entrants) == 1:
        raise UserError(f"run '{run}' has no whole checkpoint{': ' + damaged[0] if damaged else ''}")
    return config, entrants, damaged


def spread(items: Sequence[Any], limit: int) -> list[Any]:
    """At most `limit` items, evenly spread, the last one among them."""
    if len(items) <= limit:
        return list(items)
    return [items[round((index + 1) * len(items) / limit) - 1] for index in range(limit)]


def score_entrants(
    game: Game, config: Config, entrants: Sequence[Entrant], simulations: Sequence[int], positions: int
) -> list[dict[str, Any]]:
    """Mistakes of each network; nothing for a game without positions of known value."""
    from engine.cli.progress import Bar
    from engine.evaluator.evaluator import NetworkEvaluator
    from engine.game.inquiry import truth_sets
    from engine.search import search_params
    from engine.selfplay.actors.inline import num_callers
    from engine.truth.truth import measure, num_simulations

    sets = truth_sets(game)
    if not sets:
        return []
    first = entrants[0].network
    evaluators = [NetworkEvaluator(game, first, config.evaluator) for _ in range(num_callers(config))]
    params = search_params(config.search)
    rows, bar = [], Bar("truth")
    once = {count: num_simulations(sets, [count], positions) for count in simulations}
    bar.open(len(entrants) * sum(once.values()), "simulations")
    done = 0
    try:
        for entrant in entrants:
            for evaluator in evaluators:
                evaluator.load(entrant.network)
            scores = []
            for count in simulations:
                scores += measure(
                    game,
                    sets,
                    evaluators,
                    [count],
                    search_params=params,
                    positions=positions,
                    progress=partial(_reach, bar, done),
                )
                done += once[count]
            rows.append({"checkpoint": entrant.name, "scores": [score.to_json() for score in scores]})
    finally:
        bar.close()
    return rows


def _reach(bar: Bar, before: int, count: int) -> None:
    bar.reach(before + count)


def play_ladder(
    game: Game, config: Config, entrants: Sequence[Entrant], games: int, simulations: int, seed: int
) -> list[dict[str, Any]]:
    """Elo of networks spread over the run, each against the next two; the untrained one stands at 0."""
    from engine.arena.event.event import Event
    from engine.arena.event.schedule import Schedule
    from engine.arena.event.standing import describe_ratings
    from engine.arena.event.strength import GameTable
    from engine.arena.opening import random_openings
    from engine.arena.runner import Runner
    from engine.cli.progress import Bar
    from engine.player.tree_player import network_player

    steps = [entrants[0], *spread(entrants[1:], MAX_LADDER)]
    players: list[Player] = [
        network_player(one.name, game, config, one.network, simulations) for one in steps
    ]
    schedule = Schedule("ladder", len(players), games // 2, number=min(2, len(players) - 1))
    bar = Bar("ladder")
    bar.open(schedule.games, "games")
    try:
        with Runner(game, random_openings(game, schedule.pairs, 4, seed), players, seed) as runner:
            results = Event(runner, schedule, told=lambda _: bar.advance(1)).play()
    finally:
        bar.close()
    rated = GameTable.of(results, len(players)).fit(anchors={0: 0.0})
    return describe_ratings(dict(zip([one.name for one in steps], rated.ratings, strict=True)))


def _print(document: dict[str, Any]) -> None:
    from engine.cli.game.event.standing import format_interval
    from engine.cli.progress import print_table

    if not document["truth"]:
        typer.echo(f"{document['game']} brings no positions of known value")
    for count in document["simulations"] if document["truth"] else []:
        rows = []
        for entry in document["truth"]:
            scores = [score for score in entry["scores"] if score["simulations"] == count]
            shares = {score["set"]: f"{100 * score['mistakes']:.1f} %" for score in scores}
            rows.append({"checkpoint": entry["checkpoint"], **shares})
        print_table(rows, f"Mistakes, {f'{count} simulations' if count else 'the network alone'}")
    if document["spent"]:
        print_table([_spent_cells(row) for row in document["spent"]], "What each had taken")
    if document["ladder"]:
        rows = [
            {
                "checkpoint": row["player"],
                "Elo": round(row["elo"]),
                "95 %": format_interval(row["elo_low"], row["elo_high"]),
            }
            for row in document["ladder"]
        ]
        print_table(rows, "Ladder, the untrained network at 0")


def _spent_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of what a checkpoint had taken, for a person."""
    reference = row["reference_minutes"]
    return {
        "checkpoint": row["checkpoint"],
        "minutes": f"{row['minutes']:.2f}",
        "reference minutes": None if reference is None else f"{reference:.2f}",
        "positions": f"{row['positions']:,}",
        "evaluations": f"{row['evaluations']:,}",
    }
