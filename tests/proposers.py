"""Evaluators of proposed trees that stand in for language models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pseudo import even_handed_answer

from engine import _core

Answer = Callable[[_core.State], tuple[Sequence[float], NDArray[np.float32]]]
"""Win, draw and loss of a position, and a weight for every action of its game."""


def drawn(state: _core.State) -> tuple[Sequence[float], NDArray[np.float32]]:
    """A draw and equal weights: what `_core.uniform` says."""
    return (0.0, 1.0, 0.0), np.ones(state.game.num_actions, np.float32)


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
