"""Resignation: thresholds by hand, games that end when they should, and exact resumes."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pool_games import by_id, make_pool, run
from pseudo import pseudo
from small_training import fingerprint, train

from engine import _core
from engine.config import Config, build_config
from engine.config.learning import LearnerConfig
from engine.config.play import SelfplayConfig
from engine.evaluator.network import Prediction
from engine.learner.learner import Learner
from engine.learner.losses import TrainingBatch, losses
from engine.selfplay.actors.inline import InlineActors
from engine.selfplay.caller import Caller, play_params
from engine.selfplay.game_table import Games
from engine.selfplay.resignation import HIGHEST, NEVER, Resignation, choose_threshold, find_lows
from games.connect4 import Connect4
from games.go import Go

ON = SelfplayConfig(resign_false_positives=0.25, resign_plies=2, resign_window=20)


def one_game(outcome: float, values: list[tuple[int, float | None]], holdout: bool = True) -> Games:
    """A game as columns: (player, root value for that player) of each ply, None where it is not known."""
    wdl = [(0, 0, 0) if value is None else ((1 + value) / 2, 0, (1 - value) / 2) for _, value in values]
    return {
        "outcome": np.array([outcome], np.float32),
        "holdout": np.array([holdout]),
        "move_offsets": np.array([0, len(values)]),
        "player": np.array([player for player, _ in values], np.int8),
        "root_wdl": np.array(wdl, np.float32).reshape(-1, 3),
    }


def test_lows_by_hand() -> None:
    values = [(0, None), (1, -0.75), (0, 0.5), (1, -0.5), (0, -0.25), (1, -0.625), (0, None), (0, 0.25)]
    # The first player's pairs are (0.5, -0.25) and (-0.25, 0.25), the other's (-0.75, -0.5), (-0.5, -0.625).
    assert find_lows(one_game(1, values), 0, 2) == (-0.5, 0.25)
    assert find_lows(one_game(-1, values), 0, 2) == (0.25, -0.5)
    assert find_lows(one_game(0, values), 0, 2) == (1.0, -0.5)
    assert find_lows(one_game(1, values), 0, 1) == (-0.75, -0.25)
    assert find_lows(one_game(1, values), 0, 4) == (1.0, 1.0)
    assert find_lows(one_game(1, []), 0, 1) == (1.0, 1.0)


def test_thresholds_by_hand() -> None:
    lost = [[-0.9, 0.5]] * 19
    assert choose_threshold(lost[:18], 0.05) == NEVER, "(0 + 1) / (18 + 1) is more than 0.05"
    assert choose_threshold(lost, 0.05) == HIGHEST
    # One game that was not lost at -0.75: above it the rate is (1 + 1) / (20 + 1), up to it 1 / 20.
    assert choose_threshold([*lost, [1.0, -0.75]], 0.05) == -0.75
    assert choose_threshold([*lost, [1.0, -0.75]], 2 / 21) == HIGHEST
    # One that was not lost below all others: it counts wherever they do.
    assert choose_threshold([*lost, [1.0, -0.95]], 0.05) == NEVER
    assert choose_threshold([], 0.5) == NEVER
    # The rate may fall again: 5 lost at -0.9, two not lost at -0.8, 20 lost at -0.7.
    mixed = [[-0.9, 1.0]] * 5 + [[1.0, -0.8]] * 2 + [[-0.7, 1.0]] * 20
    assert choose_threshold(mixed, 3 / 28) == HIGHEST
    assert choose_threshold(mixed, 1 / 6) == HIGHEST
    assert choose_threshold(mixed[:-20], 1 / 6) == -0.8


LOWS = st.lists(st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32)).map(list), max_size=40)


@given(LOWS, st.floats(0.01, 0.5))
def test_no_threshold_is_above_the_target_and_none_that_holds_is_higher(
    lows: list[list[float]], target: float
) -> None:
    def holds(threshold: float) -> bool:
        resigned = sum(min(row) < threshold for row in lows)
        false = sum(row[1] < threshold for row in lows)
        return false + 1 <= target * (resigned + 1)

    chosen = choose_threshold(lows, target)
    assert chosen == NEVER or (NEVER < chosen <= HIGHEST and holds(chosen))
    every = [value for row in lows for value in row if value < HIGHEST] + [HIGHEST]
    assert not any(holds(value) for value in every if value > chosen)


def test_the_rate_is_of_the_thresholds_in_force() -> None:
    watch = Resignation(ON, [])
    lost = one_game(1, [(1, -0.875), (0, 0.5), (1, -0.875)])
    won = one_game(-1, [(1, -0.625), (0, 0.5), (1, -0.625)])
    for _ in range(3):
        values = watch.observe(lost)
        assert values == {"selfplay/resign_threshold": NEVER, "selfplay/resign_judged": 0.0}
    assert watch.threshold == HIGHEST, "one in four by the rule, from three games"
    values = watch.observe(won)
    assert values == {
        "selfplay/resign_threshold": HIGHEST,
        "selfplay/resign_judged": 1.0,
        "selfplay/resign_false_positives": 1.0,
    }
    assert watch.threshold == -0.625, "up to there nobody came back"
    watch.observe(lost)
    assert watch.observe(one_game(1, [(1, -0.875)] * 2, holdout=False))["selfplay/resign_judged"] == 2.0
    assert Resignation(ON, [list(row) for row in watch.holdouts]).threshold == watch.threshold
    for _ in range(40):
        watch.observe(won)
    assert len(watch.holdouts) == ON.resign_window
    assert watch.threshold == NEVER
    off = Resignation(SelfplayConfig(), [])
    assert off.observe(lost) == {}
    assert off.threshold == NEVER


def pool_of(threshold: float, **play: Any) -> Games:
    pool = make_pool(16, resign_holdout=0.25, resign_plies=2, **play)
    pool.new_weights(0, threshold)
    return run(pool, 3000)


def known_values(games: Games, index: int, player: int) -> list[float]:
    moves = slice(games["move_offsets"][index], games["move_offsets"][index + 1])
    wdl = games["root_wdl"][moves]
    kept = (games["player"][moves] == player) & (wdl.sum(axis=1) > 0.5)
    return [float(value) for value in (wdl[:, 0] - wdl[:, 2])[kept]]


def test_games_end_where_the_threshold_says_and_are_the_same_until_then() -> None:
    threshold = -0.6
    cut, whole = pool_of(threshold), pool_of(NEVER)
    assert not whole["resigned"].any()
    assert 0.15 < whole["holdout"].mean() < 0.35
    assert not cut["resigned"][cut["holdout"]].any()
    share = cut["resigned"][~cut["holdout"]].mean()
    assert share > 0.2
    full = {int(number): index for index, number in enumerate(whole["game_id"])}
    compared = 0
    for index, number in enumerate(cut["game_id"].tolist()):
        first, last = cut["move_offsets"][index : index + 2]
        if cut["resigned"][index]:
            loser = int(cut["player"][last - 1])
            assert cut["outcome"][index] == (-1 if loser == 0 else 1)
            assert max(known_values(cut, index, loser)[-2:]) < threshold
            assert not cut["truncated"][index]
        elif not cut["holdout"][index]:
            assert min(find_lows(cut, index, 2)) >= threshold
        if number in full:
            start = whole["move_offsets"][full[number]]
            assert cut["moves"][first:last].tolist() == whole["moves"][start : start + last - first].tolist()
            compared += bool(cut["resigned"][index])
    assert compared > 10


def test_what_would_have_resigned_is_what_resigns() -> None:
    """`find_lows` on the whole game foretells what the pool does: the two know nothing of each other."""
    threshold = -0.6
    whole, cut = pool_of(NEVER), pool_of(threshold)
    resigned = {int(n): bool(r) for n, r in zip(cut["game_id"], cut["resigned"], strict=True)}
    seen = 0
    for index, number in enumerate(whole["game_id"].tolist()):
        if number not in resigned or whole["holdout"][index]:
            continue
        would = min(find_lows(whole, index, 2)) < threshold
        last = whole["move_offsets"][index + 1] - 1
        values = known_values(whole, index, int(whole["player"][last]))
        if would and not resigned[number]:
            assert max(values[-2:]) < threshold, "only a move that ends the game comes before resigning"
        else:
            assert would == resigned[number]
            seen += would
    assert seen > 10


def test_a_resigned_game_teaches_neither_owners_nor_score() -> None:
    game = Go(size="5x5", komi=2.5)
    search = _core.SearchParams(noise_fraction=0.25)
    play = _core.PlayParams(simulations=12, resign_holdout=0.3, resign_plies=1)
    pool = _core.Pool(game, search, play, seed=1, games=8)
    pool.new_weights(0, -0.3)

    def evaluate(requests: _core.Requests) -> _core.DenseReply:
        return _core.rollout(requests, 5)

    games = run(pool, 3000, evaluate)
    assert 0.2 < games["resigned"].mean() < 0.9
    window = _core.ReplayWindow(game)
    window.append(games)
    batch = window.sample(256, 1)
    resigned = dict(zip(games["game_id"].tolist(), games["resigned"].tolist(), strict=True))
    mask = np.array([resigned[number] for number in batch["game_id"].tolist()])
    assert np.array_equal(np.isnan(batch["score"]), mask)
    assert (batch["owner"][mask] == 0).all()
    assert np.isfinite(batch["owner"]).all()
    outcome = dict(zip(games["game_id"].tolist(), games["outcome"].tolist(), strict=True))
    assert all(abs(outcome[number]) == 1 for number, gave_up in resigned.items() if gave_up)


def test_the_loss_leaves_unknown_scores_out() -> None:
    torch.manual_seed(0)
    rows, cells = 6, 9
    known = torch.tensor([True, False, True, True, False, True])
    batch = TrainingBatch(
        planes=torch.zeros(rows, 1, 3, 3),
        policy=torch.softmax(torch.randn(rows, 4), 1),
        wdl=torch.softmax(torch.randn(rows, 3), 1),
        legal=torch.ones(rows, 4, dtype=torch.bool),
        owner=torch.randint(-1, 2, (rows, cells)).float() * known[:, None],
        score=torch.where(known, torch.randn(rows) * 4, torch.nan),
    )

    def predict() -> Prediction:
        torch.manual_seed(1)
        owner, score = torch.randn(rows, cells), torch.randn(rows)
        policy, wdl = torch.randn(rows, 4), torch.randn(rows, 3)
        parts = [part.requires_grad_() for part in (policy, wdl, owner, score)]
        return Prediction(*parts)

    prediction = predict()
    total, sums = losses(prediction, batch, LearnerConfig())
    total.backward()  # type: ignore[no-untyped-call]
    assert prediction.owner is not None
    assert prediction.score is not None
    assert batch.owner is not None
    assert batch.score is not None
    chance = torch.sigmoid(prediction.owner.detach()[known])
    target = (batch.owner[known] + 1) / 2
    by_hand = -(target * chance.log() + (1 - target) * (1 - chance).log()).mean()
    assert float(sums["loss/owner"]) == pytest.approx(float(by_hand), rel=1e-5)
    distance = (prediction.score.detach()[known] - batch.score[known] / 3).abs()
    huber = torch.where(distance < 1, distance**2 / 2, distance - 0.5).mean()
    assert float(sums["loss/score"]) == pytest.approx(float(huber), rel=1e-5)
    for part in (prediction.owner.grad, prediction.score.grad):
        assert part is not None
        assert part.isfinite().all()
        assert (part[~known] == 0).all()
        assert (part[known] != 0).any()


def test_without_a_target_no_game_is_held_out() -> None:
    assert play_params(SelfplayConfig()).resign_holdout == 0
    assert play_params(ON).resign_holdout == 0.1
    caller = Caller(Connect4(), build_config({"selfplay": {"games": 8, "simulations": 4}}), pseudo, 0, 1)
    games = caller.play(400, threading.Event())
    assert not games["holdout"].any()
    assert not games["resigned"].any()


def settings_of(**selfplay: Any) -> Config:
    return build_config(
        {
            "game": "connect4",
            "network": {"channels": 8, "blocks": 1},
            "selfplay": {"games": 6, "simulations": 12, "resign_false_positives": 0.2, **selfplay},
            "evaluator": {"precision": "f32"},
            "loop": {"callers": 2},
        }
    )


def test_actors_in_processes_resign_alike() -> None:
    pytest.importorskip("openvino", reason="answers that do not depend on the batch need the extra cpu")
    from engine.selfplay.actors.process import ProcessActors

    config = settings_of(resign_plies=1)
    network = Learner(Connect4(), config, 1).playing_network()
    inline, process = InlineActors(Connect4(), config, network), ProcessActors(config, network)
    try:
        for actors in (inline, process):
            actors.load(network, 1, -0.5)
        os.kill(process.actors[0].process.pid, signal.SIGKILL)  # it is started again with the same threshold
        ours, theirs = inline.play(1500), process.play(1500)
        assert sum(int(games["resigned"].sum()) for games in ours) > 3
        for one, other in zip(ours, theirs, strict=True):
            assert by_id(one) == by_id(other)
            assert one["resigned"].tolist() == other["resigned"].tolist()
    finally:
        inline.close()
        process.close()


def test_a_resumed_run_resigns_as_one_that_never_stopped(tmp_path: Path) -> None:
    resign = [
        "selfplay.resign_false_positives=0.3",
        "selfplay.resign_plies=1",
        "selfplay.resign_holdout=0.3",
    ]
    options = [part for text in resign for part in ("--set", text)]
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    train(whole, "--iterations", "8", *options)
    train(torn, "--iterations", "5", *options)
    train(torn, "--resume", "--iterations", "8")
    assert fingerprint(torn, 8) == fingerprint(whole, 8)
    lines = [json.loads(line) for line in (torn / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["selfplay/resign_threshold"] == NEVER
    assert any(line["selfplay/resign_threshold"] > NEVER for line in lines[5:])
    assert sum(line["selfplay/resigned"] * line["selfplay/games"] for line in lines[5:]) > 0
