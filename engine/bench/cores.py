"""What a second core brings, in wall time: measured in a process of its own that may use all cores."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from engine import _core
from engine.actors.inline import InlineActors
from engine.bench.network import SETTINGS, playing_network
from engine.bench.row import Row, make_row
from engine.config import Config, SearchConfig, build_config, merge
from engine.evaluator import NetworkEvaluator, SplitEvaluator
from engine.network import PolicyValueNetwork
from engine.registry import load_game, preset
from engine.search import search, search_params

LEAVES = 48
"""In flight of one tree, for one core and for two alike."""

TREE_SIMULATIONS = 1600

CORES = 2


def measure_cores(spec: str, seconds: float) -> list[Row]:
    """How much faster callers on two cores play than one, and one tree is searched; nothing on one core."""
    if len(os.sched_getaffinity(0)) < CORES:
        return []
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(_measure, spec, SETTINGS, seconds).result()


def _measure(spec: str, settings: dict[str, object], seconds: float) -> list[Row]:
    game = load_game(spec)
    config = build_config(preset(game, "default"), {"game": game.name}, settings)
    network, _ = playing_network(game, config)
    evaluators = [NetworkEvaluator(game, network, config.evaluator) for _ in range(CORES)]
    callers = _callers_gain(game, config, network, seconds / 2)
    tree = _tree_gain(game, evaluators, seconds / 2)
    backend = str(evaluators[0].choice)
    return [
        make_row(game, "selfplay", "two_callers", callers, "times one", backend, CORES, CORES),
        make_row(game, "search", "two_threads (one tree)", tree, "times one", backend, CORES, CORES),
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


def _tree_gain(game: _core.Game, evaluators: list[NetworkEvaluator], seconds: float) -> float:
    """Simulations a second of one tree that two threads evaluate over those of one thread, in turns."""

    def run(count: int) -> float:
        trees = _core.Trees(game, search_params(SearchConfig()))
        trees.max_in_flight = LEAVES
        trees.add(game.initial())
        start = time.perf_counter()
        search(trees, SplitEvaluator(evaluators[:count]), TREE_SIMULATIONS)
        return trees.stats()["simulations"] / (time.perf_counter() - start)

    return _median_ratio(lambda: run(CORES), lambda: run(1), seconds)


def _median_ratio(above: Callable[[], float], below: Callable[[], float], seconds: float) -> float:
    """Median of at least three ratios, after one unmeasured pair."""
    above(), below()
    ratios: list[float] = []
    start = time.perf_counter()
    while len(ratios) < 3 or time.perf_counter() - start < seconds:
        ratios.append(above() / below())
    return statistics.median(ratios)
