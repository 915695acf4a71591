"""What a search thinks of positions, in the notation of the game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import _core
from engine.evaluator.evaluator import Evaluator
from engine.search import search

MAX_NODES = 1_000_000
"""Simulations side by side; bounds the memory of trees."""


SIMULATIONS_A_LEAF = 32
"""A tree has one leaf in flight for so many simulations at most."""


class Analyst:
    """Searches positions from fresh trees, without noise.

    Args:
        evaluate: answers the search; one analyst serves one thread.
        cache_mb: evaluation cache, which stays from one call to the next.
        in_flight: positions that it likes to have under way. A tree that is searched alone has several leaves
            in flight for that, as far as its simulations make up for their being chosen blindly.
    """

    def __init__(
        self,
        game: _core.Game,
        params: _core.SearchParams,
        evaluate: Evaluator,
        cache_mb: float = 0.0,
        in_flight: int = 1,
    ) -> None:
        self._in_flight = in_flight
        self._trees = _core.Trees(game, params, cache_mb=cache_mb)
        self._evaluate = evaluate

    def analyze(self, states: Sequence[_core.State], simulations: int) -> list[dict[str, Any]]:
        """Describe each position, none of them over: see `describe_root`."""
        side_by_side = max(1, MAX_NODES // simulations)
        answers: list[dict[str, Any]] = []
        for start in range(0, len(states), side_by_side):
            answers += self._analyze_some(states[start : start + side_by_side], simulations)
        return answers

    def _analyze_some(self, states: Sequence[_core.State], simulations: int) -> list[dict[str, Any]]:
        trees = self._trees
        try:
            wanted = min(self._in_flight // len(states), simulations // SIMULATIONS_A_LEAF)
            trees.max_in_flight = max(1, wanted)
            for state in states:
                trees.add(state)
            search(trees, self._evaluate, simulations)
            return [describe_root(trees, index, state) for index, state in enumerate(states)]
        finally:
            trees.clear()


def describe_root(trees: _core.Trees, tree: int, state: _core.State) -> dict[str, Any]:
    """What a searched tree says of its root `state`.

    best, pv: moves. visits, prior: by move. value in [-1, 1] and wdl for the player to move.
    simulations: how many were made; fewer than asked for where the result is proven.
    """
    root = trees.root(tree)
    moves = [state.action_text(int(action)) for action in root["actions"]]
    return {
        "best": state.action_text(trees.best_action(tree)),
        "value": float(root["value"]),
        "wdl": [float(share) for share in root["wdl"]],
        "visits": dict(zip(moves, (int(visits) for visits in root["visits"]), strict=True)),
        "prior": dict(zip(moves, (float(prior) for prior in root["prior"]), strict=True)),
        "pv": variation_text(state, trees.principal_variation(tree)),
        "simulations": int(root["simulations"]),
    }


def variation_text(state: _core.State, actions: Sequence[int]) -> list[str]:
    """Moves of a variation from `state`, in the game's notation."""
    walker, moves = state.clone(), []
    for action in actions:
        moves.append(walker.action_text(action))
        walker.play(action)
    return moves
