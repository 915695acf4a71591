"""The tree: hand-counted visits, proofs, reuse, memory, noise, and the seam for proposed moves."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from pseudo import pseudo

from engine import _core
from engine.config.play import SearchConfig
from engine.search import search, search_params
from games.connect4 import Connect4

GAME = Connect4()
Evaluate = Callable[[_core.Requests], _core.DenseReply]


def searched(
    position: str, simulations: int, evaluate: Evaluate = _core.uniform, **fields: object
) -> _core.Trees:
    trees = _core.Trees(GAME, _core.SearchParams(**fields))
    trees.add(GAME.parse(position))
    search(trees, evaluate, simulations)
    return trees


def visits(trees: _core.Trees, tree: int = 0) -> dict[int, int]:
    root = trees.root(tree)
    return dict(zip(root["actions"].tolist(), root["visits"].tolist(), strict=True))


def constant(wdl: tuple[float, float, float], logits: list[float]) -> Evaluate:
    def evaluate(requests: _core.Requests) -> _core.DenseReply:
        rows = len(requests)
        return _core.DenseReply(
            np.tile(np.array(wdl, np.float32), (rows, 1)), np.tile(np.array(logits, np.float32), (rows, 1))
        )

    return evaluate


def test_first_simulation_only_evaluates_the_root() -> None:
    trees = searched("44", 1)
    assert sum(visits(trees).values()) == 0
    assert trees.stats()["evaluations"] == 1


def test_best_action_before_any_visit_is_the_highest_prior() -> None:
    trees = searched("", 1, constant((0, 1, 0), [0, 0, 0, 0, 2, 0, 1]))
    assert trees.best_action(0) == 4


def test_visits_follow_the_puct_formula_counted_by_hand() -> None:
    # Equal values everywhere (draws): U(a) = c P(a) sqrt(N) / (1 + N(a)) alone decides. With priors
    # 0.37 for column 1 and 0.105 for the others, column 1 has the highest 0.37 / (1 + N) for three
    # visits; then 0.0925 is less than 0.105, and the others follow from the lowest on.
    prior = np.log([0.37] + [0.105] * 6)
    evaluate = constant((0, 1, 0), prior.tolist())
    assert visits(searched("", 1 + 2, evaluate, fpu_reduction=0.0)) == {0: 2, **dict.fromkeys(range(1, 7), 0)}
    assert visits(searched("", 1 + 9, evaluate, fpu_reduction=0.0)) == {0: 3, **dict.fromkeys(range(1, 7), 1)}


def test_first_play_urgency_is_the_value_less_the_root_of_the_visited_prior() -> None:
    # Every position is won for its player to move, so each visit to a child looks lost (-1) from the
    # root. Unvisited moves stand at q - reduction * sqrt(visited prior) > -1: breadth first.
    trees = searched("", 1 + 7, constant((1, 0, 0), [0.0] * 7), fpu_reduction=0.2, c_puct=0.1)
    assert set(visits(trees).values()) == {1}


def test_values_change_sign_with_the_player() -> None:
    trees = searched("", 1 + 7, constant((0.9, 0.1, 0.0), [0.0] * 7))
    root = trees.root(0)
    assert root["q"] == pytest.approx([-0.9] * 7, abs=1e-6)
    assert root["value"] == pytest.approx((0.9 - 7 * 0.9) / 8, abs=1e-6)
    assert root["raw_wdl"] == pytest.approx((0.9, 0.1, 0.0), abs=1e-6)
    assert sum(root["wdl"]) == pytest.approx(1, abs=1e-6)
    assert root["wdl"][1] == pytest.approx(0.1, abs=1e-6)


def test_an_immediate_win_is_proven_and_played() -> None:
    trees = searched("112233", 50)
    root = trees.root(0)
    assert root["root_proof"] == 1
    assert root["value"] == 1
    assert trees.best_action(0) == 3
    assert root["target"].tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert trees.stats()["simulations"] < 50, "a proven root needs no further search"


def test_a_forced_loss_is_proven() -> None:
    # X has three in a row on the floor, open on both sides.
    drawing = GAME.parse("334455").text()
    trees = searched("3344", 3000)
    assert trees.root(0)["root_proof"] == 1, drawing  # 5 makes three with both ends open
    trees = searched("33445", 3000)
    assert trees.root(0)["root_proof"] == -1
    assert trees.root(0)["value"] == -1


def test_a_move_proven_lost_gets_no_share_of_the_target() -> None:
    # O must answer three stones in column 4; everything else loses at once.
    trees = searched("41424", 400)
    root = trees.root(0)
    assert trees.best_action(0) == 3
    for action, proof, share in zip(root["actions"], root["proof"], root["target"], strict=True):
        if action != 3:
            assert proof == -1
            assert share == 0


def test_a_position_won_at_once_is_proven_without_an_evaluation() -> None:
    # Every move of O but 4 lets X complete column 4: each is proven lost by its one visit.
    trees = searched("41424", 100)
    root = trees.root(0)
    assert root["proof"].tolist() == [-1, -1, -1, 2, -1, -1, -1]
    assert [count for action, count in visits(trees).items() if action != 3] == [1] * 6
    assert trees.stats()["terminal_hits"] == 0


def test_without_proofs_nothing_is_proven() -> None:
    root = searched("112233", 200, proofs=False).root(0)
    assert root["root_proof"] == 2
    assert set(root["proof"].tolist()) == {2}
    assert root["simulations"] == 200


def test_a_full_search_of_a_late_position_agrees_with_exhaustive_search() -> None:
    position = "2252576253462244111563365343671351441"
    assert searched(position, 5000).root(0)["root_proof"] == negamax(GAME.parse(position))


def negamax(state: _core.State) -> int:
    outcome = state.outcome()
    if outcome is not None:
        return int(outcome)
    best = -1
    for action in state.legal_actions():
        child = state.clone()
        child.play(action)
        best = max(best, -negamax(child))
    return best


def test_terminal_root_needs_no_search() -> None:
    trees = _core.Trees(GAME, _core.SearchParams())
    trees.add(GAME.parse("1122334"))
    assert len(trees.select(100)) == 0
    assert trees.stats()["simulations"] == 0


def test_one_legal_move() -> None:
    # Every column but the seventh is full.
    position = "121212212121343434434343565656656565"
    trees = searched(position, 20, proofs=False)
    assert visits(trees) == {6: 19}


def test_reuse_keeps_the_subtree_and_counts_new_visits_only() -> None:
    trees = searched("", 200, proofs=False)
    child_visits = visits(trees)[0]
    trees.advance(0, 0)
    search(trees, _core.uniform, 50)
    root = trees.root(0)
    assert root["simulations"] == 50
    assert root["visits"].sum() == child_visits - 1 + 50
    fresh = searched("", 200, proofs=False, reuse=False)
    fresh.advance(0, 0)
    search(fresh, _core.uniform, 50)
    assert fresh.root(0)["visits"].sum() == 49


def test_advance_refuses_an_illegal_action() -> None:
    trees = searched("111111", 5)
    with pytest.raises(_core.InputError, match="action 0 is not legal"):
        trees.advance(0, 0)


def test_search_in_parts_equals_search_in_one_go() -> None:
    parts = _core.Trees(GAME, _core.SearchParams())
    parts.add(GAME.parse("4"))
    for simulations in (10, 100, 333):
        search(parts, pseudo, simulations)
    assert visits(parts) == visits(searched("4", 333, pseudo))


def test_a_tree_is_the_same_alone_and_among_others() -> None:
    positions = ["", "4", "44", "1234", "7654321"]
    together = _core.Trees(GAME, _core.SearchParams())
    for position in positions:
        together.add(GAME.parse(position))
    search(together, pseudo, 150)
    for index, position in enumerate(positions):
        assert visits(together, index) == visits(searched(position, 150, pseudo))


def test_the_cache_changes_no_visit() -> None:
    plain = searched("4", 800, pseudo)
    cached = _core.Trees(GAME, _core.SearchParams(), cache_mb=4)
    cached.add(GAME.parse("4"))
    search(cached, pseudo, 800)
    assert visits(plain) == visits(cached)
    assert cached.stats()["cache_hits"] > 0
    assert cached.stats()["evaluations"] < plain.stats()["evaluations"]


def test_mirrored_positions_have_mirrored_trees() -> None:
    left, right = visits(searched("1123", 300, pseudo)), visits(searched("7765", 300, pseudo))
    assert sum(left.values()) == sum(right.values())
    # Ties go to the lowest action, which mirroring turns round: compare what has no ties.
    assert {6 - action: count for action, count in left.items()} == right


def test_memory_cap_stops_the_search_and_a_move_is_still_there() -> None:
    trees = searched("", 1_000_000, max_tree_mb=0.05)
    root = trees.root(0)
    assert root["bytes"] <= 0.05 * 2**20
    assert trees.stats()["capped"] == 1
    assert 100 < root["simulations"] < 1_000_000
    assert trees.best_action(0) in range(7)


def test_memory_of_a_tree_is_within_64_bytes_a_node_and_16_an_edge() -> None:
    trees = searched("", 10_000, proofs=False)
    assert trees.root(0)["bytes"] <= 10_000 * (64 + 7 * 16) + 64


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_reply_that_is_not_finite_counts_as_equal_priors(bad: float) -> None:
    trees = searched("", 8, constant((bad, 0.0, 0.0), [0.0] * 7))
    assert trees.stats()["bad_replies"] == 8
    assert trees.root(0)["value"] == 0
    trees = searched("", 1, constant((1.0, 0.0, 0.0), [bad] * 7))
    assert trees.stats()["bad_replies"] == 1
    assert trees.root(0)["prior"] == pytest.approx([1 / 7] * 7)


NO_PROBABILITIES = [
    (2.0, 0.0, 0.0),
    (0.0, 0.0, 0.0),
    (1.0, 1.0, 1.0),
    (-0.5, 1.0, 0.5),
    (0.0, 1.5, -0.5),
    (1.03, 0.0, 0.0),
    (0.97, 0.0, 0.0),
    (1e38, 1e38, 1e38),
    (math.inf, -math.inf, 1.0),
    (math.nan, 0.5, 0.5),
]


@pytest.mark.parametrize("wdl", NO_PROBABILITIES)
@pytest.mark.parametrize("cache_mb", [0, 1])
@pytest.mark.parametrize("rule", ["puct", "gumbel"])
def test_a_reply_that_is_no_probabilities_is_a_draw_with_equal_priors(
    wdl: tuple[float, float, float], cache_mb: float, rule: str
) -> None:
    trees = _core.Trees(GAME, _core.SearchParams(rule=rule), cache_mb=cache_mb)
    trees.add(GAME.initial())
    answer = constant(wdl, [3.0, 0, 0, 0, 0, 0, 0])
    asked = 0
    while requests := trees.select(60):
        asked += len(requests)
        trees.backup(requests, answer(requests))
    root = trees.root(0)
    assert trees.stats()["bad_replies"] == asked == 60
    assert (root["value"], tuple(root["wdl"])) == (0.0, (0.0, 1.0, 0.0))
    assert (root["q"][root["visits"] > 0] == 0).all()
    assert root["raw_prior"] == pytest.approx([1 / 7] * 7)


@pytest.mark.parametrize(
    "wdl", [(1.0, 0.0, 0.0), (1.01, 0.0, 0.0), (0.33, 0.33, 0.33), (-0.001, 1.0, 0.001), (0.5, 0.25, 0.26)]
)
def test_rounding_of_any_backend_is_no_bad_reply(wdl: tuple[float, float, float]) -> None:
    trees = searched("", 4, constant(wdl, [0.0] * 7))
    assert trees.stats()["bad_replies"] == 0
    assert trees.root(0)["raw_wdl"][:2] == pytest.approx(np.clip(wdl[:2], 0, 1), abs=1e-6)


@pytest.mark.parametrize(
    ("logits", "bad"),
    [
        ([-math.inf] * 7, 1),
        ([math.inf] + [0.0] * 6, 1),
        ([math.nan] + [0.0] * 6, 1),
        ([-math.inf] * 6 + [0.0], 0),
        ([3e38, -3e38, 0, 0, 0, 0, 0], 0),
    ],
)
def test_logits_that_make_no_priors(logits: list[float], bad: int) -> None:
    trees = searched("", 1, constant((0.0, 1.0, 0.0), logits))
    assert trees.stats()["bad_replies"] == bad
    assert trees.root(0)["prior"].sum() == pytest.approx(1)
    assert np.ptp(trees.root(0)["prior"]) == (0 if bad else 1)


def test_replies_of_another_shape_are_refused() -> None:
    trees = _core.Trees(GAME, _core.SearchParams())
    trees.add(GAME.initial())
    requests = trees.select(10)
    with pytest.raises(ValueError, match=r"wdl is not \[B, 3\]"):
        trees.backup(requests, _core.DenseReply(np.zeros((2, 3), np.float32), np.zeros((1, 7), np.float32)))
    with pytest.raises(ValueError, match="logits"):
        trees.backup(requests, _core.DenseReply(np.zeros((1, 3), np.float32), np.zeros((1, 6), np.float32)))
    with pytest.raises(TypeError):
        _core.DenseReply(np.zeros((1, 3)), np.zeros((1, 7), np.float32))  # type: ignore[arg-type]


def test_noise_is_a_function_of_seed_tree_and_ply() -> None:
    def prior(seed: int) -> list[float]:
        trees = _core.Trees(GAME, search_params(SearchConfig(), noise=True), seed=seed)
        trees.add(GAME.initial())
        trees.add(GAME.initial())
        search(trees, _core.uniform, 2)
        first, second = trees.root(0)["prior"], trees.root(1)["prior"]
        assert first.sum() == pytest.approx(1, abs=1e-5)
        assert first.tolist() != second.tolist()
        assert trees.root(0)["raw_prior"] == pytest.approx([1 / 7] * 7)
        return first.tolist()

    assert prior(1) == prior(1)
    assert prior(1) != prior(2)


def test_root_temperature_flattens_the_priors() -> None:
    evaluate = constant((0, 1, 0), [2.0, 0, 0, 0, 0, 0, 0])
    trees = searched("", 1, evaluate, root_temperature=2.0)
    expected = np.exp([1.0, 0, 0, 0, 0, 0, 0])
    assert trees.root(0)["prior"] == pytest.approx(expected / expected.sum(), abs=1e-6)


def test_policy_temperature_flattens_the_priors_of_every_node() -> None:
    evaluate = constant((0, 1, 0), [2.0, 0, 0, 0, 0, 0, 0])
    trees = searched("", 40, evaluate, policy_temperature=2.0)
    expected = np.exp([1.0, 0, 0, 0, 0, 0, 0])
    assert trees.root(0)["raw_prior"] == pytest.approx(expected / expected.sum(), abs=1e-6)
    trees.advance(0, 0)
    search(trees, evaluate, 1)
    assert trees.root(0)["raw_prior"] == pytest.approx(expected / expected.sum(), abs=1e-6)


def test_uct_visits_every_move_once_first() -> None:
    trees = searched("", 8, lambda requests: _core.rollout(requests, 3), rule="uct", c_puct=1.4, proofs=False)
    assert set(visits(trees).values()) == {1}


def test_uct_with_rollouts_sees_a_win_in_one_and_blocks() -> None:
    def evaluate(requests: _core.Requests) -> _core.DenseReply:
        evaluate.calls += 1  # type: ignore[attr-defined]
        return _core.rollout(requests, evaluate.calls)  # type: ignore[attr-defined]

    evaluate.calls = 0  # type: ignore[attr-defined]
    fields = {"rule": "uct", "c_puct": 1.4, "proofs": False}
    assert searched("112233", 500, evaluate, **fields).best_action(0) == 3
    assert searched("41424", 500, evaluate, **fields).best_action(0) == 3


def test_several_leaves_in_flight_do_the_simulations_asked_for() -> None:
    trees = _core.Trees(GAME, _core.SearchParams(max_in_flight=8, proofs=False))
    trees.add(GAME.parse("4"))
    sizes = []
    while requests := trees.select(500):
        sizes.append(len(requests))
        trees.backup(requests, pseudo(requests))
    root = trees.root(0)
    assert root["simulations"] == 500
    assert root["visits"].sum() == 499
    assert max(sizes) > 4
