"""The learner: what it minimises, what it skips, and that it goes on exactly from where it was."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from puzzle_window import BASE, GAME, PuzzleWindow, assert_same_state, settings, tables

from engine import _core
from engine.config import build_config
from engine.config.learning import LearnerConfig
from engine.errors import CorruptFileError, UserError
from engine.evaluator.network import Prediction
from engine.learner.learner import Learner, sample_seed
from engine.learner.losses import TrainingBatch, losses, summarise
from engine.learner.stability import MAX_SKIPPED
from engine.search import search_params
from games.go import Go


def batch_of(policy: Any, wdl: Any, legal: Any = None) -> TrainingBatch:
    target = torch.tensor(policy, dtype=torch.float32)
    mask = torch.ones_like(target, dtype=torch.bool) if legal is None else torch.tensor(legal)
    return TrainingBatch(torch.zeros(len(target), 1, 1, 1), target, torch.tensor(wdl), mask)


def test_losses_by_hand() -> None:
    batch = batch_of([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]])
    policy = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    wdl = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]))
    total, sums = losses(Prediction(policy, wdl), batch, LearnerConfig(value_weight=2.0))
    by_hand = (np.log(3) + np.log(np.exp([1, 2, 3]).sum()) - 2) / 2
    value_by_hand = (-np.log(0.5) - 0.25 * np.log(0.2) - 0.75 * np.log(0.6)) / 2
    assert float(sums["loss/policy"]) == pytest.approx(by_hand, rel=1e-5)
    assert float(sums["loss/value"]) == pytest.approx(value_by_hand, rel=1e-5)
    assert float(total) == pytest.approx(by_hand + 2 * value_by_hand, rel=1e-5)
    assert float(sums["policy/target_entropy"]) == pytest.approx(np.log(2) / 2, rel=1e-5)
    assert float(sums["value/accuracy"]) == 1
    assert float(sums["value/predicted_score"]) == pytest.approx((0.625 + 0.3) / 2, rel=1e-5)
    assert float(sums["value/true_score"]) == pytest.approx((1 + 0.125) / 2, rel=1e-5)


def test_illegal_moves_and_rows_without_policy_do_not_count() -> None:
    batch = batch_of(
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        [[True, True, False], [True, False, True]],
    )
    policy = torch.tensor([[0.0, 0.0, 50.0], [9.0, -9.0, 3.0]], requires_grad=True)
    wdl = torch.zeros(2, 3, requires_grad=True)
    total, sums = losses(Prediction(policy, wdl), batch, LearnerConfig())
    torch.autograd.backward(total)
    assert policy.grad is not None
    assert wdl.grad is not None
    assert float(sums["loss/policy"]) == pytest.approx(np.log(2), rel=1e-5)
    assert float(sums["policy/entropy"]) == pytest.approx(np.log(2), rel=1e-5)
    assert policy.grad[0, 2] == 0
    assert torch.equal(policy.grad[1], torch.zeros(3))
    assert (wdl.grad != 0).all()


def test_owner_and_score_by_hand() -> None:
    batch = dataclasses.replace(
        batch_of([[1.0, 0.0]], [[0.0, 1.0, 0.0]]),
        owner=torch.tensor([[1.0, -1.0, 0.0, 0.0]]),
        score=torch.tensor([3.0]),
    )
    owner = torch.tensor([[2.0, 2.0, 0.0, 1.0]])
    prediction = Prediction(torch.zeros(1, 2), torch.zeros(1, 3), owner, torch.tensor([0.5]))
    total, sums = losses(prediction, batch, LearnerConfig(owner_weight=2.0, score_weight=0.5))
    ours = -np.log(1 / (1 + np.exp(-owner[0].numpy())))
    others = ours + owner[0].numpy()
    share = (np.array([1, -1, 0, 0]) + 1) / 2
    by_hand = (share * ours + (1 - share) * others).mean()
    assert float(sums["loss/owner"]) == pytest.approx(by_hand, rel=1e-5)
    assert float(sums["loss/score"]) == pytest.approx(0.5, rel=1e-5)  # |0.5 - 3 / 2| is 1
    rest = float(sums["loss/policy"] + sums["loss/value"])
    assert float(total) == pytest.approx(rest + 2 * by_hand + 0.5 * 0.5, rel=1e-5)


def test_it_learns_owners_and_scores() -> None:
    game = Go(size=3, komi=0)
    config = build_config(
        {"network": {"channels": 16, "blocks": 1}, "learner": {"batch_size": 64, "warmup_steps": 5}}
    )
    learner = Learner(game, config, seed=1)
    window = random_games(game, 200)
    first = learner.train(window, 5)
    for _ in range(6):
        last = learner.train(window, 20)
    assert last["loss/owner"] < 0.8 * first["loss/owner"]
    assert last["loss/score"] < 0.8 * first["loss/score"]
    state = learner.state()
    again = Learner(game, config, seed=2)
    again.load_state(state)
    assert_same_state(state, again.state())


def random_games(game: _core.Game, positions: int) -> _core.ReplayWindow:
    pool = _core.Pool(game, _core.SearchParams(), _core.PlayParams(simulations=4), seed=1, games=8)
    pool.start(positions)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    window = _core.ReplayWindow(game)
    window.append(pool.take_games())
    return window


def test_calibration_error() -> None:
    def error(predicted: float, true: float) -> float:
        wdl = torch.tensor([[predicted, 0.0, 1 - predicted]]).clamp(1e-7).log().repeat(100, 1)
        won = torch.arange(100) < round(100 * true)
        batch = batch_of(np.eye(3)[[0] * 100], torch.stack((won, won & False, ~won), 1).float().tolist())
        _, sums = losses(Prediction(torch.zeros(100, 3), wdl), batch, LearnerConfig())
        return summarise({name: 2 * value for name, value in sums.items()}, 2)["value/calibration_error"]

    assert error(0.75, 0.75) == pytest.approx(0, abs=1e-5)
    assert error(0.9, 0.5) == pytest.approx(0.4, abs=1e-5)


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_it_learns_and_the_average_follows(precision: str) -> None:
    learner = Learner(GAME, settings(precision=precision, batch_size=64, learning_rate=0.01), seed=1)
    first = learner.train(PuzzleWindow(), 10)
    learner.train(PuzzleWindow(), 120)
    last = learner.train(PuzzleWindow(), 10)
    assert last["loss/policy"] < 0.5 * first["loss/policy"]
    assert last["loss/value"] < 0.7 * first["loss/value"]
    assert last["policy/top_move_agreement"] > 0.8
    samples = TrainingBatch.from_samples(PuzzleWindow().sample(256, 99), torch.device("cpu"))
    network = learner.playing_network()
    assert not network.training
    with torch.inference_mode():
        agreement = network(samples.planes)[0].argmax(1) == samples.policy.argmax(1)
    assert agreement.float().mean() > 0.6


def test_it_learns_from_the_replay_window() -> None:
    config = settings()
    pool = _core.Pool(
        GAME, search_params(config.search, noise=True), _core.PlayParams(simulations=8), seed=1, games=8
    )
    pool.start(400)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    window = _core.ReplayWindow(GAME)
    window.append(pool.take_games())
    metrics = Learner(GAME, config, seed=1).train(window, 5)
    assert all(np.isfinite(value) for value in metrics.values())
    assert 0 < metrics["policy/target_entropy"] < np.log(7)
    assert metrics["loss/policy"] > metrics["policy/target_entropy"]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_going_on_from_a_saved_state_is_exact(cut: int, threads: int) -> None:
    config = settings(threads=threads)
    whole = Learner(GAME, config, seed=3)
    whole.plan_steps(101)
    whole.train(PuzzleWindow(broken=frozenset({3})), 9)
    first = Learner(GAME, config, seed=3)
    first.plan_steps(101)
    window = PuzzleWindow(broken=frozenset({3}))
    first.train(window, cut)
    state = first.state()
    first.train(PuzzleWindow(), 2)
    second = Learner(GAME, config, seed=3)
    second.load_state(state)
    second.train(window, 9 - cut)
    assert_same_state(second.state(), whole.state())
    assert whole.skips.total == 1


@pytest.mark.parametrize("batch_size", [16, 15])
def test_parts_of_a_batch_make_one_gradient(batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fixed statistics nothing couples the positions of a batch, so the parts must add up."""

    def stay_in_evaluation(norm: torch.nn.Module, _: bool) -> torch.nn.Module:
        norm.training = False
        return norm

    monkeypatch.setattr(torch.nn.BatchNorm2d, "train", stay_in_evaluation)
    samples = PuzzleWindow().sample(batch_size, 1)
    gradients = []
    for threads in (1, 2, 3):
        learner = Learner(GAME, settings(threads=threads, batch_size=batch_size), seed=1)
        assert len(learner.replicas.networks) == threads
        loss, _ = learner.replicas.backward(samples, learner._forward)
        gradients.append([loss, *(weight.grad for weight in learner.network.parameters())])
    for parts in gradients[1:]:
        for ours, theirs in zip(parts, gradients[0], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_parts_share_weights_and_statistics() -> None:
    learner = Learner(GAME, settings(threads=2), seed=1)
    learner.train(PuzzleWindow(), 3)
    first, second = learner.replicas.networks
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert ours.data_ptr() == theirs.data_ptr()
    mean = first.network.state_dict()["stem.norm.running_mean"]
    assert not torch.equal(mean, torch.zeros_like(mean))
    assert learner.playing_network().state_dict()["stem.norm.num_batches_tracked"] == 3


def test_samples_are_a_function_of_seed_and_step() -> None:
    def seeds(seed: int, parts: list[int], delay_s: float = 0) -> list[int]:
        window = PuzzleWindow(delay_s=delay_s)
        learner = Learner(GAME, settings(), seed)
        for steps in parts:
            learner.train(window, steps)
        return window.seeds

    assert seeds(4, [7]) == seeds(4, [3, 0, 4], delay_s=0.003) == [sample_seed(4, step) for step in range(7)]
    assert len({*seeds(4, [7]), *seeds(5, [7])}) == 14
    window = PuzzleWindow()
    Learner(GAME, build_config(BASE, {"replay": {"value_mix": 0.25}}), 1).train(window, 1)
    assert window.value_mix == 0.25
    assert all(0 <= sample_seed(2**63 - 1, step) < 2**63 for step in range(100))


def test_a_step_that_is_not_finite_changes_nothing_but_its_count() -> None:
    learner = Learner(GAME, settings(), seed=1)
    learner.train(PuzzleWindow(), 3)
    before = learner.state()
    learner.train(PuzzleWindow(broken=frozenset({0, 1})), 2)
    after = learner.state()
    assert after.numbers["skipped"] == 2
    for ours, theirs in zip(tables(after), tables(before), strict=True):
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    metrics = learner.train(PuzzleWindow(broken=frozenset({1})), 4)
    assert metrics["loss/skipped_steps"] == 3
    assert np.isfinite(metrics["loss/total"])
    assert all(torch.isfinite(tensor).all() for tensor in learner.state().model.values())


def test_training_stops_where_nothing_is_finite_any_more() -> None:
    learner = Learner(GAME, settings(), seed=1)
    broken = PuzzleWindow(broken=frozenset(range(1000)))
    learner.train(broken, MAX_SKIPPED - 1)
    learner.train(PuzzleWindow(), 1)
    learner.train(broken, MAX_SKIPPED - 1)
    with pytest.raises(UserError, match=r"20 steps in a row.*learning_rate"):
        learner.train(broken, 1)


def test_the_average_is_that_of_weights_and_statistics() -> None:
    learner = Learner(GAME, settings(ema_decay=0.3), seed=1)
    mean = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    for update in range(1, 7):
        learner.train(PuzzleWindow(), 1)
        decay = min(0.3, update / (update + 9))
        for name, tensor in learner.network.state_dict().items():
            mean[name] = decay * mean[name] + (1 - decay) * tensor if tensor.is_floating_point() else tensor
    average = learner.playing_network().state_dict()
    assert average.keys() == mean.keys()
    for name, tensor in average.items():
        torch.testing.assert_close(tensor, mean[name], rtol=1e-4, atol=1e-6)
    assert not torch.equal(average["stem.norm.running_mean"], torch.zeros(8))
    assert not torch.equal(
        average["stem.norm.running_mean"], learner.network.state_dict()["stem.norm.running_mean"]
    )


def test_steps_owed_are_carried_over() -> None:
    learner = Learner(GAME, settings(batch_size=16, samples_per_position=0.7), seed=1)
    steps = [learner.plan_steps(new) for new in [1] * 1000]
    assert sum(steps) == int(1000 * 0.7 / 16 + 1e-9)
    assert max(steps) == 1
    assert learner.plan_steps(16_000) in (700, 701)


def test_warm_up_and_clipping() -> None:
    learner = Learner(GAME, settings(warmup_steps=3, learning_rate=0.4, gradient_clip=1e-9), seed=1)
    rates = [learner.train(PuzzleWindow(), 1)["loss/learning_rate"] for _ in range(5)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4], rel=1e-3)
    moments = learner.state().optimizer
    assert moments
    assert max(float(moment.abs().max()) for moment in moments.values()) < 1e-9


