"""The stages without a network: the rules, the search alone, and positions to planes."""

from __future__ import annotations

import statistics
import time

import numpy as np

from engine import _core
from engine.bench.rate import median_rate
from engine.bench.row import Row, make_row
from engine.config.play import SearchConfig
from engine.search import search, search_params

NUM_ROOTS = 256
"""Trees searched side by side, one leaf of each in a batch."""

MAX_ROOT_PLIES = 11

PROOF_SIMULATIONS = 256
"""A position that so short a search proves is no root."""

NODE_BYTES, EDGE_BYTES = 64, 16
"""Limits of a tree's memory."""

_NOT_PROVEN = 2


def bench_roots(game: _core.Game, count: int) -> list[_core.State]:
    """A fixed list of positions, neither over nor soon proven, 0 to MAX_ROOT_PLIES random plies deep.

    Distinct as far as the game has so many, then from the front again.
    """
    roots: dict[int, _core.State] = {}
    for seed in range(20 * count):
        state = game.initial()
        for action in _core.rollout_moves(game, seed, seed % (MAX_ROOT_PLIES + 1)):
            state.play(action)
        key = state.canonical()[0]
        if state.outcome() is None and key not in roots and not _is_soon_proven(game, state):
            roots[key] = state
        if len(roots) == count:
            break
    found = list(roots.values()) or [game.initial()]
    return [found[index % len(found)] for index in range(count)]


def measure_rules(game: _core.Game, seconds: float) -> list[Row]:
    """Moves a second of random games; nodes a second of the first perft that takes a tenth of `seconds`."""
    seed = 0

    def play() -> int:
        nonlocal seed
        seed += 1
        return _core.play_random_games(game, seed, 4)

    moves = median_rate(play, time.process_time, seconds / 2)
    depth, nodes, spent = 0, 1, 0.0
    state = game.initial()
    while spent < seconds / 10 and depth < game.max_plies:
        depth += 1
        start = time.process_time()
        nodes = state.perft(depth)
        spent = time.process_time() - start
    return [
        make_row(game, "rules", "random_moves", moves, "1/cpu_s", "core"),
        make_row(game, "rules", f"perft_nodes (depth {depth})", nodes / max(spent, 1e-9), "1/cpu_s", "core"),
    ]


def measure_search(game: _core.Game, simulations: int, seconds: float) -> Row:
    """New simulations a second with the uniform evaluator: no cache, no noise, nothing encoded."""
    trees = _core.Trees(game, search_params(SearchConfig()))
    for state in bench_roots(game, NUM_ROOTS):
        trees.add(state)

    def work() -> int:
        before = trees.stats()["simulations"]
        trees.drop()
        search(trees, _core.uniform, simulations)
        return trees.stats()["simulations"] - before

    value = median_rate(work, time.process_time, seconds)
    return make_row(game, "search_uniform", f"simulations_{simulations}", value, "1/cpu_s", "uniform")


def measure_encode(game: _core.Game, seconds: float) -> Row:
    """Positions a second that become planes, turned to the canonical orientation."""
    trees = _core.Trees(game, search_params(SearchConfig()))
    for state in bench_roots(game, NUM_ROOTS) * 16:
        trees.add(state)
    rates: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(rates) < 3 or time.perf_counter() < deadline:
        trees.drop()
        requests = trees.select(1)
        start = time.process_time()
        count = len(requests.planes)
        rates.append(count / max(time.process_time() - start, 1e-9))
        trees.backup(requests, _core.uniform(requests))
    return make_row(game, "encode", "encoded", statistics.median(rates), "1/cpu_s", "core")


def measure_decode(game: _core.Game, window: _core.ReplayWindow, seconds: float) -> Row:
    """Positions a second that the replay window decodes to samples, each with a random symmetry."""
    seed = 0

    def work() -> int:
        nonlocal seed
        seed += 1
        return len(window.sample(4096, seed)["ply"])

    value = median_rate(work, time.process_time, seconds)
    return make_row(game, "encode", "decoded", value, "1/cpu_s", "core")


def measure_memory(game: _core.Game, simulations: int = 800) -> Row:
    """Bytes that a tree from the start uses over its evaluated nodes, beside 64 a node and 16 an edge.

    Won and ended positions, of which there are few so early, count towards the bytes alone.
    """
    trees = _core.Trees(game, search_params(SearchConfig()))
    trees.add(game.initial())
    nodes = edges = 0
    while requests := trees.select(simulations):
        nodes += len(requests)
        edges += int(np.count_nonzero(requests.legal))
        trees.backup(requests, _core.uniform(requests))
    limit = NODE_BYTES + EDGE_BYTES * edges / nodes
    used = int(trees.root(0)["bytes"]) / nodes
    return make_row(game, "tree", "bytes_per_node", used, "bytes", "core", limit)


def _is_soon_proven(game: _core.Game, state: _core.State) -> bool:
    trees = _core.Trees(game, search_params(SearchConfig()))
    trees.add(state)
    search(trees, _core.uniform, PROOF_SIMULATIONS)
    return int(trees.root(0)["root_proof"]) != _NOT_PROVEN
