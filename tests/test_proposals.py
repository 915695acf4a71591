"""Trees of proposed moves: the seam that language models answer, told by toy proposers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from engine import _core
from engine.search import search
from games.connect4 import Connect4

GAME = Connect4()


def searched(position: str, simulations: int, **fields: object) -> _core.Trees:
    trees = _core.Trees(GAME, _core.SearchParams(**fields))
    trees.add(GAME.parse(position))
    search(trees, _core.uniform, simulations)
    return trees


def visits(trees: _core.Trees) -> dict[int, int]:
    root = trees.root(0)
    return dict(zip(root["actions"].tolist(), root["visits"].tolist(), strict=True))


class Proposer:
    """Proposes the moves of a game: all of them in the game's order, or as many as asked for."""

    def __init__(self, game: _core.Game, position: str) -> None:
        self.root = game.parse(position)
        self.asked: list[int] = []

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        wdl, offsets, rows = [], [0], []
        for index in range(len(requests)):
            state = self.root.clone()
            for action in requests.path(index):
                state.play(action)
            outcome = state.outcome()
            ended = requests.kinds[index] == _core.VALUE
            assert ended == (outcome is not None)
            self.asked.append(int(requests.counts[index]))
            if outcome is None:
                wdl.append((0.0, 1.0, 0.0))
                for action in state.legal_actions()[: requests.counts[index]]:
                    child = state.clone()
                    child.play(action)
                    rows.append((action, 1.0, child.player(), child.outcome() is not None))
            else:
                wdl.append(((1 + outcome) / 2, 0.0, (1 - outcome) / 2) if outcome else (0.0, 1.0, 0.0))
            offsets.append(len(rows))
        return _core.ProposalReply(
            np.array(wdl, np.float32),
            np.array(offsets, np.int64),
            np.array([row[0] for row in rows], np.int32),
            np.array([row[1] for row in rows], np.float32),
            np.array([row[2] for row in rows], np.int8),
            np.array([row[3] for row in rows], np.bool_),
        )


def proposed(position: str, simulations: int, evaluate: Proposer, **fields: object) -> _core.Trees:
    trees = _core.Trees(None, _core.SearchParams(**fields))
    trees.add_proposed(GAME.parse(position).player())
    while requests := trees.select(simulations):
        trees.backup(requests, evaluate(requests))
    return trees


@pytest.mark.parametrize("position", ["", "4", "41424", "2252576253462244111563365343671351441"])
@pytest.mark.parametrize("simulations", [1, 2, 64, 700])
def test_proposing_every_move_equals_searching_the_game(position: str, simulations: int) -> None:
    fields = {"proofs": False, "initial_proposals": 7, "widening_exponent": 0.0}
    proposer = Proposer(GAME, position)
    grown = proposed(position, simulations, proposer, **fields)
    assert visits(grown) == visits(searched(position, simulations, proofs=False))
    assert grown.root(0)["value"] == searched(position, simulations, proofs=False).root(0)["value"]


def test_a_proposed_node_widens_with_its_visits() -> None:
    proposer = Proposer(GAME, "")
    fields = {"proofs": False, "initial_proposals": 2, "widening_factor": 1.0, "widening_exponent": 0.5}
    few = proposed("", 4, proposer, max_proposals=5, **fields)
    assert len(visits(few)) == 2
    many = proposed("", 200, proposer, max_proposals=5, **fields)
    # The proposer always names the same first moves, so asking twice in vain ends the widening.
    assert len(visits(many)) == 2
    assert many.root(0)["simulations"] == 200
    assert many.root(0)["prior"].sum() == pytest.approx(1)


class Sampler:
    """Proposes ids never seen before at a node; every path ends after two steps."""

    def __init__(self, verdict: float, exact: bool) -> None:
        self.verdict = verdict
        self.exact = exact
        self.next_id = 0

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        counts = [int(count) for count in requests.counts]
        rows = sum(counts)
        ids = np.arange(self.next_id, self.next_id + rows, dtype=np.int32)
        self.next_id += rows
        deep = [len(requests.path(index)) >= 1 for index in range(len(requests))]
        ends = np.array([deep[i] for i, count in enumerate(counts) for _ in range(count)], np.bool_)
        value = [self.verdict if kind == _core.VALUE else 0.5 for kind in requests.kinds]
        return _core.ProposalReply(
            np.array([(v, 0.0, 1 - v) for v in value], np.float32),
            np.cumsum([0, *counts]).astype(np.int64),
            ids,
            np.ones(rows, np.float32),
            np.zeros(rows, np.int8),
            ends,
            np.array([3 * count for count in counts], np.int32),
            np.full(len(requests), self.exact),
        )


def sampled(sampler: Sampler, simulations: int) -> _core.Trees:
    trees = _core.Trees(None, _core.SearchParams(initial_proposals=2, max_proposals=6))
    trees.add_proposed()
    while requests := trees.select(simulations):
        trees.backup(requests, sampler(requests))
    return trees


def test_widening_adds_edges_up_to_the_limit_and_counts_tokens() -> None:
    trees = sampled(Sampler(0.4, exact=False), 200)
    assert len(visits(trees)) == 6
    assert trees.stats()["tokens"] > 0
    assert trees.root(0)["simulations"] == 200
    counts = list(visits(trees).values())
    assert sum(counts) == 199
    assert all(a >= 0 for a, _ in pairwise(counts))


def test_only_an_exact_win_proves_a_proposed_node() -> None:
    assert sampled(Sampler(1.0, exact=True), 50).root(0)["root_proof"] == 1
    assert sampled(Sampler(1.0, exact=False), 50).root(0)["root_proof"] == 2
    # Every proposal fails for certain: they are a sample, so nothing is proven.
    assert sampled(Sampler(0.0, exact=True), 50).root(0)["root_proof"] == 2


def test_replies_of_the_wrong_kind_are_refused() -> None:
    trees = _core.Trees(None, _core.SearchParams())
    trees.add_proposed()
    requests = trees.select(5)
    with pytest.raises(ValueError, match="ProposalReply"):
        trees.backup(requests, _core.DenseReply(np.zeros((1, 3), np.float32), np.zeros((1, 7), np.float32)))
    with pytest.raises(ValueError, match="no planes"):
        _ = requests.planes
