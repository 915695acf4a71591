"""Who will own the cells of a position: by a network's head of owners, or by random games."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine import _core
from engine.player.thinking import Ownership

if TYPE_CHECKING:
    from engine.evaluator.network import PolicyValueNetwork

NODES = 64
"""The nodes of a tree with most visits, which a network is asked about; weighed by their visits."""

PLAYOUT_NODES, PLAYOUTS = 16, 512
"""The same of random games, and how many of these there are."""

LEAST_PLAYOUTS = 16
"""After a move of the root, which has the part of PLAYOUTS that it has of the visits."""

MOST_KEPT = 4096
"""Positions whose owners a network has foretold lately."""

Cells = tuple[NDArray[np.float32], float]
"""Owners [H, W] and score, for the player to move."""


class Owners:
    """Asks about trees. `network` may have no head of owners; then, and without one, games are played."""

    def __init__(self, game: _core.Game, trees: _core.Trees, network: PolicyValueNetwork | None) -> None:
        self._game = game
        self._trees = trees
        self._network = network if network is not None and network.has_score else None
        self._known: dict[int, Cells] = {}

    def __call__(self, tree: int | None, root: _core.State, action: int | None) -> Ownership | None:
        """Of the position `root`, or after one of its moves, by what its tree has visited; None: it has none.

        For the player to move at `root`.
        """
        if not self._game.has_score:
            return None
        most = NODES if self._network is not None else PLAYOUT_NODES
        states, weights, share = self._visited(tree, root, action, most)
        games = max(LEAST_PLAYOUTS, round(PLAYOUTS * share))
        cells = (
            self._by_network(states) if self._network is not None else _by_playouts(states, weights, games)
        )
        owners, score = np.zeros(cells[0][0].shape, np.float64), 0.0
        for state, weight, (own, points) in zip(states, weights, cells, strict=True):
            sign = weight if state.player() == root.player() else -weight
            owners += sign * own
            score += sign * points
        total = sum(weights)
        source = "playouts" if self._network is None else "network"
        return Ownership((owners / total).astype(np.float32), score / total, source)

    def forget(self) -> None:
        """Nothing is kept of positions."""
        self._known.clear()

    def _visited(
        self, tree: int | None, root: _core.State, action: int | None, most: int
    ) -> tuple[list[_core.State], list[float], float]:
        """Positions, their weights, and their part of all; the first alone where the tree has none."""
        first = root.clone()
        if action is not None:
            first.play(action)
        states, weights, everything = [], [], 0.0
        if tree is not None:
            offsets, actions, visits = self._trees.most_visited(tree, most)
            everything = float(visits.sum())
            for start, end, weight in zip(offsets[:-1], offsets[1:], visits.tolist(), strict=True):
                path = actions[start:end].tolist()
                if weight <= 1e-9 or (action is not None and path[:1] != [action]):
                    continue
                state = root.clone()
                for each in path:
                    state.play(each)
                states.append(state)
                weights.append(weight)
        if states:
            return states, weights, sum(weights) / everything
        return [first], [1.0], float(action is None)

    def _by_network(self, states: list[_core.State]) -> list[Cells]:
        """What the network foretells; how a game that is over has ended."""
        if len(self._known) > MOST_KEPT:
            self._known.clear()
        open_states = {state.key(): state for state in states if state.outcome() is None}
        asked = {key: state for key, state in open_states.items() if key not in self._known}
        if asked:
            self._known.update(zip(asked, self._predict(list(asked.values())), strict=True))
        return [
            self._known[state.key()] if state.key() in open_states else _as_it_stands(state)
            for state in states
        ]

    def _predict(self, states: list[_core.State]) -> list[Cells]:
        import torch

        assert self._network is not None
        _, height, width = self._game.planes_shape
        weights = next(self._network.parameters())
        planes = torch.from_numpy(np.stack([state.encode() for state in states])).to(
            weights.device, weights.dtype
        )
        with torch.inference_mode():
            found = self._network.predict(planes)
        assert found.owner is not None
        assert found.score is not None
        owners = (2 * torch.sigmoid(found.owner.float()) - 1).cpu().numpy().reshape(-1, height, width)
        scores = (found.score.float() * (height * width) ** 0.5).cpu().tolist()
        return list(zip(owners, scores, strict=True))


def _by_playouts(states: list[_core.State], weights: list[float], count: int) -> list[Cells]:
    """The mean of random games, which go to the positions by their weights; their chance is of the key."""
    total = sum(weights)
    found = []
    for state, weight in zip(states, weights, strict=True):
        if state.outcome() is not None:
            found.append(_as_it_stands(state))
            continue
        games = max(1, round(count * weight / total))
        owners, score, _ = _core.playout_owners(state, state.key(), games)
        found.append((owners, score))
    return found


def _as_it_stands(state: _core.State) -> Cells:
    found = state.score()
    assert found is not None
    return found[1], found[0]
