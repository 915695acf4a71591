"""Replies to proposed trees that say what they must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from proposers import WIDE, reply

from engine import _core


@pytest.mark.parametrize("priors", [(np.nan, 1.0), (-1.0, 1.0), (np.inf, 1.0), (0.0, 0.0), (3e38, 3e38)])
def test_priors_that_are_no_weights(priors: tuple[float, float]) -> None:
    trees = _core.Trees(None, _core.SearchParams(**WIDE | {"initial_proposals": 2}))
    trees.add_proposed()
    rows = [(action, prior, 0, False) for action, prior in enumerate(priors)]
    trees.backup(requests := trees.select(1), reply([(0.5, 0, 0.5)], [0, 2], rows, [0], [False]))
    expected = [0.5, 0.5] if priors[0] == priors[1] else [0.0, 1.0]
    assert trees.root(0)["prior"] == pytest.approx(expected)
    assert trees.stats()["bad_replies"] == (priors[0] != priors[1])
    assert not requests


@pytest.mark.parametrize("wdl", [(2.0, 0.0, 0.0), (0.0, 0.0, 0.0), (1e38, 0.0, 0.0), (-1.0, 1.0, 1.0)])
@pytest.mark.parametrize("exact", [False, True])
def test_verdicts_that_are_no_probabilities_are_draws_that_prove_nothing(
    wdl: tuple[float, float, float], exact: bool
) -> None:
    trees = _core.Trees(None, _core.SearchParams(**WIDE | {"initial_proposals": 1, "max_proposals": 1}))
    trees.add_proposed()
    trees.backup(trees.select(1), reply([(1, 0, 0)], [0, 1], [(0, 1.0, 0, True)], [0], [False]))
    requests = trees.select(2)
    assert requests.kinds.tolist() == [_core.VALUE]
    trees.backup(requests, reply([wdl], [0, 0], [], [0], [exact]))
    root = trees.root(0)
    assert (root["q"].tolist(), root["proof"].tolist(), root["root_proof"]) == ([0.0], [2], 2)
    assert trees.stats()["bad_replies"] == 1


def test_the_value_of_a_node_that_has_one_is_not_looked_at() -> None:
    trees = _core.Trees(None, _core.SearchParams(**WIDE | {"widening_factor": 9.0}))
    trees.add_proposed()
    trees.backup(trees.select(1), reply([(1, 0, 0)], [0, 1], [(0, 1.0, 0, False)], [0], [False]))
    requests = trees.select(2)
    assert requests.needs_value.tolist() == [False]
    trees.backup(requests, reply([(9, 9, 9)], [0, 1], [(1, 1.0, 0, False)], [0], [False]))
    assert trees.stats()["bad_replies"] == 0


def refused_reply(match: str, **columns: Any) -> None:
    trees = _core.Trees(None, _core.SearchParams(**WIDE | {"initial_proposals": 2, "max_step_tokens": 4}))
    trees.add_proposed(0, 100)
    requests = trees.select(5)
    fields: dict[str, Any] = {
        "wdl": [(0.5, 0, 0.5)],
        "offsets": [0, 1],
        "rows": [(1, 1.0, 0, False)],
        "tokens": [3],
        "exact": [False],
    }
    with pytest.raises(ValueError, match=match):
        trees.backup(requests, reply(**(fields | columns)))
    trees.backup(requests, reply(**fields))  # what was refused has changed nothing
    assert trees.tokens_left.tolist() == [97]


def test_replies_that_do_not_fit_are_refused() -> None:
    refused_reply("asked for 2 moves and got 3", offsets=[0, 3], rows=[(i, 1.0, 0, False) for i in range(3)])
    refused_reply("may cost 8 tokens and cost 9", tokens=[9])
    refused_reply("negative number of tokens", tokens=[-1])
    refused_reply("an action id is negative", rows=[(-1, 1.0, 0, False)])
    refused_reply("player 2 is neither 0 nor 1", rows=[(1, 1.0, 2, False)])
    refused_reply("offsets do not start at 0", offsets=[1, 1])
    refused_reply("entries", offsets=[0, 2])
    trees = _core.Trees(None, _core.SearchParams())
    trees.add_proposed()
    requests = trees.select(5)
    with pytest.raises(ValueError, match="ProposalReply"):
        trees.backup(requests, _core.DenseReply(np.zeros((1, 3), np.float32), np.zeros((1, 7), np.float32)))
    with pytest.raises(ValueError, match="no planes"):
        _ = requests.planes
    with pytest.raises(ValueError, match="waits for an answer"):
        trees.advance(0, 0)
