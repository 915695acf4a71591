"""The game that the moving picture shows: the shipped network against the exact solver, search by search."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from engine import _core
from engine.evaluator.evaluator import NetworkEvaluator
from engine.player.analysis import describe_root
from engine.player.name import read_checkpoint
from engine.player.tree_player import play_params
from engine.registry import load_game
from engine.search import search

NETWORK = "connect4:pretrained"
START = "4444"
"""Columns played before the network's first move; what comes after is searched and solved."""

SIMULATIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 400)
"""When a search is looked at; the last is when it moves."""

COLUMNS = 7


@dataclass(frozen=True)
class Thought:
    """A position of the game, and what the search thinks after some simulations.

    Where the solver is to move `value` and `wdl` [3] are those of the network's last search, `visits` and
    `priors` [7] are empty. `exact` [7] are results for the player to move, as the solver knows them: 1, 0,
    -1, None where the column is full. At the end of the game there is no player, and `value` is its result.
    """

    position: str
    player: str  # network or solver
    simulations: int
    value: float
    wdl: list[float]
    visits: list[int]
    priors: list[float]
    exact: list[int | None]
    line: list[str]
    played: str  # the column, at the last look


def record(start: str = START) -> Iterator[Thought]:
    """Play a game out from `start`. The solver holds out as long as it can where it has lost."""
    game = load_game("connect4")
    config, network = read_checkpoint(NETWORK)
    evaluate = NetworkEvaluator(game, network, config.evaluator)
    trees = _core.Trees(game, play_params(config))
    solver = _core.Connect4Solver(128)
    state, position, value, wdl = game.parse(start), start, 0.0, [0.0, 0.0, 0.0]
    while (outcome := state.outcome()) is None:
        scores = solver.scores(position)
        exact = [None if score is None else (score > 0) - (score < 0) for score in scores]
        if len(position) % 2 == len(START) % 2:
            trees.add(state)
            for simulations in SIMULATIONS:
                search(trees, evaluate, simulations)
                told = describe_root(trees, 0, state)
                move = told["best"] if simulations == SIMULATIONS[-1] else ""
                yield _thought(position, simulations, told, exact, move)
            trees.clear()
            value, wdl = _rounded(told)
        else:
            move = str(scores.index(max(score for score in scores if score is not None)) + 1)
            yield Thought(position, "solver", 0, value, wdl, [], [], exact, [], move)
        state.play(state.parse_action(move))
        position += move
    result = outcome if len(position) % 2 == len(START) % 2 else -outcome
    yield Thought(position, "", 0, result, [float(result == r) for r in (1, 0, -1)], [], [], [], [], "")


def _thought(
    position: str, simulations: int, told: dict[str, Any], exact: list[int | None], move: str
) -> Thought:
    columns = [str(column + 1) for column in range(COLUMNS)]
    value, wdl = _rounded(told)
    visits = [told["visits"].get(column, 0) for column in columns]
    priors = [round(told["prior"].get(column, 0.0), 3) for column in columns]
    return Thought(position, "network", simulations, value, wdl, visits, priors, exact, told["pv"], move)


def _rounded(told: dict[str, Any]) -> tuple[float, list[float]]:
    return round(told["value"], 3), [round(share, 3) for share in told["wdl"]]


def write_thoughts(path: Path, thoughts: Iterator[Thought]) -> None:
    """A row a thought; lists are joined by blanks, None is a point."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Thought))
        for thought in thoughts:
            writer.writerow(_joined(value) for value in asdict(thought).values())


def read_thoughts(path: Path) -> list[Thought]:
    """What `write_thoughts` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Thought(
                row["position"], row["player"], int(row["simulations"]),
                float(row["value"]), [float(word) for word in row["wdl"].split()],
                [int(word) for word in row["visits"].split()],
                [float(word) for word in row["priors"].split()],
                [None if word == "." else int(word) for word in row["exact"].split()],
                row["line"].split(), row["played"],
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def _joined(value: object) -> object:
    if isinstance(value, list):
        return " ".join("." if item is None else str(item) for item in value)
    return value
