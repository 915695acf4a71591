"""One tree searched on a whole machine, over the same tree on one core."""

from __future__ import annotations

import os
import statistics
import time

from engine import _core
from engine.bench.row import Row, make_row
from engine.config import Config
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.player.tree_player import CACHE_MB, play_params
from engine.search import TREE_BATCH, search

MAX_SIMULATIONS = 6000
"""Of one search; fewer where they would take longer than its share of the time."""


def measure_tree(
    game: _core.Game, config: Config, network: PolicyValueNetwork, seconds: float, threads: int = 0
) -> list[Row]:
    """Evaluations a second of wall time of one search; the ceiling is `threads` times what one of them does.

    Both have batches of TREE_BATCH and are measured in turns. `threads` 0 takes one a core; nothing is
    measured with one.
    """
    threads = threads or len(os.sched_getaffinity(0))
    if threads == 1:
        return []
    alone, shared = (NetworkEvaluator(game, network, config.evaluator, count) for count in (1, threads))
    if alone.choice.device != "cpu":
        return []
    start = time.perf_counter()
    simulations = int(min(max(alone.bare_rate(TREE_BATCH, seconds / 10) * seconds / 8, 256), MAX_SIMULATIONS))
    params, pairs = play_params(config), list[tuple[float, float]]()
    while len(pairs) < 3 or time.perf_counter() - start < seconds:
        one, all_ = (_rate(game, params, evaluator, simulations) for evaluator in (alone, shared))
        pairs.append((one, all_))
    value = statistics.median(all_ for _, all_ in pairs)
    ratio = statistics.median(all_ / one for one, all_ in pairs) / threads
    name = f"evaluations_one_tree_{threads}_threads"
    return [make_row(game, "tree", name, value, "1/s", str(alone.choice), value / ratio, threads)]


def _rate(
    game: _core.Game, params: _core.SearchParams, evaluator: NetworkEvaluator, simulations: int
) -> float:
    trees = _core.Trees(game, params, cache_mb=CACHE_MB)
    trees.max_in_flight = TREE_BATCH * evaluator.depth
    trees.add(game.initial())
    start = time.perf_counter()
    search(trees, evaluator, simulations)
    return trees.stats()["evaluations"] / (time.perf_counter() - start)
