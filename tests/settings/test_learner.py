"""What the settings of the network and of the learner on games do to weights."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from shown import GAMES, shows

from engine import _core
from engine.config import Config, build_config
from engine.config.layer import merge
from engine.evaluator.network import PolicyValueNetwork
from engine.learner.learner import Learner
from engine.replay import Replay
from games.go import Go

shows = partial(shows, of=GAMES)

GAME = Go(size=3, komi=0)

SMALL = {
    "network": {"channels": 8, "blocks": 1, "head_channels": 4, "value_hidden": 8},
    "learner": {"batch_size": 16, "threads": 1, "warmup_steps": 0, "precision": "f32", "ema_decay": 0.5},
    "evaluator": {"device": "cpu"},
}


def played(simulations: int) -> dict[str, Any]:
    """Some hundred positions of play without a network."""
    params = _core.PlayParams(simulations=simulations)
    pool = _core.Pool(GAME, _core.SearchParams(), params, seed=1, games=8)
    pool.start(200)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    games: dict[str, Any] = pool.take_games()
    return games


@cache
def window() -> _core.ReplayWindow:
    """Positions whose search thought otherwise than they ended."""
    found = _core.ReplayWindow(GAME)
    found.append(played(4))
    return found


def config(**sections: dict[str, Any]) -> Config:
    return build_config(merge(SMALL, sections))


@cache
def _trained(steps: int, **settings: Any) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    sections = {"learner": settings}
    if "value_mix" in settings:
        sections = {"replay": settings}
    learner = Learner(GAME, config(**sections), seed=1)
    numbers = learner.train(window(), steps)
    return learner.state().learner, numbers


def moved(name: str, steps: int = 3, **learner: Any) -> float:
    """How far the weights of a layer have gone after some steps."""
    first = PolicyValueNetwork(
        GAME.planes_shape, GAME.num_actions, config().network, 1, has_score=True
    ).state_dict()
    return float((_trained(steps, **learner)[0][name] - first[name]).norm())


def told(metric: str, steps: int = 3, **learner: Any) -> float:
    return _trained(steps, **learner)[1][metric]


HIDDEN, OUTER = "value_hidden.weight", "policy_out.weight"


@shows("network.channels", "network.blocks", "network.head_channels", "network.value_hidden")
@pytest.mark.parametrize(
    ("name", "layer", "place"),
    [
        ("channels", "stem.conv.weight", 0),
        ("head_channels", "policy_conv.conv.weight", 0),
        ("head_channels", "value_conv.conv.weight", 0),
        ("value_hidden", "value_hidden.weight", 0),
        ("blocks", "tower", 0),
    ],
)
def test_the_network_has_the_shape_asked_for(name: str, layer: str, place: int) -> None:
    for size in (1, 3):
        weights = Learner(GAME, config(network={name: size}), seed=1).state().model
        if name == "blocks":
            assert len({key.split(".")[1] for key in weights if key.startswith("tower.")}) == size
        else:
            assert weights[layer].shape[place] == size


@shows("learner.batch_size")
def test_a_step_draws_so_many_positions() -> None:
    class Counting:
        drawn: list[int] = []  # noqa: RUF012

        def sample(self, count: int, seed: int, value_mix: float = 0.0) -> dict[str, Any]:
            self.drawn.append(count)
            return window().sample(count, seed, value_mix)

    for size in (4, 12):
        learner = Learner(GAME, config(learner={"batch_size": size}), seed=1)
        learner.train(Counting(), 2)
        assert Counting.drawn[-2:] == [size, size]


@shows("learner.batch_size", "learner.samples_per_position")
def test_a_new_position_is_drawn_so_often() -> None:
    for size, often, steps in ((16, 2.0, 12), (16, 4.0, 25), (32, 4.0, 12)):
        learner = Learner(GAME, config(learner={"batch_size": size, "samples_per_position": often}), seed=1)
        assert learner.plan_steps(100) == steps


@shows("learner.learning_rate", "learner.muon_learning_rate")
def test_each_rate_moves_its_layers() -> None:
    for layer, own, other in (
        (OUTER, "learning_rate", "muon_learning_rate"),
        (HIDDEN, "muon_learning_rate", "learning_rate"),
    ):
        usual = moved(layer, 1)
        assert moved(layer, 1, **{own: 1e-6}) < 0.1 * usual < moved(layer, 1, **{own: 0.1})
        assert moved(layer, 1, **{other: 1e-6}) == usual


@shows("learner.muon_momentum")
def test_momentum_carries_a_hidden_layer_on() -> None:
    assert moved(HIDDEN, 1, muon_momentum=0.0) == pytest.approx(moved(HIDDEN, 1), rel=0.2)
    assert moved(HIDDEN, 5, muon_momentum=0.99) > 1.1 * moved(HIDDEN, 5, muon_momentum=0.0)


@shows("learner.warmup_steps", "learner.decay_steps")
def test_rates_rise_and_fall() -> None:
    assert moved(OUTER, 1, warmup_steps=9) < 0.2 * moved(OUTER, 1)
    assert told("loss/learning_rate", 1, warmup_steps=9) == pytest.approx(2e-4)
    fast, slow = (told("loss/learning_rate", 3, decay_steps=steps) for steps in (1, 1000))
    assert fast == pytest.approx(2e-3 / 3**0.5)
    assert slow > 1.9e-3
    assert moved(OUTER, 3, decay_steps=1) < moved(OUTER, 3, decay_steps=1000)


@shows("learner.weight_decay")
@pytest.mark.parametrize("layer", [HIDDEN, OUTER])
def test_decay_shrinks_the_weights_of_layers(layer: str) -> None:
    kept, decayed = (
        float(_trained(3, weight_decay=decay, learning_rate=0.1, muon_learning_rate=0.1)[0][layer].norm())
        for decay in (0.0, 1.0)
    )
    assert decayed < kept


@shows("learner.gradient_clip")
def test_a_clipped_gradient_moves_less() -> None:
    """AdamW divides by the size of the gradient, but for what it adds to it, 1e-8."""
    assert moved(OUTER, 1, gradient_clip=1e-9) < 0.5 * moved(OUTER, 1)


@shows("learner.value_weight", "learner.owner_weight", "learner.score_weight")
@pytest.mark.parametrize("part", ["value", "owner", "score"])
def test_a_loss_without_weight_teaches_its_head_nothing(part: str) -> None:
    layer, name = f"{part}_out.weight", f"{part}_weight"
    assert moved(layer, 1, weight_decay=0.0, **{name: 0.0}) == 0 < moved(layer, 1, weight_decay=0.0)
    assert told("loss/total", 1, **{name: 2.0}) > told("loss/total", 1, **{name: 0.0})


@shows("learner.ema_decay")
def test_the_weights_that_play_lag_behind_those_in_training() -> None:
    def distance(decay: float) -> float:
        learner = Learner(GAME, config(learner={"ema_decay": decay}), seed=1)
        learner.train(window(), 10)
        state = learner.state()
        assert torch.equal(state.model[OUTER], learner.playing_network().state_dict()[OUTER])
        return float((state.model[OUTER] - state.learner[OUTER]).norm())

    assert distance(0.0) == 0 < distance(0.2) < distance(0.9)


@shows("learner.precision=auto", "learner.precision=f32", "learner.precision=bf16")
def test_products_have_the_precision_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    exact, rough = (told("loss/total", 1, precision=each) for each in ("f32", "bf16"))
    assert exact != rough == pytest.approx(exact, rel=0.01)
    for computes, expected in ((True, rough), (False, exact)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda can=computes: {"avx512_bf16": can})
        learner = Learner(GAME, config(learner={"precision": "auto"}), seed=1)
        assert learner.train(window(), 1)["loss/total"] == expected


@shows("learner.threads")
def test_each_thread_takes_a_part_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is normalised by its own statistics, so that the number shows in the weights."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    weights = {}
    for threads in (0, 1, 2, 3):
        learner = Learner(GAME, config(learner={"threads": threads}), seed=1)
        assert len(learner.replicas.networks) == (threads or 3)
        learner.train(window(), 1)
        weights[threads] = learner.state().learner[OUTER].numpy()
    assert np.array_equal(weights[0], weights[3])
    assert not np.allclose(weights[1], weights[2], atol=1e-7)


@shows("replay.value_mix")
def test_the_value_target_is_mixed_of_search_and_outcome() -> None:
    outcome, search = (told("loss/value", 1, value_mix=share) for share in (0.0, 1.0))
    assert outcome != search
    assert told("value/true_score", 1, value_mix=0.5) == pytest.approx(
        (told("value/true_score", 1, value_mix=0.0) + told("value/true_score", 1, value_mix=1.0)) / 2,
        rel=1e-4,
    )


@shows("seed")
def test_another_seed_begins_with_other_weights_and_draws_other_positions() -> None:
    one, same, other = (Learner(GAME, config(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.state().model[OUTER], same.state().model[OUTER])
    assert not torch.equal(one.state().model[OUTER], other.state().model[OUTER])
    other.load_state(one.state())
    for learner in (one, same, other):
        learner.train(window(), 1)
    assert torch.equal(one.state().learner[OUTER], same.state().learner[OUTER])
    assert not torch.equal(one.state().learner[OUTER], other.state().learner[OUTER])


@shows(
    "learner.soft_policy_weight",
    "learner.opponent_policy_weight",
    "learner.short_term_value_weight",
    "learner.moves_left_weight",
)
@pytest.mark.parametrize("target", ["soft_policy", "opponent_policy", "short_term_value", "moves_left"])
def test_a_target_with_weight_has_a_head_that_teaches_the_trunk(target: str) -> None:
    plain, light, heavy = (_trained(2, **{f"{target}_weight": weight}) for weight in (0.0, 0.5, 5.0))
    assert f"loss/{target}" not in plain[1]
    assert light[1][f"loss/{target}"] > 0
    layer = "tower.0.first.conv.weight"
    assert len({table[0][layer].numpy().tobytes() for table in (plain, light, heavy)}) == 3
    assert any(name.startswith(f"heads.{target}.") for name in light[0])


@shows("learner.short_term_horizons")
def test_a_short_term_value_has_a_head_a_horizon() -> None:
    for horizons in ((4.0,), (4.0, 9.0)):
        weights, _ = _trained(1, short_term_value_weight=1.0, short_term_horizons=horizons)
        assert len(weights["heads.short_term_value.out.bias"]) == 3 * len(horizons)


@shows("replay.policy_temperature")
def test_the_window_is_asked_for_targets_as_set() -> None:
    def told_of(metric: str, **replay: Any) -> float:
        return Learner(GAME, config(replay=replay), seed=1).train(window(), 1)[metric]

    sharp, usual, soft = (
        told_of("policy/target_entropy", policy_temperature=each) for each in (0.5, 1.0, 3.0)
    )
    assert sharp < usual < soft


@shows("replay.proven_values")
def test_what_is_proven_is_the_value_learnt() -> None:
    games = played(4)
    games["proof"] = np.ones_like(games["proof"])  # each a win for its player to move
    proven = _core.ReplayWindow(GAME)
    proven.append(games)
    told = [
        Learner(GAME, config(replay={"proven_values": value}), seed=1).train(proven, 1)["value/true_score"]
        for value in (False, True)
    ]
    assert told[0] < 0.9
    assert told[1] == 1


@shows("replay.surprise_weight", "replay.value_surprise_weight")
@pytest.mark.parametrize("name", ["surprise_weight", "value_surprise_weight"])
def test_surprise_chooses_other_positions(name: str) -> None:
    games = played(16)
    drawn = []
    for share in (0.0, 1.0):
        replay = Replay(GAME, config(replay={name: share}).replay, "go")
        replay.add(games)
        drawn.append(replay.window.sample(64, 1)["planes"])
    assert not np.array_equal(*drawn)
