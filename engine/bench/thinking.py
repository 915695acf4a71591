"""Positions that are analyzed side by side, over the same player that takes one after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from engine import _core
from engine.bench.core import bench_roots
from engine.bench.row import Row, make_row
from engine.config import Config
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.player.thinking import Query
from engine.player.thought.thinker import SIDE_BY_SIDE, TreeThinker
from engine.player.tree_player import network_player

POSITIONS = SIDE_BY_SIDE
"""Asked about together; every ALONE-th of them is asked about alone, too."""

ALONE = 8

FEWEST, MOST = 8, 100
"""Simulations of each position: as many as the time allows."""


def measure_thinking(
    game: _core.Game, config: Config, network: PolicyValueNetwork, seconds: float, threads: int
) -> Row:
    """How many times as many positions a second a thinker gets through side by side as one by one.

    Both are the network's player with `threads`, asked for as many simulations, and measured in turns;
    before each it has forgotten all. The ceiling is what the network alone gains by such batches, one on
    each thread; the search, which works while the network is computed, may gain a little more.
    """
    evaluator = NetworkEvaluator(game, network, config.evaluator, threads)
    single, batched = (evaluator.bare_rate(size, seconds / 10) for size in (1, POSITIONS // evaluator.depth))
    simulations = min(max(int(batched * seconds / (4 * POSITIONS)), FEWEST), MOST)
    thinker = network_player("bench", game, config, network, simulations, threads).thinker()
    roots = bench_roots(game, POSITIONS)
    _rate(thinker, [roots], FEWEST)
    start, ratios = time.perf_counter(), list[float]()
    while len(ratios) < 3 or time.perf_counter() - start < seconds:
        alone = _rate(thinker, [[root] for root in roots[::ALONE]], simulations)
        ratios.append(_rate(thinker, [roots], simulations) / alone)
    gain, name = statistics.median(ratios), f"positions_side_by_side ({simulations} simulations each)"
    ceiling = threads * batched / single
    return make_row(game, "analysis", name, gain, "times one by one", str(evaluator.choice), ceiling, threads)


def _rate(thinker: TreeThinker, groups: Sequence[Sequence[_core.State]], simulations: int) -> float:
    """Positions a second; a group is asked about together, the next when it has been answered."""
    thinker.forget()
    start = time.perf_counter()
    for group in groups:
        for state in group:
            thinker.begin(Query(state, simulations=simulations, is_fresh=True))
        while thinker.step():
            pass
    return sum(map(len, groups)) / (time.perf_counter() - start)
