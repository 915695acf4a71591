"""Evaluators of proposed trees that stand in for language models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pseudo import even_handed_answer

from engine import _core

WIDE: dict[str, Any] = {
    "initial_proposals": 4, "more_proposals": 2, "widening_factor": 2.0, "widening_exponent": 0.5,
    "max_proposals": 16,
}  # fmt: skip
"""Settings of trees that ask for many moves early."""

Answer = Callable[[_core.State], tuple[Sequence[float], NDArray[np.float32]]]
"""Win, draw and loss of a position, and weights by action."""


def drawn(state: _core.State) -> tuple[Sequence[float], NDArray[np.float32]]:
    """A draw and equal weights: what `_core.uniform` says."""
    return (0.0, 1.0, 0.0), np.ones(max(state.legal_actions()) + 1, np.float32)


def waves(state: _core.State) -> tuple[Sequence[float], NDArray[np.float32]]:
    """What `pseudo.even_handed` says."""
    wdl, logits = even_handed_answer(state.encode())
    return wdl.tolist(), np.exp(logits)


class GameProposer:
    """Proposes the moves of a game in its order, each request the next ones; results are exact verdicts."""

    def __init__(
        self, roots: Sequence[_core.State], answer: Answer = drawn, exact: bool = False, step_tokens: int = 1
    ) -> None:
        self.roots = roots
        self.answer = answer
        self.exact = exact
        self.step_tokens = step_tokens
        self.counts: list[int] = []

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        offsets, actions = requests.paths()
        wdl: list[Sequence[float]] = []
        rows: list[tuple[int, float, int, bool]] = []
        ends = [0]
        for index, tree in enumerate(requests.trees.tolist()):
            state = self.roots[tree].clone()
            for action in actions[offsets[index] : offsets[index + 1]].tolist():
                state.play(action)
            outcome = state.outcome()
            assert (requests.kinds[index] == _core.VALUE) == (outcome is not None)
            self.counts.append(int(requests.counts[index]))
            if outcome is None:
                value, weights = self.answer(state)
                known = int(requests.known[index])
                for action in state.legal_actions()[known : known + self.counts[-1]]:
                    child = state.clone()
                    child.play(action)
                    rows.append((action, weights[action], child.player(), child.outcome() is not None))
            else:
                value = ((1 + outcome) / 2, 0.0, (1 - outcome) / 2) if outcome else (0.0, 1.0, 0.0)
            wdl.append(value)
            ends.append(len(rows))
        tokens = np.diff(ends) * self.step_tokens
        return reply(wdl, ends, rows, tokens.tolist(), [self.exact] * len(wdl))


def reply(
    wdl: Sequence[Sequence[float]],
    offsets: Sequence[int],
    rows: Sequence[tuple[int, float, int, bool]],
    tokens: Sequence[int],
    exact: Sequence[bool],
) -> _core.ProposalReply:
    """A reply of rows (action, prior, player, ends)."""
    action, prior, player, ends = zip(*rows, strict=True) if rows else ((), (), (), ())
    return _core.ProposalReply(
        np.array(wdl, np.float32).reshape(-1, 3),
        np.array(offsets, np.int64),
        np.array(action, np.int32),
        np.array(prior, np.float32),
        np.array(player, np.int8),
        np.array(ends, np.bool_),
        np.array(tokens, np.int32),
        np.array(exact, np.bool_),
    )


def proposed_game(
    positions: Sequence[_core.State], simulations: int, proposer: GameProposer, **fields: object
) -> _core.Trees:
    """Proposed trees of a game's positions, searched."""
    trees = _core.Trees(None, _core.SearchParams(**fields))
    for state in positions:
        trees.add_proposed(state.player())
    while requests := trees.select(simulations):
        trees.backup(requests, proposer(requests))
    return trees


class Sampler:
    """Proposes `fresh` new ids a request and pads with those it has named before; paths end at `depth`."""

    def __init__(
        self,
        verdict: float = 0.5,
        *,
        exact: bool = False,
        depth: int = 2,
        fresh: int = 99,
        step_tokens: int = 3,
        mover: int = 0,
    ) -> None:
        self.verdict, self.exact, self.depth = verdict, exact, depth
        self.fresh, self.step_tokens = fresh, step_tokens
        self.next_id = 0
        self.counts: list[int] = []
        self.mover = mover

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        offsets, _ = requests.paths()
        rows: list[tuple[int, float, int, bool]] = []
        ends, wdl, tokens = [0], [], []
        for index, count in enumerate(requests.counts.tolist()):
            self.counts.append(count)
            for proposal in range(count):
                new = proposal < self.fresh
                self.next_id += new
                ended = int(offsets[index + 1] - offsets[index]) + 1 >= self.depth
                rows.append((self.next_id if new else 0, 1.0, self.mover, ended))
            ends.append(len(rows))
            win = self.verdict if requests.kinds[index] == _core.VALUE else 0.5
            wdl.append((win, 0.0, 1 - win))
            tokens.append(count * self.step_tokens)
        return reply(wdl, ends, rows, tokens, [self.exact] * len(wdl))


def sampled(
    sampler: Sampler, simulations: int, tokens: Sequence[int | None] = (None,), **fields: object
) -> _core.Trees:
    fields = WIDE | {"initial_proposals": 2, "max_proposals": 6, "max_step_tokens": 4} | fields
    trees = _core.Trees(None, _core.SearchParams(**fields))
    for budget in tokens:
        trees.add_proposed(0, budget)
    while requests := trees.select(simulations):
        trees.backup(requests, sampler(requests))
        left = trees.tokens_left[[budget is not None for budget in tokens]]
        assert (left >= 0).all()
    return trees


def visited(trees: _core.Trees, tree: int) -> dict[tuple[int, ...], tuple[int, float, int]]:
    """Visits, value and player of every node visited, by its path."""
    dump = trees.dump(tree)
    paths: list[tuple[int, ...]] = [()]
    for parent, action in zip(dump["parent"][1:].tolist(), dump["action"][1:].tolist(), strict=True):
        paths.append((*paths[parent], action))
    columns = zip(
        paths, dump["visits"].tolist(), dump["value"].tolist(), dump["player"].tolist(), strict=True
    )
    return {path: (visits, value, player) for path, visits, value, player in columns if visits}
