"""Visits along a line of a searched tree."""

from __future__ import annotations

import pytest

from engine import _core
from engine.registry import load_game
from engine.search import search


def searched(simulations: int, position: str = "") -> _core.Trees:
    game = load_game("connect4")
    trees = _core.Trees(game, _core.SearchParams(), 0)
    trees.add(game.parse(position))
    search(trees, _core.uniform, simulations)
    return trees


def test_a_line_has_the_visits_of_its_moves() -> None:
    trees = searched(500)
    root = trees.root(0)
    visits = dict(zip(root["actions"].tolist(), root["visits"].tolist(), strict=True))
    line = trees.principal_variation(0)
    found = trees.line_visits(0, line)
    assert len(found) == len(line) > 2
    assert found[0] == visits[line[0]]
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0
    assert trees.line_visits(0, [2]) == [visits[2]]


def test_what_the_tree_has_not_has_no_visits() -> None:
    trees = searched(20)
    assert trees.line_visits(0, []) == []
    assert trees.line_visits(0, [99, 1]) == [0, 0]
    assert trees.line_visits(0, [0] * 9)[-1] == 0
    assert searched(0).line_visits(0, [1, 2]) == [0, 0]
    with pytest.raises(IndexError):
        trees.line_visits(3, [1])


def test_a_win_at_once_needs_no_visit_below_the_root() -> None:
    # Three in a row, open on both sides: the second player moves, and after any move the first wins at once.
    trees = searched(200, "33445")
    root = trees.root(0)
    assert root["root_proof"] == -1
    for action, visits in zip(root["actions"].tolist(), root["visits"].tolist(), strict=True):
        line = trees.principal_variation(0, 20, action)
        assert len(line) == 2
        assert trees.line_visits(0, line) == [visits, 0]
        assert visits > 0
    # At the root the winning move is searched as any other.
    won = searched(200, "334455")
    assert won.root(0)["root_proof"] == 1
    (first,) = won.principal_variation(0)
    assert first in (1, 5)
    assert won.line_visits(0, [first])[0] > 0
