"""Rules of search against the same formulas in plain Python, and against counts by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from pseudo import even_handed, even_handed_answer
from reference_search import (
    Settings,
    considered_visits,
    halving_choice,
    improved_policy,
    pruned_visits,
    reference_search,
)

from engine import _core
from engine.config.play import SearchConfig
from engine.search import search, search_params
from games.connect4 import Connect4

GAME = Connect4()

POSITIONS = ["", "4455", "444331", "17263", "112277"]


def answer(state: _core.State) -> tuple[float, dict[int, float]]:
    wdl, logits = even_handed_answer(state.encode())
    legal = state.legal_actions()
    weights = np.exp(logits[legal] - logits[legal].max())
    return float(wdl[0] - wdl[2]), dict(zip(legal, (weights / weights.sum()).tolist(), strict=True))


def searched(position: str, simulations: int, seed: int = 0, **fields: Any) -> _core.Trees:
    params = _core.SearchParams(**{"proofs": False, "gumbel_scale": 0.0} | fields)
    trees = _core.Trees(GAME, params, seed=seed)
    trees.add(GAME.parse(position))
    search(trees, even_handed, simulations)
    return trees


def visits(trees: _core.Trees) -> dict[int, int]:
    root = trees.root(0)
    return dict(zip(root["actions"].tolist(), root["visits"].tolist(), strict=True))


def target(trees: _core.Trees) -> dict[int, float]:
    root = trees.root(0)
    return dict(zip(root["actions"].tolist(), root["target"].tolist(), strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(c_puct=0.0),
        Settings(c_puct_growth=0.8, c_puct_base=20.0),
        Settings(c_puct_spread=0.85),
        Settings(rule="gumbel"),
        Settings(rule="gumbel", considered_actions=4, c_visit=10.0, c_scale=0.3),
        Settings(rule="gumbel-full", c_visit=5.0),
        Settings(rule="gumbel-full", considered_actions=3),
    ],
    ids=lambda settings: (
        f"{settings.rule}-{settings.c_puct}-{settings.c_puct_growth}-{settings.c_puct_spread}-{settings.c_visit}"
    ),
)
@pytest.mark.parametrize("position", POSITIONS)
def test_visits_are_those_of_the_formulas(position: str, settings: Settings) -> None:
    for simulations in (2, 5, 17, 60):
        root = reference_search(GAME.parse(position), simulations, answer, settings)
        trees = searched(position, simulations, **dataclasses.asdict(settings))
        assert visits(trees) == {action: root.visits(action) for action in root.priors}
        if settings.rule != "puct":
            assert target(trees) == pytest.approx(improved_policy(root, settings), abs=1e-4)
            assert trees.best_action(0) == halving_choice(root, settings)


@pytest.mark.parametrize("position", POSITIONS)
def test_forced_playouts_and_what_the_target_keeps_of_them(position: str) -> None:
    settings = Settings(forced_playouts=2.0)
    for simulations in (10, 40, 150):
        root = reference_search(GAME.parse(position), simulations, answer, settings, is_noisy=True)
        trees = searched(position, simulations, forced_playouts=2.0)
        assert visits(trees) == {action: root.visits(action) for action in root.priors}
        kept = pruned_visits(root, settings)
        total = sum(kept.values())
        assert target(trees) == pytest.approx({action: count / total for action, count in kept.items()})
    free = reference_search(GAME.parse(position), 150, answer, Settings())
    assert visits(searched(position, 150, forced_playouts=20.0)) != {a: free.visits(a) for a in free.priors}


def test_without_noise_nothing_is_forced() -> None:
    assert search_params(SearchConfig(forced_playouts=2.0)).forced_playouts == 0
    assert search_params(SearchConfig(forced_playouts=2.0), noise=True).forced_playouts == 2


def test_sequential_halving_by_hand() -> None:
    # 16 visits for 4 moves: two rounds of 8, two visits to each of four, then four to each of two.
    assert considered_visits(4, 16) == [0] * 4 + [1] * 4 + [2] * 2 + [3] * 2 + [4] * 2 + [5] * 2
    trees = searched("", 1 + 16, rule="gumbel", considered_actions=4)
    assert sorted(visits(trees).values()) == [0, 0, 0, 2, 2, 6, 6]
    assert sorted(visits(searched("", 1 + 3, rule="gumbel")).values()) == [0, 0, 0, 0, 1, 1, 1]


def test_gumbel_noise_draws_moves_by_their_priors() -> None:
    prior = np.array([0.4, 0.3, 0.15, 0.05, 0.05, 0.03, 0.02])

    def evaluate(requests: _core.Requests) -> _core.DenseReply:
        rows = len(requests)
        wdl = np.tile(np.array([0, 1, 0], np.float32), (rows, 1))
        return _core.DenseReply(wdl, np.tile(np.log(prior).astype(np.float32), (rows, 1)))

    trees = _core.Trees(GAME, _core.SearchParams(rule="gumbel"), seed=3)
    state = GAME.parse("4")  # not symmetric, so that priors stay where they are
    for _ in range(4000):
        trees.add(state)
    search(trees, evaluate, 2)
    drawn = np.bincount([trees.best_action(tree) for tree in range(4000)], minlength=7) / 4000
    turned = prior if drawn[0] > drawn[6] else prior[::-1]
    assert drawn == pytest.approx(turned, abs=0.03)


def test_reused_visits_do_not_count_in_the_next_halving() -> None:
    trees = searched("", 200, rule="gumbel")
    trees.advance(0, trees.best_action(0))
    before = visits(trees)
    search(trees, even_handed, 16)
    fresh = {action: count - before[action] for action, count in visits(trees).items()}
    assert sum(fresh.values()) == 16
    table = considered_visits(7, 16)
    assert max(fresh.values()) == max(table) + 1
    assert sum(count > 0 for count in fresh.values()) == 7


def test_gumbel_leaves_proven_losses_out() -> None:
    trees = searched("41424", 200, proofs=True, rule="gumbel")
    root = trees.root(0)
    assert trees.best_action(0) == 3
    assert root["target"].tolist() == [0, 0, 0, 1, 0, 0, 0]
    won = searched("112233", 50, proofs=True, rule="gumbel-full")
    assert won.root(0)["root_proof"] == 1
    assert won.best_action(0) == 3


def test_the_lower_confidence_bound_chooses_the_surer_move() -> None:
    # With so many deviations only the number of visits counts; with few the value does.
    trees = searched("4455", 300, lcb_deviations=0.001)
    root = trees.root(0)
    enough = root["visits"] >= 0.15 * root["visits"].max()
    assert trees.best_action(0) == root["actions"][enough][np.argmax(root["q"][enough])]
    by_visits = searched("4455", 300)
    assert searched("4455", 300, lcb_deviations=50.0).best_action(0) == by_visits.best_action(0)
    assert by_visits.best_action(0) == root["actions"][np.argmax(root["visits"])]


@pytest.mark.parametrize("position", POSITIONS)
def test_a_bound_far_down_is_still_above_what_was_hardly_visited(position: str) -> None:
    trees = searched(position, 12, lcb_deviations=100.0)
    root = trees.root(0)
    enough = root["actions"][root["visits"] >= 0.15 * root["visits"].max()]
    assert trees.best_action(0) in enough


@pytest.mark.parametrize("position", POSITIONS)
def test_an_early_stop_saves_simulations_and_keeps_the_move(position: str) -> None:
    whole, short = searched(position, 400), searched(position, 400, early_stop=True)
    assert short.best_action(0) == whole.best_action(0)
    assert short.stats()["simulations"] < 400
    noisy = searched(position, 100, early_stop=True, noise_fraction=0.25)
    assert noisy.stats()["simulations"] == 100


def test_shaped_noise_goes_to_likelier_moves() -> None:
    def noise(shaped: bool) -> np.ndarray:
        params = _core.SearchParams(noise_fraction=1.0, noise_shaped=shaped, noise_alpha_total=1000.0)
        trees = _core.Trees(GAME, params, seed=1)
        trees.add(GAME.parse("4"))
        search(trees, skewed, 1)
        return np.asarray(trees.root(0)["prior"])

    def skewed(_: _core.Requests) -> _core.DenseReply:
        logits = np.log(np.array([[0.989, 0.008, 0.001, 0.0005, 0.0005, 0.0005, 0.0005]], np.float32))
        return _core.DenseReply(np.array([[0, 1, 0]], np.float32), logits)

    even = noise(False)
    assert even == pytest.approx(np.full(7, 1 / 7), abs=0.05)
    # Log priors cut at 0.01 are -4.6, -4.8, -6.9 and four of -7.6, 6.67 below zero on average: what is above
    # shares half of alpha as 2.07 : 1.84, the other half is even.
    shaped = np.sort(noise(True))[::-1]
    logs = np.log(np.array([0.01, 0.008, 0.001, 0.0005, 0.0005, 0.0005, 0.0005]))
    above = np.maximum(0, logs - logs.mean())
    assert shaped == pytest.approx(np.sort((1 / 7 + above / above.sum()) / 2)[::-1], abs=0.05)


@pytest.mark.parametrize("rule", ["gumbel", "gumbel-full"])
def test_self_play_by_gumbel_records_the_improved_policy(rule: str) -> None:
    search_by = _core.SearchParams(rule=rule, considered_actions=4)
    play = _core.PlayParams(simulations=16, temperature=1.0)
    pool = _core.Pool(GAME, search_by, play, seed=1, games=8)
    pool.start(300)
    while requests := pool.select():
        pool.backup(requests, even_handed(requests))
    games = pool.take_games()
    assert len(games["game_id"]) > 3
    lengths = np.diff(games["policy_offsets"])
    searched_plies = np.flatnonzero(games["weight"] > 0)
    shares = [games["policy_probs"][games["policy_offsets"][ply] :][: lengths[ply]] for ply in searched_plies]
    assert [share.sum() for share in shares] == pytest.approx([1] * len(shares), abs=1e-4)
    assert lengths[searched_plies].mean() > 4  # moves that were not visited have their share, too
    assert len({tuple(games["moves"][a : a + 8]) for a in games["move_offsets"][:-1]}) > 1


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="none of puct, uct, gumbel, gumbel-full"):
        _core.SearchParams(rule="alphabeta")
