"""What more cores bring, in wall time: measured in a process of its own that may use all cores."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from engine import _core
from engine.bench.network import SETTINGS, playing_network
from engine.bench.row import Row, make_row
from engine.bench.thinking import measure_thinking
from engine.bench.tree import measure_tree
from engine.config import Config, build_config
from engine.config.layer import merge
from engine.errors import UserError
from engine.evaluator.choice import resolve_backend
from engine.evaluator.network import PolicyValueNetwork
from engine.registry import load_game, preset
from engine.selfplay.actors.inline import InlineActors

CORES = 2
START_S = 300.0
"""What the process may take beside what is measured."""

KILL_S = 5.0
"""What the system may take to end a process that is killed."""


def measure_cores(spec: str, seconds: float) -> list[Row]:
    """How much faster two callers play than one, all cores search one tree, and positions are analyzed
    side by side; nothing on one core.
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
    gain = _callers_gain(game, config, network, seconds / 3)
    backend = str(resolve_backend(config.evaluator))
    return [
        make_row(game, "selfplay", "two_callers", gain, "times one", backend, CORES, CORES),
        *measure_tree(game, config, network, seconds / 3),
        measure_thinking(game, config, network, seconds / 3, len(os.sched_getaffinity(0))),
    ]


def _callers_gain(game: _core.Game, config: Config, network: PolicyValueNetwork, seconds: float) -> float:
    """Evaluations a second of two callers over those of one, in turns."""
    crews = []
    for callers in (1, CORES):
        layer = {"loop": {"callers": callers}}
        crews.append(InlineActors(game, build_config(merge(config.model_dump(), layer)), network))

    def play(crew: InlineActors) -> float:
        before, start = crew.stats()["evaluations"], time.perf_counter()
        crew.play(config.selfplay.games * len(crew.callers))
        return (crew.stats()["evaluations"] - before) / (time.perf_counter() - start)

    try:
        return _median_ratio(lambda: play(crews[1]), lambda: play(crews[0]), seconds)
    finally:
        for crew in crews:
            crew.close()


def _median_ratio(above: Callable[[], float], below: Callable[[], float], seconds: float) -> float:
    """Median of at least three ratios, after one unmeasured pair."""
    above(), below()
    ratios: list[float] = []
    start = time.perf_counter()
    while len(ratios) < 3 or time.perf_counter() - start < seconds:
        ratios.append(above() / below())
    return statistics.median(ratios)
