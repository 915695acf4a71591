"""Trees of proposed moves: the seam that language models answer, told by toy proposers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proposers import WIDE, GameProposer, Sampler, drawn, proposed_game, reply, sampled, visited, waves

from engine import _core
from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.search import proposed_params, search
from games.connect4 import Connect4

GAME = Connect4()
RULES = ["puct", "gumbel", "gumbel-full"]


@pytest.mark.parametrize("rule", RULES)
def test_widening_adds_edges_up_to_the_limit(rule: str) -> None:
    sampler = Sampler(0.4)
    trees = sampled(sampler, 200, rule=rule)
    root = trees.root(0)
    assert len(root["visits"]) == 6
    assert root["visits"].sum() == 199
    assert root["visits"].min() > 0, "a move proposed late is tried"
    assert root["simulations"] == 200
    assert root["prior"].sum() == pytest.approx(1)
    assert trees.stats()["tokens"] == 3 * sum(sampler.counts) == trees.tokens_spent[0]
    dump = trees.dump(0)
    assert np.diff(dump["edge_offsets"]).max() == 6


@pytest.mark.parametrize("rule", ["gumbel", "gumbel-full"])
def test_a_better_move_that_comes_late_wins_the_halving(rule: str) -> None:
    def script(requests: _core.Requests) -> _core.ProposalReply:
        if requests.kinds[0] == _core.VALUE:
            win = 0.9 if requests.path(0) == [4] else 0.2
            return reply([(win, 0, 1 - win)], [0, 0], [], [0], [False])
        known, count = int(requests.known[0]), int(requests.counts[0])
        rows = [(known + new, 1.0, 0, True) for new in range(count)]
        return reply([(0.3, 0, 0.7)], [0, count], rows, [0], [False])

    fields = {"initial_proposals": 3, "more_proposals": 1, "widening_factor": 1.0, "max_proposals": 6}
    trees = _core.Trees(None, _core.SearchParams(rule=rule, considered_actions=4, **fields))
    trees.add_proposed()
    while requests := trees.select(64):
        trees.backup(requests, script(requests))
    visits = trees.root(0)["visits"]
    assert len(visits) == 6
    assert trees.best_action(0) == 4
    assert visits[4] == visits.max()


def test_a_node_widens_as_its_visits_grow() -> None:
    for simulations, edges in ((1, 2), (2, 2), (5, 2), (6, 3), (10, 3), (11, 4), (18, 5), (60, 5)):
        # Before a visit is handed out to a root of N visits it has ceil(sqrt(N)) moves, one more a request.
        fields = {"widening_factor": 1.0, "more_proposals": 1, "max_proposals": 5}
        trees = sampled(Sampler(), simulations, **fields)
        assert len(trees.root(0)["visits"]) == edges, simulations


def test_widening_keeps_visits_and_values_and_shares_the_prior_anew() -> None:
    def script(requests: _core.Requests) -> _core.ProposalReply:
        if requests.kinds[0] == _core.VALUE:
            return reply([(0.7, 0, 0.3)], [0, 0], [], [0], [False])
        if len(requests.path(0)):
            return reply([(0.6, 0, 0.4)], [0, 1], [(1, 1.0, 0, True)], [0], [False])
        weights = [(8, 2.0), (9, 2.0)] if requests.known[0] else [(7, 3.0), (8, 1.0)]
        return reply([(0.5, 0, 0.5)], [0, 2], [(*row, 0, False) for row in weights], [0], [False])

    trees = _core.Trees(None, _core.SearchParams(**WIDE | {"initial_proposals": 2, "widening_factor": 1.0}))
    trees.add_proposed()
    widens = False
    while not widens:
        requests = trees.select(30)
        widens = bool(requests.known[0]) and not requests.path(0)
        assert bool(requests.needs_value[0]) == (requests.known[0] == 0 and requests.fruitless[0] == 0)
        before = trees.root(0) if widens else {}
        trees.backup(requests, script(requests))
    root = trees.root(0)
    assert before["prior"] == pytest.approx([3 / 4, 1 / 4])
    assert root["actions"].tolist() == [7, 8, 9], "8 came twice and is one move"
    assert root["prior"] == pytest.approx([3 / 8, 3 / 8, 2 / 8])
    assert root["visits"].tolist() == [*before["visits"].tolist(), 0]
    np.testing.assert_array_equal(root["q"][:2], before["q"])
    assert (root["value"], root["simulations"]) == (before["value"], before["simulations"])


def test_the_visited_prior_follows_the_widening() -> None:
    # A later move of all the weight leaves the first one hardly any: the unvisited one then stands at the
    # node's value, 0, less 0.2 * sqrt(1 / 1000) and not less 0.2 * sqrt(1); at c_puct 0 it beats -0.1.
    def script(requests: _core.Requests) -> _core.ProposalReply:
        depth = len(requests.path(0))
        if depth == 0:
            return reply([(0.5, 0, 0.5)], [0, 1], [(1, 1.0, 0, False)], [0], [False])
        if depth == 2:
            return reply([(0.45, 0, 0.55)], [0, 1], [(1, 1.0, 0, False)], [0], [False])
        row = (2, 999.0, 0, False) if requests.known[0] else (1, 1.0, 0, False)
        return reply([(0.55, 0, 0.45)], [0, 1], [row], [0], [False])

    fields = {"initial_proposals": 1, "widening_factor": 1.0, "more_proposals": 1, "max_proposals": 2}
    trees = _core.Trees(None, _core.SearchParams(c_puct=0.0, **fields))
    trees.add_proposed()
    while requests := trees.select(4):
        trees.backup(requests, script(requests))
    dump = trees.dump(0)
    inner = int(dump["edge_node"][0])
    edges = slice(int(dump["edge_offsets"][inner]), int(dump["edge_offsets"][inner + 1]))
    assert dump["edge_action"][edges].tolist() == [1, 2]
    assert dump["edge_visits"][edges].tolist() == [1, 1]


def test_two_requests_in_vain_end_the_widening() -> None:
    sampler = Sampler(fresh=0, depth=1)
    trees = sampled(sampler, 100)
    assert trees.root(0)["actions"].tolist() == [0]
    assert trees.root(0)["simulations"] == 100
    # Two at first, then two requests for two more; the ended move is asked for its verdict once.
    assert sorted(sampler.counts) == [0, 2, 2, 2]


@pytest.mark.parametrize("rule", RULES)
def test_a_root_that_nobody_knows_a_move_at_has_a_defined_result(rule: str) -> None:
    def silent(requests: _core.Requests) -> _core.ProposalReply:
        rows = len(requests)
        return reply([(0.25, 0, 0.75)] * rows, [0] * (rows + 1), [], [0] * rows, [False] * rows)

    trees = _core.Trees(None, _core.SearchParams(rule=rule))
    trees.add_proposed()
    search(trees, silent, 50)  # type: ignore[arg-type]
    root = trees.root(0)
    assert root["simulations"] == 1
    assert root["value"] == -0.5
    for column in ("actions", "visits", "prior", "q", "target"):
        assert root[column].shape == (0,)
    assert trees.best_action(0) == -1
    assert trees.principal_variation(0) == []
    assert trees.dump(0)["visits"].tolist() == [1]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=15)
@given(
    tokens=st.lists(st.integers(0, 120), min_size=1, max_size=5),
    step_tokens=st.integers(0, 4),
    in_flight=st.integers(1, 4),
)
def test_no_tree_spends_more_than_its_tokens(
    rule: str, tokens: list[int], step_tokens: int, in_flight: int
) -> None:
    sampler = Sampler(depth=3, step_tokens=step_tokens)
    trees = sampled(sampler, 60, tokens, rule=rule, max_in_flight=in_flight)  # checks what is left as it goes
    spent, left = trees.tokens_spent, trees.tokens_left
    assert (spent + left == tokens).all()
    assert trees.stats()["tokens"] == spent.sum()
    for tree, budget in enumerate(tokens):
        dump = trees.dump(tree)
        done = dump["visits"][0] if len(dump["visits"]) else 0
        assert done == 60 or budget - spent[tree] < 4, "it ends at its simulations, or where no move fits"


def test_a_tree_asks_for_as_many_moves_as_it_can_pay_for() -> None:
    sampler = Sampler(step_tokens=4)
    trees = sampled(sampler, 50, [7], initial_proposals=4)  # a move costs 4 at most
    assert sampler.counts[0] == 1
    assert trees.tokens_left.tolist() == [3]
    # 3 are not enough for the node below, and there is nothing else to visit.
    assert trees.root(0)["simulations"] == 1
    assert not trees.select(50)
    trees.grant(0, 13)
    trees.backup(requests := trees.select(2), sampler(requests))
    assert sampler.counts[1:] == [2]
    assert trees.tokens_spent.tolist() == [12]
    trees.grant(0, None)
    assert trees.tokens_left.tolist() == [-1]


def test_verdicts_cost_nothing() -> None:
    sampler = Sampler(depth=1, step_tokens=4)
    trees = sampled(sampler, 50, [8], initial_proposals=2)
    assert trees.tokens_left.tolist() == [0]
    assert trees.root(0)["simulations"] == 50, "both moves end: the tree goes on without tokens"
    assert sampled(Sampler(), 50, [3]).tokens_spent.tolist() == [0]


def test_only_an_exact_win_proves_a_proposed_node() -> None:
    assert sampled(Sampler(1.0, exact=True), 50).root(0)["root_proof"] == 1
    assert sampled(Sampler(1.0, exact=False), 50).root(0)["root_proof"] == 2
    # Every proposal fails for certain: they are a sample, so nothing is proven.
    lost = sampled(Sampler(0.0, exact=True), 50)
    assert lost.root(0)["root_proof"] == 2
    assert (lost.dump(0)["proof"][~lost.dump(0)["ends"]] == 2).all()


def test_a_win_of_the_other_player_proves_his_move_and_not_the_loss() -> None:
    # Player 1 moves after the root and wins at once by every path: he has proven his nodes, while the root's
    # player has no more than bad samples.
    trees = sampled(Sampler(1.0, exact=True, mover=1), 60)
    dump = trees.dump(0)
    assert dump["proof"][0] == 2
    below = dump["depth"] == 1
    assert set(dump["player"][below].tolist()) == {1}
    assert (dump["proof"][below] == 1).all()
    assert trees.root(0)["q"] == pytest.approx([-1.0] * 6)


def test_advance_keeps_the_subtree_of_a_proposed_move() -> None:
    sampler = Sampler(0.3, depth=4)
    trees = sampled(sampler, 120)
    root, whole = trees.root(0), visited(trees, 0)
    move = trees.best_action(0)
    spent = trees.tokens_spent[0]
    with pytest.raises(_core.InputError, match="action 999 was not proposed at the root"):
        trees.advance(0, 999)
    trees.advance(0, move)
    kept = {path[1:]: node for path, node in whole.items() if path[:1] == (move,)}
    assert visited(trees, 0) == kept
    assert trees.tokens_spent[0] == spent
    assert trees.root(0)["simulations"] == 0
    assert kept[()][0] == root["visits"][root["actions"] == move][0]
    while requests := trees.select(40):
        trees.backup(requests, sampler(requests))
    assert trees.root(0)["simulations"] == 40
    assert visited(trees, 0)[()][0] == kept[()][0] + 40


@pytest.mark.parametrize("reuse", [True, False])
def test_advance_to_an_ended_move_asks_for_no_more_moves(reuse: bool) -> None:
    sampler = Sampler(0.3, depth=1)
    trees = sampled(sampler, 20, reuse=reuse)
    trees.advance(0, trees.best_action(0))
    before = len(sampler.counts)
    while requests := trees.select(20):
        assert requests.kinds.tolist() == [_core.VALUE]
        trees.backup(requests, sampler(requests))
    assert len(sampler.counts) == before + (not reuse)
    assert trees.root(0)["value"] == pytest.approx(-0.4)
    assert trees.best_action(0) == -1


def test_advance_keeps_whose_move_it_is() -> None:
    for simulations, reuse in ((30, True), (30, False), (1, True)):
        sampler = Sampler(depth=5, mover=1)
        trees = sampled(sampler, simulations, reuse=reuse)
        trees.advance(0, trees.best_action(0))
        while requests := trees.select(3):
            trees.backup(requests, sampler(requests))
        assert trees.dump(0)["player"][0] == 1


def test_trees_of_different_players_answer_together() -> None:
    positions = [GAME.parse(moves) for moves in ("", "4", "44", "4453")]
    together = proposed_game(positions, 80, GameProposer(positions, waves), initial_proposals=3)
    for tree, position in enumerate(positions):
        alone = proposed_game([position], 80, GameProposer([position], waves), initial_proposals=3)
        assert visited(together, tree) == visited(alone, 0)


def test_requests_are_told_in_bulk() -> None:
    positions = [GAME.parse(moves) for moves in ("", "4")]
    proposer = GameProposer(positions, drawn)
    trees = _core.Trees(None, _core.SearchParams(**WIDE | {"initial_proposals": 3, "max_in_flight": 4}))
    for position in positions:
        trees.add_proposed(position.player())
    seen: set[tuple[int, int, int, int]] = set()
    paths: dict[tuple[int, int], list[int]] = {}
    while requests := trees.select(60):
        offsets, actions = requests.paths()
        assert offsets[0] == 0
        assert offsets[-1] == len(actions)
        for index in range(len(requests)):
            path = actions[offsets[index] : offsets[index + 1]].tolist()
            assert path == requests.path(index)
            node = int(requests.trees[index]), int(requests.nodes[index])
            assert paths.setdefault(node, path) == path, "a node has one path"
            if requests.kinds[index] == _core.PROPOSE:
                asks = (*node, int(requests.known[index]), int(requests.fruitless[index]))
                assert asks not in seen, "no two requests are the same"
                seen.add(asks)
        trees.backup(requests, proposer(requests))
    assert len(paths) > 20


def test_leaves_in_flight_widen_a_node_once_at_a_time() -> None:
    trees = _core.Trees(
        None, _core.SearchParams(**WIDE | {"initial_proposals": 1, "max_proposals": 5, "max_in_flight": 8})
    )
    trees.add_proposed()
    sampler = Sampler(0.6, depth=3)
    while requests := trees.select(150):
        nodes = requests.nodes.tolist()
        assert len(set(nodes)) == len(nodes)
        trees.backup(requests, sampler(requests))
    root = trees.root(0)
    assert root["simulations"] == 150
    assert root["visits"].sum() == 149
    assert len(root["visits"]) == 5


def test_memory_stops_a_proposed_tree() -> None:
    trees = sampled(Sampler(depth=9), 100_000, max_tree_mb=0.02)
    root = trees.root(0)
    assert root["bytes"] <= 0.02 * 2**20 + 1024
    assert trees.stats()["capped"] == 1
    assert 10 < root["simulations"] < 100_000
    assert trees.best_action(0) >= 0


def test_settings_of_proposed_trees_are_checked() -> None:
    for field, value in (("initial_proposals", 0), ("max_proposals", 0), ("max_proposals", 40_000)):
        with pytest.raises(ValueError, match=field):
            _core.Trees(None, _core.SearchParams(**{field: value}))
    for field in ("c_puct_spread", "lcb_deviations"):
        with pytest.raises(ValueError, match="need trees of a game"):
            _core.Trees(None, _core.SearchParams(**{field: 0.5}))
    trees = _core.Trees(None, _core.SearchParams())
    with pytest.raises(ValueError, match="needs max_step_tokens"):
        trees.add_proposed(0, 10)
    with pytest.raises(ValueError, match="negative"):
        trees.add_proposed(0, -1)
    with pytest.raises(ValueError, match="player 2"):
        trees.add_proposed(2)


def test_settings_of_a_run_become_those_of_the_core() -> None:
    params = proposed_params(ProposedSearchConfig(rule="gumbel"), ProposalConfig(max_proposals=9), 5)
    assert (params.rule, params.gumbel_scale, params.noise_fraction) == ("gumbel", 0, 0)
    assert (params.max_proposals, params.max_step_tokens) == (9, 5)
    defaults = _core.SearchParams()
    for field, value in ProposalConfig().model_dump().items():
        if field != "distinct":
            assert getattr(defaults, field) == value
