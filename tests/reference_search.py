"""The tree search once more in plain Python, straight from the papers' formulas: slow, without proofs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine import _core

Evaluate = Callable[[_core.State], tuple[float, dict[int, float]]]
"""Value for the player to move in [-1, 1], and prior probabilities by action."""


@dataclass
class Settings:
    rule: str = "puct"
    c_puct: float = 1.5
    c_puct_growth: float = 0.0
    c_puct_base: float = 500.0
    c_puct_spread: float = 0.0
    fpu_reduction: float = 0.2
    forced_playouts: float = 0.0
    considered_actions: int = 16
    c_visit: float = 50.0
    c_scale: float = 1.0


@dataclass
class Node:
    state: _core.State
    priors: dict[int, float] = field(default_factory=dict)
    children: dict[int, Node] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)  # for the player to move here
    raw: float = 0.0

    @property
    def q(self) -> float:
        return float(np.mean(self.values))

    def visits(self, action: int) -> int:
        return len(self.children[action].values) if action in self.children else 0

    def child_q(self, action: int) -> float:
        child = self.children[action]
        return child.q if child.state.player() == self.state.player() else -child.q


def reference_search(
    state: _core.State, simulations: int, evaluate: Evaluate, settings: Settings, *, is_noisy: bool = False
) -> Node:
    root = Node(state.clone())
    for simulation in range(simulations):
        path = [root]
        while path[-1].values and path[-1].state.outcome() is None:
            at = path[-1]
            if at is root:
                action = _root_action(root, simulation - 1, simulations - 1, settings, is_noisy)
            else:
                action = _inner_action(at, settings)
            if action not in at.children:
                child = at.state.clone()
                child.play(action)
                at.children[action] = Node(child)
            path.append(at.children[action])
        leaf = path[-1]
        outcome = leaf.state.outcome()
        if outcome is None:
            leaf.raw, leaf.priors = evaluate(leaf.state)
        value, player = (leaf.raw if outcome is None else outcome), leaf.state.player()
        for node in path:
            node.values.append(value if node.state.player() == player else -value)
    return root


def improved_policy(node: Node, settings: Settings) -> dict[int, float]:
    """Equation 11 of Danihelka et al. 2022."""
    logits = _improved_logits(node, settings)
    total = sum(math.exp(logit - max(logits.values())) for logit in logits.values())
    return {action: math.exp(logit - max(logits.values())) / total for action, logit in logits.items()}


def halving_choice(root: Node, settings: Settings) -> int:
    """Of the most visited actions the one of the highest log P + sigma(q), without Gumbel noise."""
    logits = _improved_logits(root, settings)
    most = max(root.visits(action) for action in root.priors)
    return max((a for a in root.priors if root.visits(a) == most), key=lambda a: logits[a])


def considered_visits(considered: int, simulations: int) -> list[int]:
    """Visits that the action of each simulation has had before."""
    rounds = max(1, math.ceil(math.log2(considered)))
    sequence: list[int] = []
    visited, left = [0] * considered, considered
    while len(sequence) < simulations:
        for _ in range(max(1, int(simulations / (rounds * left)))):
            sequence += visited[:left]
            visited[:left] = [count + 1 for count in visited[:left]]
        left = max(min(2, considered), left // 2)
    return sequence[:simulations]


def pruned_visits(root: Node, settings: Settings) -> dict[int, int]:
    """Wu 2019, section 3.2, a playout at a time."""
    total = len(root.values)
    scale = _c(root, settings) * math.sqrt(total)
    best = max(root.priors, key=root.visits)
    bar = root.child_q(best) + scale * root.priors[best] / (1 + root.visits(best))
    result = {}
    for action, prior in root.priors.items():
        count = root.visits(action)
        if count and action != best:
            for _ in range(math.floor(math.sqrt(settings.forced_playouts * prior * total))):
                if count and root.child_q(action) + scale * prior / count <= bar:
                    count -= 1
            count = 0 if count <= 1 else count
        result[action] = count
    return result


def _c(node: Node, settings: Settings) -> float:
    visits = len(node.values)
    growth = math.log((visits + settings.c_puct_base) / settings.c_puct_base)
    spread = math.sqrt((0.4**2 * 2 + float(np.var(node.values)) * visits) / (2 + visits))
    factor = 1 + settings.c_puct_spread * (spread / 0.4 - 1)
    return (settings.c_puct + settings.c_puct_growth * growth) * factor


def _puct_action(node: Node, settings: Settings) -> int:
    visited_prior = sum(prior for action, prior in node.priors.items() if node.visits(action))
    unvisited = node.q - settings.fpu_reduction * math.sqrt(visited_prior)
    scale = _c(node, settings) * math.sqrt(len(node.values))

    def score(action: int) -> float:
        count = node.visits(action)
        q = node.child_q(action) if count else unvisited
        return q + scale * node.priors[action] / (1 + count)

    return max(node.priors, key=score)


def _improved_logits(node: Node, settings: Settings) -> dict[int, float]:
    visited = [action for action in node.priors if node.visits(action)]
    count = sum(node.visits(action) for action in visited)
    mixed = (1 + node.raw) / 2
    if visited:
        prior = sum(node.priors[action] for action in visited)
        mean = sum(node.priors[action] * (1 + node.child_q(action)) / 2 for action in visited) / prior
        mixed = (mixed + count * mean) / (1 + count)
    most = max(node.visits(action) for action in node.priors)
    scale = (settings.c_visit + most) * settings.c_scale
    return {
        action: math.log(prior) + scale * ((1 + node.child_q(action)) / 2 if node.visits(action) else mixed)
        for action, prior in node.priors.items()
    }


def _root_action(root: Node, index: int, simulations: int, settings: Settings, is_noisy: bool) -> int:
    if settings.rule in ("gumbel", "gumbel-full"):
        table = considered_visits(min(settings.considered_actions, len(root.priors)), simulations)
        logits = _improved_logits(root, settings)
        in_turn = [action for action in root.priors if root.visits(action) == table[index]]
        return max(in_turn, key=lambda action: logits[action])
    if settings.forced_playouts and is_noisy:
        for action, prior in root.priors.items():
            forced = math.sqrt(settings.forced_playouts * prior * len(root.values))
            if 0 < root.visits(action) < forced:
                return action
    return _puct_action(root, settings)


def _inner_action(node: Node, settings: Settings) -> int:
    if settings.rule != "gumbel-full":
        return _puct_action(node, settings)
    policy = improved_policy(node, settings)
    total = sum(node.visits(action) for action in node.priors)
    return max(node.priors, key=lambda action: policy[action] - node.visits(action) / (1 + total))


@dataclass
class Position:
    """A node of a graph: one for each key, its visits and its edges' counted apart."""

    state: _core.State
    priors: dict[int, float] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)  # visits of edges
    edge_q: dict[int, float] = field(default_factory=dict)  # as of the last visit here
    visits: int = 0
    raw: float = 0.0
    q: float = 0.0

    def choose(self, settings: Settings) -> int:
        visited_prior = sum(self.priors[action] for action in self.counts)
        unvisited = self.q - settings.fpu_reduction * math.sqrt(visited_prior)

        def score(action: int) -> float:
            u = settings.c_puct * self.priors[action] * math.sqrt(self.visits)
            return self.edge_q.get(action, unvisited) + u / (1 + self.counts.get(action, 0))

        return max(self.priors, key=score)

    def refresh(self, children: dict[int, Position]) -> None:
        """Q = (U + sum N(a) Q(child)) / (1 + sum N(a)), KataGo's docs/GraphSearch.md."""
        for action in self.counts:
            child = children[action]
            sign = 1 if child.state.player() == self.state.player() else -1
            self.edge_q[action] = sign * child.q
        total = sum(count * self.edge_q[action] for action, count in self.counts.items())
        self.q = (self.raw + total) / (1 + sum(self.counts.values()))


def reference_graph(
    state: _core.State, simulations: int, evaluate: Evaluate, settings: Settings
) -> dict[int, Position]:
    """PUCT with one node for each position, by key."""
    positions = {state.key(): Position(state.clone())}

    def child_of(position: Position, action: int) -> Position:
        child = position.state.clone()
        child.play(action)
        return positions.setdefault(child.key(), Position(child))

    for _ in range(simulations):
        at, path = positions[state.key()], []
        while at.visits and at.state.outcome() is None:
            action = at.choose(settings)
            at.counts[action] = at.counts.get(action, 0) + 1
            path.append(at)
            at = child_of(at, action)
            if at.state.outcome() is None and at.visits >= path[-1].counts[action]:
                break
        else:
            outcome = at.state.outcome()
            if outcome is None:
                at.raw, at.priors = evaluate(at.state)
            at.q = at.raw if outcome is None else outcome
            at.visits += 1
        for position in reversed(path):
            position.visits += 1
            position.refresh({action: child_of(position, action) for action in position.counts})
    return positions
