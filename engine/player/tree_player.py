"""Players that search: a network's, and UCT with random rollouts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from engine import _core
from engine.config import Config
from engine.evaluator.evaluator import Evaluator, NetworkEvaluator, RolloutEvaluator, check_fit
from engine.player.analysis import describe_root
from engine.player.evaluation_limit import search_evaluations
from engine.player.player import Analysis
from engine.player.thought.ownership import Owners
from engine.player.thought.thinker import SIMULATIONS_A_LEAF, TreeThinker
from engine.search import TREE_BATCH, search, search_params

if TYPE_CHECKING:
    from engine.evaluator.network import PolicyValueNetwork

CACHE_MB = 64.0
"""Evaluation cache of a network player; it stays from one call to the next."""

CACHE_PART = 4
"""Of the memory that a thinker is given its cache takes one part in so many, beside its trees."""

MAX_NODES = 1_000_000
"""Simulations that are analyzed side by side; bounds the memory of trees."""


class TreePlayer:
    """Searches all positions that it is given side by side, from fresh trees and without noise.

    Args:
        name: of the player.
        game: whose positions these are.
        params: of the search.
        evaluator: makes what answers the search, from a seed; called when a position comes first.
        simulations: a move.
        cache_mb: of evaluations.
        seed: of chance in the evaluator.
        in_flight: positions that the evaluator likes to have under way. A tree that is searched alone has
            several leaves in flight for that, as far as its simulations make up for their being chosen
            blindly.
        network: that evaluates, where one does.
    """

    def __init__(
        self,
        name: str,
        game: _core.Game,
        params: _core.SearchParams,
        evaluator: Callable[[int], Evaluator],
        simulations: int,
        *,
        cache_mb: float = 0.0,
        seed: int = 1,
        in_flight: Callable[[Evaluator], int] = lambda _: 1,
        network: PolicyValueNetwork | None = None,
    ) -> None:
        self.network = network
        self.name = name
        self.game = game
        self.simulations = simulations
        self.evaluations: int | None = None
        """That a move of `choose` may cost, in place of simulations."""
        self._params = params
        self._make_evaluator = evaluator
        self._cache_mb = cache_mb
        self._seed = seed
        self._in_flight = in_flight

    def choose(self, states: Sequence[_core.State], seeds: Sequence[int]) -> list[int]:
        """The search's choice in each position; rollouts are a function of the position's seed."""
        trees, evaluate = self._trees, self._evaluate
        try:
            if isinstance(evaluate, RolloutEvaluator):
                evaluate.tree_seeds = seeds
            self._search(states, self.simulations, self.evaluations)
            return [trees.best_action(index) for index in range(len(trees))]
        finally:
            if isinstance(evaluate, RolloutEvaluator):
                evaluate.tree_seeds = None
            trees.clear()

    def analyze(self, states: Sequence[_core.State], simulations: int | None = None) -> list[Analysis]:
        """What the search says of each position."""
        count = self.simulations if simulations is None else simulations
        side_by_side = max(1, MAX_NODES // count)
        answers: list[Analysis] = []
        for start in range(0, len(states), side_by_side):
            answers += self._analyze_together(states[start : start + side_by_side], count)
        return answers

    def thinker(self, *, memory_mb: float | None = None) -> TreeThinker:
        """Its search, with trees, cache and evaluator of its own."""
        cache_mb = self._cache_mb if memory_mb is None else min(self._cache_mb, memory_mb / CACHE_PART)
        evaluate = self._make_evaluator(self._seed)
        return TreeThinker(
            self.game, self._params, evaluate, lambda trees: Owners(self.game, trees, self.network),
            memory_mb=memory_mb, cache_mb=cache_mb, in_flight=self._in_flight(evaluate),
        )  # fmt: skip

    def twin(self, seed: int) -> TreePlayer:
        """The same player with trees, cache and evaluator of its own."""
        other = TreePlayer(
            self.name, self.game, self._params, self._make_evaluator, self.simulations,
            cache_mb=self._cache_mb, seed=seed, in_flight=self._in_flight, network=self.network,
        )  # fmt: skip
        other.evaluations = self.evaluations
        return other

    @cached_property
    def _trees(self) -> _core.Trees:
        return _core.Trees(self.game, self._params, cache_mb=self._cache_mb)

    @cached_property
    def _evaluate(self) -> Evaluator:
        return self._make_evaluator(self._seed)

    def _analyze_together(self, states: Sequence[_core.State], simulations: int) -> list[Analysis]:
        trees = self._trees
        try:
            self._search(states, simulations)
            return [describe_root(trees, index, state) for index, state in enumerate(states)]
        finally:
            trees.clear()

    def _search(
        self, states: Sequence[_core.State], simulations: int, evaluations: int | None = None
    ) -> None:
        """Search the positions in trees that whoever calls clears."""
        wanted = min(self._in_flight(self._evaluate) // len(states), simulations // SIMULATIONS_A_LEAF)
        self._trees.max_in_flight = max(1, wanted)
        for state in states:
            self._trees.add(state)
        if evaluations is not None:
            search_evaluations(self._trees, self._evaluate, evaluations)
            return
        search(self._trees, self._evaluate, simulations)


def network_player(
    name: str,
    game: _core.Game,
    config: Config,
    network: PolicyValueNetwork,
    simulations: int,
    threads: int = 1,
) -> TreePlayer:
    """A network with the search of its settings, without noise; raise UserError where they do not fit.

    `threads` compute the network; above 1 a tree that is searched alone keeps all of them busy.
    """
    from engine.evaluator.choice import resolve_backend

    check_fit(game, network)
    resolve_backend(config.evaluator)

    def evaluator(_: int) -> NetworkEvaluator:
        return NetworkEvaluator(game, network, config.evaluator, threads)

    return TreePlayer(
        name, game, play_params(config), evaluator, simulations,
        cache_mb=CACHE_MB, in_flight=_all_busy if threads > 1 else lambda _: 1, network=network,
    )  # fmt: skip


def mcts_player(game: _core.Game, simulations: int, seed: int = 1) -> TreePlayer:
    """UCT with one random rollout an evaluation, without proofs (Kocsis and Szepesvari 2006)."""
    return TreePlayer(f"mcts:{simulations}", game, uct_params(), RolloutEvaluator, simulations, seed=seed)


def uct_params() -> _core.SearchParams:
    """Settings of the `mcts` player."""
    return _core.SearchParams(rule="uct", c_puct=math.sqrt(2), proofs=False, reuse=False)


def play_params(config: Config) -> _core.SearchParams:
    """The search of a run when it plays outside training: no noise, each move from a fresh tree."""
    params = search_params(config.search)
    params.reuse = False
    return params


def _all_busy(evaluate: Evaluator) -> int:
    assert isinstance(evaluate, NetworkEvaluator)
    return TREE_BATCH * evaluate.depth
