"""The pool: the same games whatever runs beside them, records that hold together, exact snapshots."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from pool_games import GAME, by_id, make_pool, run
from pseudo import pseudo

from engine import _core
from engine.config import build_config
from engine.errors import UserError
from engine.selfplay.caller import MAX_BAD_REPLIES, Caller
from games.go import Go
from games.othello import Othello


def test_a_game_is_the_same_whatever_is_played_beside_it() -> None:
    many = by_id(run(make_pool(32), 1500))
    few = by_id(run(make_pool(3), 700))
    odd = by_id(run(make_pool(8, first_id=1, stride=2), 700))
    assert len(set(many) & set(few)) > 5
    assert len(set(many) & set(odd)) > 5
    for game in set(many) & set(few):
        assert many[game] == few[game]
    for game in set(many) & set(odd):
        assert many[game] == odd[game]


def test_another_seed_gives_other_games() -> None:
    assert by_id(run(make_pool(4), 300)) != by_id(run(make_pool(4, seed=6), 300))


def test_a_restored_pool_plays_on_bit_for_bit() -> None:
    whole = make_pool(8)
    run(whole, 400)
    snapshot, next_id = whole.snapshot(), whole.next_id
    restored = make_pool(8)
    run(restored, 77)
    restored.restore(snapshot, next_id)
    whole.new_weights(3)
    restored.new_weights(3)
    first, second = run(whole, 400), run(restored, 400)
    assert first["game_id"].tolist() == second["game_id"].tolist()
    assert by_id(first) == by_id(second)
    assert whole.next_id == restored.next_id


def test_records_hold_together() -> None:
    pool = make_pool(16)
    games = run(pool, 2000)
    assert sorted(set(games["game_id"].tolist())) == sorted(games["game_id"].tolist())
    for index, (first, last) in enumerate(
        zip(games["move_offsets"], games["move_offsets"][1:], strict=False)
    ):
        state = GAME.initial()
        assert games["opening_plies"][index] <= 2
        for ply in range(first, last):
            share = slice(games["policy_offsets"][ply], games["policy_offsets"][ply + 1])
            if ply - first < games["opening_plies"][index]:
                assert share.start == share.stop
                assert games["weight"][ply] == 0
            else:
                actions = games["policy_actions"][share].tolist()
                assert set(actions) <= set(state.legal_actions())
                assert games["moves"][ply] in actions
                assert games["policy_probs"][share].sum() == pytest.approx(1, abs=1e-5)
                known = games["root_wdl"][ply].sum()
                assert known == pytest.approx(1, abs=1e-4) or (known == 0 and games["visits"][ply] == 0)
                assert games["weight"][ply] == float(games["full_search"][ply])
                assert games["visits"][ply] <= (16 if games["full_search"][ply] else 6)
                assert games["kl"][ply] > -1e-5
            state.play(int(games["moves"][ply]))
        outcome = state.outcome()
        assert outcome is not None
        assert games["outcome"][index] == (outcome if state.player() == 0 else -outcome)
        assert not games["truncated"][index]
    stats = pool.stats()
    assert stats["positions"] == 2000
    assert stats["games"] == len(games["game_id"])
    assert stats["cache_hits"] > 0


def test_openings_differ_and_games_are_distinct() -> None:
    games = run(make_pool(64, full_search_fraction=1.0), 4000)
    moves = {
        tuple(games["moves"][a:b])
        for a, b in zip(games["move_offsets"], games["move_offsets"][1:], strict=False)
    }
    assert len(moves) >= 0.95 * len(games["game_id"])


def test_wide_openings_are_longer_for_their_share_of_games() -> None:
    games = run(make_pool(64, wide_opening_fraction=0.5, wide_opening_plies=20), 6000)
    plies = games["opening_plies"]
    assert 0.3 < (plies > 2).mean() < 0.5
    assert plies.max() > 12
    assert plies.max() <= 20
    assert (plies < np.diff(games["move_offsets"])).all(), "an opening does not end the game"


def test_no_temperature_and_no_opening_plays_the_most_visited_move() -> None:
    games = run(make_pool(4, max_opening_plies=0, temperature=0.0, final_temperature=0.0), 200)
    for ply, move in enumerate(games["moves"].tolist()):
        share = slice(games["policy_offsets"][ply], games["policy_offsets"][ply + 1])
        best = games["policy_actions"][share][np.argmax(games["policy_probs"][share])]
        assert move == best


def test_batches_are_full() -> None:
    pool = make_pool(24)
    pool.start(600)
    while requests := pool.select():
        assert len(requests) == 24
        pool.backup(requests, pseudo(requests))


def test_restore_refuses_columns_that_do_not_fit() -> None:
    pool = make_pool(4)
    snapshot = pool.snapshot()
    with pytest.raises(ValueError, match="pool of 5"):
        make_pool(5).restore(snapshot, 9)
    run(pool, 100)
    broken = pool.snapshot()
    broken["moves"] = broken["moves"] + 7
    with pytest.raises(ValueError, match="a move is illegal"):
        make_pool(4).restore(broken, 9)
    broken = pool.snapshot()
    broken["weight"] = broken["weight"][1:]
    with pytest.raises(ValueError, match="one value a ply"):
        make_pool(4).restore(broken, 9)


# --- the learner's window ---------------------------------------------------------------------------


def test_samples_are_the_positions_of_the_games() -> None:
    games = run(make_pool(8), 1000)
    window = _core.ReplayWindow(GAME)
    window.append(games)
    assert window.positions == int((games["weight"] > 0).sum())
    assert window.games == len(games["game_id"])
    batch = window.sample(256, 1)
    index_of = {game: index for index, game in enumerate(games["game_id"].tolist())}
    turned = 0
    for row in range(256):
        index = index_of[int(batch["game_id"][row])]
        first = games["move_offsets"][index]
        ply = first + int(batch["ply"][row])
        state = GAME.initial()
        for move in games["moves"][first:ply].tolist():
            state.play(move)
        planes, policy = state.encode(), np.zeros(7, np.float32)
        share = slice(games["policy_offsets"][ply], games["policy_offsets"][ply + 1])
        policy[games["policy_actions"][share]] = games["policy_probs"][share]
        legal = np.zeros(7, bool)
        legal[state.legal_actions()] = True
        drawn = tuple(batch[name][row].tolist() for name in ("planes", "policy", "legal"))
        straight = (planes.tolist(), policy.tolist(), legal.tolist())
        mirrored = (planes[:, :, ::-1].tolist(), policy[::-1].tolist(), legal[::-1].tolist())
        assert drawn in (straight, mirrored)
        turned += drawn != straight
        result = games["outcome"][index] * (1 if state.player() == 0 else -1)
        assert batch["wdl"][row].tolist() == [float(result == 1), float(result == 0), float(result == -1)]
        assert games["weight"][ply] > 0
    assert 60 < turned < 200


@pytest.mark.parametrize("game", [Go(size="4x3", komi=2.5), Othello()])
def test_samples_foretell_owners_and_score_at_the_end(game: _core.Game) -> None:
    search, play = _core.SearchParams(), _core.PlayParams(simulations=4)
    pool = _core.Pool(game, search, play, seed=1, games=4)
    games = run(pool, 500, _core.uniform)
    window = _core.ReplayWindow(game)
    window.append(games)
    batch = window.sample(64, 1)
    turned = 0
    for row in range(64):
        index = int(np.flatnonzero(games["game_id"] == batch["game_id"][row])[0])
        moves = games["moves"][games["move_offsets"][index] : games["move_offsets"][index + 1]].tolist()
        state, end = game.initial(), game.initial()
        for move in moves[: int(batch["ply"][row])]:
            state.play(move)
        for move in moves:
            end.play(move)
        final = end.score()
        assert final is not None
        sign = 1 if state.player() == end.player() else -1
        planes = state.encode().reshape(game.planes_shape[0], -1)
        drawn = batch["planes"][row].reshape(planes.shape)
        fitting = [cells for cells in game.cell_symmetries if np.array_equal(planes[:, cells], drawn)]
        owners = [(sign * final[1].ravel()[cells]).tolist() for cells in fitting]
        assert batch["owner"][row].tolist() in owners
        turned += fitting[0][0] > 0
        assert batch["score"][row] == sign * final[0]
        assert np.sign(batch["score"][row]) == batch["wdl"][row][0] - batch["wdl"][row][2]
    assert turned > 10
    assert "owner" not in _window_of(run(make_pool(2), 50)).sample(4, 1)


def _window_of(games: Any) -> _core.ReplayWindow:
    window = _core.ReplayWindow(GAME)
    window.append(games)
    return window


def test_samples_are_a_function_of_the_seed_and_cover_the_window() -> None:
    window = _core.ReplayWindow(GAME)
    for _ in range(3):
        window.append(run(make_pool(4), 200))
    first, second, other = window.sample(64, 7), window.sample(64, 7), window.sample(64, 8)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["planes"], other["planes"])


def test_the_value_target_mixes_the_outcome_with_the_search() -> None:
    window = _core.ReplayWindow(GAME)
    window.append(run(make_pool(4), 400))
    outcome, mixed, found = (window.sample(64, 3, mix)["wdl"] for mix in (0.0, 0.25, 1.0))
    assert mixed == pytest.approx(0.75 * outcome + 0.25 * found, abs=1e-6)
    assert found.sum(axis=1) == pytest.approx(np.ones(64), abs=1e-4)


def test_the_window_drops_whole_batches_from_the_oldest() -> None:
    window = _core.ReplayWindow(GAME)
    pool = make_pool(4)
    sizes = []
    for _ in range(4):
        before = window.positions
        window.append(run(pool, 300))
        sizes.append(window.positions - before)
    window.trim(sum(sizes[1:]))
    assert window.positions == sum(sizes[1:])
    window.trim(sum(sizes[2:]) + 1)
    assert window.positions == sum(sizes[1:])


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="no position"):
        _core.ReplayWindow(GAME).sample(4, 1)


def test_a_network_that_gives_nan_ends_the_play() -> None:
    def broken(requests: _core.Requests) -> _core.DenseReply:
        rows = len(requests)
        return _core.DenseReply(np.full((rows, 3), np.nan, np.float32), np.zeros((rows, 7), np.float32))

    config = build_config({"selfplay": {"games": 8, "simulations": 8}})
    caller = Caller(GAME, config, broken, 0, 1)
    with pytest.raises(UserError, match=r"\d+ answers of the network were not finite; resume"):
        caller.play(10_000, threading.Event())
    assert caller.pool.stats()["bad_replies"] >= MAX_BAD_REPLIES
    assert caller.pool.stats()["positions"] < 1000
