"""How many games side by side make a caller's evaluator fast: a short measurement."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from engine import _core
from engine.config import Config
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork

SIZES = {"cpu": (8, 16, 32, 64, 128, 256, 512), "cuda": (64, 128, 256, 512, 1024, 2048, 4096)}
"""Batches measured, by device."""

ENOUGH = 0.95
"""Share of the best rate that a batch must reach; smaller batches mean fresher weights in every game."""

MEASURE_S = 2.0

MIN_MOVES = 8
"""Moves of a game in an iteration: with more games than that leaves, most of them span many iterations."""

MEMORY_SHARE = 0.5
"""Of the machine's memory that trees may take."""


def choose_games(game: _core.Game, config: Config) -> int:
    """Games of each caller that make its evaluator fast, as far as iteration and memory allow."""
    network = PolicyValueNetwork(
        game.planes_shape, game.num_actions, config.network, has_score=game.has_score
    )
    evaluator = NetworkEvaluator(game, network.eval(), config.evaluator)
    wanted = evaluator.depth * choose_batch(batch_rates(evaluator))
    callers = max(config.loop.callers, 1)
    room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MEMORY_SHARE
    fitting = int(room / callers / _tree_bytes(game, config))
    return max(1, min(wanted, config.loop.turn_positions // callers // MIN_MOVES, fitting))


def choose_batch(rates: Mapping[int, float]) -> int:
    """The smallest batch whose rate is ENOUGH of the best."""
    best = max(rates.values())
    return min(batch for batch, rate in rates.items() if rate >= ENOUGH * best)


def batch_rates(evaluator: NetworkEvaluator, seconds: float = MEASURE_S) -> dict[int, float]:
    """Positions a second of inference alone by batch size, one thread; measured in about `seconds`.

    Batches that would not fit into that time are left out.
    """
    sizes = SIZES[evaluator.choice.device]
    start, share = time.perf_counter(), seconds / len(sizes)
    rates: dict[int, float] = {}
    for size in sizes:
        left = start + seconds - time.perf_counter()
        if rates and 6 * size / rates[max(rates)] > left:
            break
        rates[size] = evaluator.bare_rate(size, min(share, left))
    return rates


def _tree_bytes(game: _core.Game, config: Config) -> float:
    """Of a tree of two searches, each node with twice the moves that the game starts with."""
    edges = 2 * len(game.initial().legal_actions()) + 7
    nodes = 2 * max(config.selfplay.simulations, config.selfplay.fast_simulations)
    most: float = config.search.max_tree_mb * 2**20
    return min(nodes * (48 + 16 * edges), most)