def test_a_state_of_another_network_is_refused() -> None:
    state = Learner(GAME, settings(), seed=1).state()
    wider = Learner(GAME, build_config(BASE, {"network": {"channels": 9}}), seed=1)
    with pytest.raises(CorruptFileError, match=r"another network.* is \(4, 8, 1, 1\), expected \(4, 9,"):
        wider.load_state(state)
    deeper = Learner(GAME, build_config(BASE, {"network": {"blocks": 2}}), seed=1)
    with pytest.raises(CorruptFileError, match="another network"):
        deeper.load_state(state)


def test_a_state_without_its_moments_is_refused() -> None:
    learner = Learner(GAME, settings(), seed=1)
    learner.train(PuzzleWindow(), 1)
    state = learner.state()
    del state.optimizer["exp_avg.stem.conv.weight"]
    with pytest.raises(CorruptFileError, match=r"exp_avg\.stem\.conv\.weight"):
        learner.load_state(state)


def test_an_error_in_the_window_comes_through() -> None:
    class Broken:
        def sample(self, count: int, seed: int, value_mix: float = 0.0) -> dict[str, Any]:
            raise ValueError(f"nothing to draw: {count} by {seed}, {value_mix}")

    with pytest.raises(ValueError, match=r"nothing to draw: 16 by \d+, \d\.\d"):
        Learner(GAME, settings(), seed=1).train(Broken(), 3)
