"""One tree searched on a whole machine, over bare evaluators on it."""

from __future__ import annotations

import os
import time

from engine import _core
from engine.bench.row import Row, make_row
from engine.bench.side_by_side import BareEvaluators, median_share
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
    """Evaluations a second of wall time of one search; the ceiling is `threads` bare evaluators side by side.

    Both have batches of TREE_BATCH and are measured in turns. `threads` 0 takes one a core; nothing is
    measured with one.
    """
    threads = threads or len(os.sched_getaffinity(0))
    if threads == 1:
        return []
    shared = NetworkEvaluator(game, network, config.evaluator, threads)
    if shared.choice.device != "cpu":
        return []
    bare = BareEvaluators(game, network, config.evaluator, TREE_BATCH, threads)
    simulations = int(min(max(bare.rate() * seconds / 8, 256), MAX_SIMULATIONS))
    params = play_params(config)
    value, share = median_share(lambda: _rate(game, params, shared, simulations), bare.rate, seconds)
    name = f"evaluations_one_tree ({threads} threads)"
    return [make_row(game, "tree", name, value, "1/s", str(shared.choice), value / share, threads)]


def _rate(
    game: _core.Game, params: _core.SearchParams, evaluator: NetworkEvaluator, simulations: int
) -> float:
    trees = _core.Trees(game, params, cache_mb=CACHE_MB)
    trees.max_in_flight = TREE_BATCH * evaluator.depth
    trees.add(game.initial())
    start = time.perf_counter()
    search(trees, evaluator, simulations)
    return trees.stats()["evaluations"] / (time.perf_counter() - start)
