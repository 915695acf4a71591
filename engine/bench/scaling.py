"""What more cores bring, in wall time: measured in a process of its own that may use all cores."""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.connection import Connection

from engine import _core
from engine.bench.network import SETTINGS, playing_network
from engine.bench.row import Row, make_row
from engine.bench.side_by_side import BareEvaluators, median_share
from engine.bench.thinking import measure_thinking
from engine.bench.tree import measure_tree
from engine.config import Config, build_config
from engine.config.layer import merge
from engine.errors import UserError
from engine.evaluator.choice import resolve_backend
from engine.evaluator.network import PolicyValueNetwork
from engine.registry import load_game, preset
from engine.search import batch_size
from engine.selfplay.actors.inline import InlineActors

CORES = 2
MOVES = 4
"""Of each game in a stretch: in one of fewer, callers that wait for each other at its end count for much."""
START_S = 300.0
"""What the process may take beside what is measured."""

KILL_S = 5.0
"""What the system may take to end a process that is killed."""


def measure_cores(spec: str, seconds: float) -> list[Row]:
    """Two callers, and one tree on all cores, over as many bare evaluators; positions that are analyzed side
    by side over one after the other; nothing on one core.
    """
    if len(os.sched_getaffinity(0)) < CORES:
        return []
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure_into, args=(theirs, spec, seconds), daemon=True)
    process.start()
    theirs.close()
    try:
        if ours.poll(START_S + 20 * seconds):
            rows: list[Row] | str = ours.recv()
            if isinstance(rows, str):
                raise UserError(rows)
            return rows
        raise EOFError
    except EOFError as error:
        raise UserError(
            f"the speed of {CORES} cores cannot be measured on {spec}: the process that does it has ended or "
            "hangs; measure other games, or end other programs"
        ) from error
    finally:
        process.kill()
        process.join(KILL_S)


def _measure_into(connection: Connection, spec: str, seconds: float) -> None:
    """Send the rows, or what the user has to mend."""
    try:
        connection.send(_measure(spec, SETTINGS, seconds))
    except UserError as error:
        connection.send(str(error))


def _measure(spec: str, settings: dict[str, object], seconds: float) -> list[Row]:
    game = load_game(spec)
    config = build_config(preset(game, "default"), {"game": game.name}, settings)
    network, _ = playing_network(game, config)
    value, share = _measure_callers(game, config, network, seconds / 3)
    backend = str(resolve_backend(config.evaluator))
    return [
        make_row(game, "selfplay", "two_callers", value, "1/s", backend, value / share, CORES),
        *measure_tree(game, config, network, seconds / 3),
        measure_thinking(game, config, network, seconds / 3, len(os.sched_getaffinity(0))),
    ]


def _measure_callers(
    game: _core.Game, config: Config, network: PolicyValueNetwork, seconds: float
) -> tuple[float, float]:
    """Evaluations a second of two callers, and their share of two bare evaluators'; in turns.

    Games begin in the midst of play, so that their batches are as full as they are later.
    """
    layer = {
        "selfplay": {"max_opening_plies": min(100, game.max_plies // 2), "wide_opening_fraction": 0.0},
        "loop": {"callers": CORES},
    }
    crew = InlineActors(game, build_config(merge(config.model_dump(), layer)), network)
    batch = batch_size(crew.callers[0].evaluator, config.selfplay.games)

    def play() -> float:
        before, start = crew.stats()["evaluations"], time.perf_counter()
        crew.play(MOVES * config.selfplay.games * len(crew.callers))
        return (crew.stats()["evaluations"] - before) / (time.perf_counter() - start)

    try:
        return median_share(play, BareEvaluators(game, network, config.evaluator, batch, CORES).rate, seconds)
    finally:
        crew.close()
