"""Trees that ask about their ends first: the same trees, in fewer batches of what takes long."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from countdown import Countdown
from hypothesis import given, settings
from hypothesis import strategies as st
from letter_words import LETTERS, Words
from numpy.typing import NDArray
from proposed_roots import roots
from proposers import WIDE, GameProposer
from tiny_models import tiny_llama

from engine import _core
from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.language.rollout import Policy
from engine.language.search.adapter import LanguageEvaluator
from engine.language.search.tree_search import Plan, search_completions
from engine.search import search
from games.tictactoe import TicTacToe

GAMES: dict[str, _core.Game] = {"two players": TicTacToe(), "one player": Countdown("0")}
Batch = tuple[set[int], list[int]]
"""Kinds of the requests, and their trees."""


def valued(state: _core.State) -> tuple[Sequence[float], NDArray[np.float32]]:
    """Chances and weights out of the position."""
    planes = state.encode().ravel().astype(np.float64)
    win = 0.45 * (1 + math.sin(5 * float(planes @ np.sin(12.9898 * np.arange(len(planes))))))
    return (win, 0.1, 0.9 - win), 1 + np.arange(max(state.legal_actions()) + 1, dtype=np.float32)


def searched(
    name: str, count: int, simulations: int, most: int, endings_first: bool, **fields: Any
) -> tuple[_core.Trees, list[Batch]]:
    """Trees rooted after up to four random moves, and the batches that they have asked for."""
    positions = list(roots(GAMES[name], [number % 5 for number in range(count)]))
    trees = _core.Trees(None, _core.SearchParams(**{**WIDE, "gumbel_scale": 0.0, **fields}))
    for state in positions:
        trees.add_proposed(state.player())
    proposer, batches = GameProposer(positions, valued, exact=True), []
    while requests := trees.select(simulations, most, endings_first):
        batches.append((set(requests.kinds.tolist()), requests.trees.tolist()))
        trees.backup(requests, proposer(requests))
    return trees, batches


def same(one: _core.Trees, other: _core.Trees) -> None:
    for tree in range(len(one)):
        first, second = one.dump(tree), other.dump(tree)
        assert first.keys() == second.keys()
        for column in first:
            np.testing.assert_array_equal(first[column], second[column], column)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("rule", ["puct", "gumbel", "gumbel-full"])
@given(st.integers(1, 20), st.integers(1, 60), st.integers(1, 25))
@settings(max_examples=10)
def test_the_trees_are_the_same(name: str, rule: str, count: int, simulations: int, most: int) -> None:
    plain, _ = searched(name, count, simulations, most, False, rule=rule)
    sorted_, batches = searched(name, count, simulations, most, True, rule=rule)
    same(plain, sorted_)
    assert all(len(kinds) == 1 and len(trees) <= most for kinds, trees in batches)


def test_no_batch_of_what_takes_long_lacks_a_tree() -> None:
    """There are as many batches as the tree that asks most has requests."""
    _, plain = searched("two players", 16, 60, 16, False)
    _, batches = searched("two players", 16, 60, 16, True)
    long = [trees for kinds, trees in batches if kinds != {_core.VALUE}]
    assert len(long) == max(Counter(tree for trees in long for tree in trees).values())
    assert len(long) < sum(kinds != {_core.VALUE} for kinds, _ in plain)
    assert sum(len(trees) for _, trees in plain) == sum(len(trees) for _, trees in batches)


@pytest.mark.parametrize("in_flight", [2, 5])
def test_several_leaves_in_flight_do_not_know_of_other_trees(in_flight: int) -> None:
    fields = {"max_in_flight": in_flight}
    alone, _ = searched("two players", 1, 60, 100, True, **fields)
    together, batches = searched("two players", 12, 60, 100, True, **fields)
    assert all(len(kinds) == 1 for kinds, _ in batches)
    first, second = alone.dump(0), together.dump(0)
    for column in first:
        np.testing.assert_array_equal(first[column], second[column], column)


@pytest.mark.parametrize("forget", ["clear", "drop"])
def test_what_is_held_back_is_forgotten_with_its_trees(forget: str) -> None:
    game = TicTacToe()
    # Of the first, with three moves left, ends come up at once; the second has none for a while.
    late, early = game.initial(), game.initial()
    for action in (0, 1, 2, 4, 3, 5):
        late.play(action)
    trees = _core.Trees(None, _core.SearchParams(**WIDE))
    for state in (late, early):
        trees.add_proposed(state.player())
    proposer = GameProposer([late, early], valued)
    for _ in range(50):
        requests = trees.select(1000, endings_first=True)
        if requests.kinds.tolist() == [_core.VALUE]:
            break
        trees.backup(requests, proposer(requests))
    else:
        pytest.fail("no end came up")
    getattr(trees, forget)()
    assert len(requests) == 0
    if forget == "drop":
        requests = trees.select(1000, endings_first=True)
        assert requests.trees.tolist() == [0, 1]
        assert requests.kinds.tolist() == [_core.PROPOSE] * 2
    else:
        assert len(trees.select(1000, endings_first=True)) == 0


class Judge(GameProposer):
    """Answers by itself what has ended, or says that it does not."""

    def __init__(self, *args: Any, judges: bool) -> None:
        super().__init__(*args)
        self.judges, self.mixed = judges, False

    def __call__(self, requests: _core.Requests) -> _core.ProposalReply:
        self.mixed |= len(set(requests.kinds.tolist())) > 1
        return super().__call__(requests)


@pytest.mark.parametrize("judges", [True, False])
def test_a_search_asks_as_its_evaluator_answers(judges: bool) -> None:
    positions = [TicTacToe().initial() for _ in range(8)]
    for number, state in enumerate(positions):
        state.play(number)
    trees = _core.Trees(None, _core.SearchParams(**WIDE))
    for state in positions:
        trees.add_proposed(state.player())
    proposer = Judge(positions, valued, judges=judges)
    search(trees, proposer, 60)
    assert proposer.mixed != judges


@pytest.mark.parametrize("judge", [True, False])
def test_a_language_model_waits_for_no_verdict(judge: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the verifier judges ends they come by themselves; where a value head does, with the others."""
    model, task, mixed = tiny_llama(3, alphabet=LETTERS), Words(), list[bool]()
    answer = LanguageEvaluator.__call__

    def noted(self: LanguageEvaluator, requests: _core.Requests) -> _core.ProposalReply:
        mixed.append(len(set(requests.kinds.tolist())) > 1)
        return answer(self, requests)

    monkeypatch.setattr(LanguageEvaluator, "__call__", noted)
    search_completions(
        task, Policy(model, ""), task.prompts("test", 4, 0), Plan(60, judge=judge), ProposedSearchConfig(),
        ProposalConfig(), lambda pairs: [task.verify(*pair) for pair in pairs], seed=1,
    )  # fmt: skip
    assert any(mixed) != judge
