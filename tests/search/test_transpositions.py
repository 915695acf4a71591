"""Search with one node for each position: exact values, no position twice, cycles, reuse, memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from countdown import Countdown, CountdownState
from hypothesis import given, settings
from hypothesis import strategies as st
from pseudo import even_handed, even_handed_answer
from reference_search import Settings, reference_graph

from engine import _core
from engine.game.python_game import PythonGame, PythonState
from engine.registry import load_game
from engine.search import search
from games.connect4 import Connect4
from games.tictactoe import TicTacToe

GAME = Connect4()
NOT_PROVEN = 2
TURNS = ["0", "01", "001", "0110"]


def searched(state: _core.State, game: _core.Game, simulations: int, **fields: object) -> _core.Trees:
    trees = _core.Trees(game, _core.SearchParams(**({"transpositions": True} | fields)))
    trees.add(state)
    search(trees, even_handed if game is GAME else _core.uniform, simulations)
    return trees


def states(trees: _core.Trees, root: _core.State) -> list[_core.State]:
    """The position of every node."""
    dump = trees.dump(0)
    found = [root] if len(dump["visits"]) else []
    for parent, action in zip(dump["parent"][1:].tolist(), dump["action"][1:].tolist(), strict=True):
        state = found[parent].clone()
        state.play(action)
        found.append(state)
    return found


def expect_sound(trees: _core.Trees, root: _core.State) -> None:
    """No position twice; links lead where the moves do; a node's visits are 1 and those of its edges.

    Descents that end at a proven node add to its visits alone.
    """
    dump = trees.dump(0)
    positions = states(trees, root)
    keys = [state.key() for state in positions]
    assert len(set(keys)) == len(keys)
    assert dump["player"].tolist() == [state.player() for state in positions]
    for node, state in enumerate(positions):
        edges = range(dump["edge_offsets"][node], dump["edge_offsets"][node + 1])
        assert [dump["edge_action"][edge] for edge in edges] in ([], state.legal_actions())
        if edges and dump["proof"][node] == NOT_PROVEN:
            assert dump["visits"][node] == 1 + sum(dump["edge_visits"][edge] for edge in edges)
        for edge in edges:
            if dump["edge_node"][edge] >= 0:
                child = state.clone()
                child.play(int(dump["edge_action"][edge]))
                assert child.key() == keys[dump["edge_node"][edge]]


def negamax(state: _core.State, known: dict[int, float]) -> float:
    """The exact result for the player to move."""
    key = state.key()
    if key not in known:
        outcome = state.outcome()
        values = []
        for action in state.legal_actions():
            child = state.clone()
            child.play(action)
            value = negamax(child, known)
            values.append(value if child.player() == state.player() else -value)
        known[key] = max(values) if outcome is None else outcome
    return known[key]


@pytest.mark.parametrize("turns", TURNS)
def test_a_whole_graph_has_the_exact_value_and_each_reachedonce(turns: str) -> None:
    game = Countdown(turns)
    root = game.initial()
    known: dict[int, float] = {}
    exact = negamax(root, known)
    assert searched(root, game, 5000).root(0)["value"] == exact
    trees = searched(root, game, 5000, proofs=False)
    assert len(trees.dump(0)["visits"]) <= len(known)
    assert trees.root(0)["value"] == pytest.approx(exact, abs=0.1)
    best = root.clone()
    best.play(trees.best_action(0))
    assert negamax(best, known) * (1 if best.player() == root.player() else -1) == exact
    expect_sound(trees, root)


def test_tic_tac_toe_is_played_right_in_fewer_nodes() -> None:
    game = TicTacToe()
    known: dict[int, float] = {}
    for moves, simulations in (([0], 1300), ([0, 1], 300), ([1, 3], 300)):
        state = game.initial()
        for action in moves:
            state.play(action)
        graph, tree = (
            searched(state, game, simulations, transpositions=on, proofs=False) for on in (True, False)
        )
        best = state.clone()
        best.play(graph.best_action(0))
        assert negamax(best, known) == -negamax(state, known)
        assert len(graph.dump(0)["visits"]) < len(tree.dump(0)["visits"])
        assert graph.stats()["evaluations"] < tree.stats()["evaluations"]
        expect_sound(graph, state)


@pytest.mark.parametrize("seed", [4, 7, 26, 28, 32, 36])
def test_late_positions_of_connect_four_are_proven_right(seed: int) -> None:
    moves = "".join(str(action + 1) for action in _core.rollout_moves(GAME, seed, 26))
    root = searched(GAME.parse(moves), GAME, 20_000).root(0)
    assert root["root_proof"] == root["value"] == np.sign(_core.Connect4Solver(8).score(moves))


class PathState(CountdownState):
    """Countdown whose keys tell every path from every other."""

    path = 1

    def play(self, action: int) -> None:
        super().play(action)
        self.path = 4 * self.path + action + 1

    def key(self) -> int:
        return self.path

    def clone(self) -> PathState:
        copy = PathState(self.turns)
        copy.heap, copy.plies, copy.path = self.heap, self.plies, self.path
        return copy


class Paths(Countdown):
    def start(self) -> PathState:
        return PathState(self.turns)


@pytest.mark.parametrize("rule", ["puct", "gumbel", "gumbel-full"])
@pytest.mark.parametrize("turns", TURNS)
def test_where_no_reachedcomes_twice_the_graph_is_the_tree(turns: str, rule: str) -> None:
    game = Paths(turns)
    fields = {"proofs": False, "rule": rule, "c_puct_spread": 0.5}
    graph, tree = (searched(game.initial(), game, 300, transpositions=on, **fields) for on in (True, False))
    ours, theirs = graph.dump(0), tree.dump(0)
    for column in ("parent", "action", "visits", "edge_visits"):
        np.testing.assert_array_equal(ours[column], theirs[column])
    for column in ("value", "edge_q", "edge_prior"):
        np.testing.assert_allclose(ours[column], theirs[column], atol=1e-5)
    assert graph.stats()["transpositions"] == 0


def answer(state: _core.State) -> tuple[float, dict[int, float]]:
    wdl, logits = even_handed_answer(state.encode())
    legal = state.legal_actions()
    weights = np.exp(logits[legal])
    return float(wdl[0] - wdl[2]), dict(zip(legal, (weights / weights.sum()).tolist(), strict=True))


@pytest.mark.parametrize("position", ["", "414", "7654321", "2222221"])
def test_visits_and_values_are_those_of_the_formulas(position: str) -> None:
    state = GAME.parse(position)
    for simulations in (5, 40, 150):
        trees = searched(state, GAME, simulations, proofs=False)
        expected = reference_graph(state, simulations, answer, Settings())
        dump = trees.dump(0)
        for node, found in enumerate(states(trees, state)):
            reached = expected.pop(found.key())
            edges = slice(int(dump["edge_offsets"][node]), int(dump["edge_offsets"][node + 1]))
            actions, visits = dump["edge_action"][edges].tolist(), dump["edge_visits"][edges].tolist()
            counts = dict(zip(actions, visits, strict=True))
            assert {action: count for action, count in counts.items() if count} == reached.counts
            assert dump["visits"][node] == reached.visits
            assert dump["value"][node] == pytest.approx(reached.q, abs=1e-4)
        assert not expected
    assert trees.stats()["transpositions"] > 0


@pytest.mark.parametrize("in_flight", [1, 6])
@pytest.mark.parametrize("rule", ["puct", "uct", "gumbel", "gumbel-full"])
def test_values_are_worked_out_anew_from_the_children(rule: str, in_flight: int) -> None:
    state = GAME.parse("44")
    trees = searched(state, GAME, 600, rule=rule, proofs=False, max_in_flight=in_flight)
    assert trees.stats()["transpositions"] > 0
    assert trees.root(0)["simulations"] == 600
    dump = trees.dump(0)
    edges = slice(0, int(dump["edge_offsets"][1]))
    counts, q = dump["edge_visits"][edges], np.nan_to_num(dump["edge_q"][edges])
    expected = (dump["raw_value"][0] + (counts * q).sum()) / (1 + counts.sum())
    assert trees.root(0)["value"] == pytest.approx(expected, abs=1e-5)
    expect_sound(trees, state)


@settings(max_examples=8)
@given(
    plies=st.integers(0, 12),
    seed=st.integers(0, 99),
    simulations=st.sampled_from([1, 2, 30, 120]),
    in_flight=st.sampled_from([1, 5]),
)
def test_played_games_keep_what_they_can_reach(
    plies: int, seed: int, simulations: int, in_flight: int
) -> None:
    state = GAME.initial()
    for action in _core.rollout_moves(GAME, seed, plies):
        state.play(action)
    trees = _core.Trees(GAME, _core.SearchParams(transpositions=True, max_in_flight=in_flight))
    trees.add(state)
    while state.outcome() is None:
        search(trees, even_handed, simulations)
        expect_sound(trees, state)
        before = {
            node.key(): count
            for node, count in zip(states(trees, state), trees.dump(0)["visits"].tolist(), strict=True)
        }
        trees.advance(0, move := trees.best_action(0))
        state.play(move)
        for node, count in zip(states(trees, state), trees.dump(0)["visits"].tolist(), strict=True):
            assert before[node.key()] == count


class RingState(PythonState):
    """A walk on a ring of cells whose key says nothing of the moves made: it comes back again and again."""

    def __init__(self) -> None:
        self.cell = 0
        self.plies = 0

    def player(self) -> int:
        return self.plies % 2

    def legal_actions(self) -> list[int]:
        return [] if self.outcome() is not None else [0, 1, 2]

    def play(self, action: int) -> None:
        self.cell = (self.cell + action - 1) % 5
        self.plies += 1

    def outcome(self) -> float | None:
        return -1.0 if self.cell == 3 else 0.0 if self.plies == 60 else None

    def encode(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        planes = np.zeros((2, 1, 5), np.float32)
        planes[0, 0, self.cell] = 1
        planes[1] = self.player()
        return planes


class Ring(PythonGame):
    def __init__(self) -> None:
        super().__init__(name="ring", num_actions=3, planes_shape=(2, 1, 5), max_plies=60)

    def start(self) -> RingState:
        return RingState()


@pytest.mark.parametrize("proofs", [True, False])
@pytest.mark.parametrize("in_flight", [1, 7])
def test_a_search_that_comes_back_ends(in_flight: int, proofs: bool) -> None:
    game = Ring()
    trees = searched(game.initial(), game, 400, max_in_flight=in_flight, proofs=proofs)
    root = trees.root(0)
    assert root["simulations"] == 400
    assert abs(root["value"]) <= 1
    assert len(trees.dump(0)["visits"]) <= 10, "five cells and two players"
    assert len(trees.principal_variation(0)) <= 20
    for _ in range(5):
        trees.advance(0, 1)
        search(trees, _core.uniform, 50)


@pytest.mark.parametrize("name", ["gardner", "go:size=5", "go:size=3"])
def test_games_with_a_history_play_legal_moves(name: str) -> None:
    # Their futures depend on more than a key tells: links must follow the path that is walked.
    game = load_game(name)
    state = game.initial()
    trees = _core.Trees(game, _core.SearchParams(transpositions=True, max_in_flight=3))
    trees.add(state)
    for ply in range(40):
        if state.outcome() is not None:
            break
        search(trees, _core.uniform, 120)
        line = state.clone()
        for action in trees.principal_variation(0):
            assert action in line.legal_actions()
            line.play(action)
        move = trees.best_action(0) if ply % 3 else state.legal_actions()[ply % len(state.legal_actions())]
        trees.advance(0, move)
        state.play(move)


def test_memory_stops_a_graph() -> None:
    trees = searched(GAME.initial(), GAME, 100_000, max_tree_mb=0.1)
    root = trees.root(0)
    assert root["bytes"] <= 0.1 * 2**20
    assert trees.stats()["capped"] == 1
    assert trees.best_action(0) in range(7)


def test_a_graph_is_the_same_alone_and_among_others() -> None:
    positions = ["", "4", "4455"]
    trees = _core.Trees(GAME, _core.SearchParams(transpositions=True), cache_mb=1)
    for position in positions:
        trees.add(GAME.parse(position))
    search(trees, even_handed, 200)
    for index, position in enumerate(positions):
        alone = searched(GAME.parse(position), GAME, 200)
        np.testing.assert_array_equal(trees.root(index)["visits"], alone.root(0)["visits"])


def test_proposed_trees_know_no_positions() -> None:
    with pytest.raises(ValueError, match="transpositions need trees of a game"):
        _core.Trees(None, _core.SearchParams(transpositions=True))
