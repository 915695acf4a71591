"""Inference in int8: near float32, a function of the weights alone, and really computed in whole numbers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import _core
from engine.checkpoint import load_network
from engine.config import build_config
from engine.config.network import EvaluatorConfig, NetworkConfig
from engine.errors import UserError
from engine.evaluator.calibration import (
    LEVELS,
    NUM_POSITIONS,
    best_clip,
    calibrate,
    quantise_weight,
    random_positions,
)
from engine.evaluator.choice import BackendChoice, create_backend, resolve_backend
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork, fold_norms
from games.connect4 import Connect4
from games.tictactoe import TicTacToe

GAME = Connect4()
INT8 = EvaluatorConfig(backend="openvino", precision="int8")
HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="needs the extra `cpu`")


@pytest.fixture(scope="module")
def trained() -> PolicyValueNetwork:
    return load_network(Path(GAME.bench_checkpoint()))[2]


def untrained(seed: int = 0) -> PolicyValueNetwork:
    config = NetworkConfig(channels=16, blocks=2)
    return PolicyValueNetwork(GAME.planes_shape, GAME.num_actions, config, seed).eval()


def other_positions(count: int) -> np.ndarray:
    """From random games that no calibration has seen."""
    planes = []
    for seed in range(count):
        state = GAME.initial()
        for move in _core.rollout_moves(GAME, 10_000 + seed, seed % 30):
            state.play(move)
        planes.append(state.encode())
    return np.stack(planes)


def expected(net: PolicyValueNetwork, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        logits, wdl = net(torch.from_numpy(planes))
    return wdl.softmax(1).numpy(), logits.softmax(1).numpy()


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return float((p * np.log((p + 1e-9) / (q + 1e-9))).sum(1).mean())


@needs_openvino
def test_a_trained_network_loses_little(trained: PolicyValueNetwork) -> None:
    planes = other_positions(300)
    wdl, priors = expected(trained, planes)
    ours, logits = NetworkEvaluator(GAME, trained, INT8).backend(planes)
    theirs = torch.from_numpy(logits).softmax(1).numpy()
    assert kl(priors, theirs) < 2e-3
    assert np.abs(ours @ [1, 0, -1] - wdl @ [1, 0, -1]).mean() < 0.02
    assert (theirs.argmax(1) == priors.argmax(1)).mean() > 0.95
    assert np.abs(ours - wdl).max() > 1e-4, "no rounding: was this int8?"


@needs_openvino
def test_ranges_are_taken_anew_with_new_weights(trained: PolicyValueNetwork) -> None:
    small = PolicyValueNetwork(GAME.planes_shape, GAME.num_actions, trained.config)
    evaluate = NetworkEvaluator(GAME, small, INT8)
    evaluate.load(trained)
    planes = other_positions(64)
    direct = NetworkEvaluator(GAME, trained, INT8).backend(planes)
    for swapped, built in zip(evaluate.backend(planes), direct, strict=True):
        np.testing.assert_array_equal(swapped, built)


@needs_openvino
def test_convolutions_run_in_whole_numbers(trained: PolicyValueNetwork) -> None:
    import openvino as ov

    from engine.evaluator.openvino_backend import build_model

    folded = fold_norms(trained)
    model = build_model(folded, calibrate(folded, random_positions(GAME)).ranges)
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})
    kinds = list(_layers(compiled))
    convolutions = [precision for kind, precision in kinds if kind == "Convolution"]
    assert len(convolutions) == 3 + 2 * len(trained.tower)
    assert convolutions.count("u8") == len(convolutions) - 1, "all but the first"
    assert "Eltwise" not in [kind for kind, _ in kinds], "the sums of the blocks are not fused"


def _layers(compiled: Any) -> Iterator[tuple[str, str]]:
    for layer in compiled.get_runtime_model().get_ordered_ops():
        info = layer.get_rt_info()
        yield info["layerType"].astype(str), info["runtimePrecision"].astype(str)


@needs_openvino
def test_int8_that_is_far_off_is_refused(
    monkeypatch: pytest.MonkeyPatch, trained: PolicyValueNetwork
) -> None:
    from engine.evaluator import calibration

    evaluate = NetworkEvaluator(GAME, untrained(), INT8)
    monkeypatch.setattr(calibration, "best_clip", lambda values: float(values.max()) / 50)
    with pytest.raises(UserError, match=r"int8 differs from torch by 0\.\d+.*evaluator\.precision to 'bf16'"):
        NetworkEvaluator(GAME, trained, INT8)
    assert evaluate.choice.precision == "int8"


@needs_openvino
def test_an_untrained_network_is_played() -> None:
    """Its blocks end in weights that are all zero."""
    planes = other_positions(32)
    net = untrained()
    ours = NetworkEvaluator(GAME, net, INT8).backend(planes)[0]
    np.testing.assert_allclose(ours, expected(net, planes)[0], atol=0.02)


@needs_openvino
def test_int8_without_positions_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="calibration"):
        create_backend(BackendChoice("openvino", "cpu", "int8", ""), untrained(), 1)


def test_calibration_positions_are_fixed_and_from_all_stages() -> None:
    planes = random_positions(GAME)
    np.testing.assert_array_equal(planes, random_positions(GAME))
    assert planes.shape == (NUM_POSITIONS, *GAME.planes_shape)
    stones = planes[:, :2].sum((1, 2, 3))
    assert stones.min() == 0
    assert stones.max() > 20
    assert len({plane.tobytes() for plane in planes}) > 50
    assert random_positions(TicTacToe(), 20).shape == (20, *TicTacToe().planes_shape)


def test_calibration_is_a_function_of_weights_and_positions(trained: PolicyValueNetwork) -> None:
    folded, planes = fold_norms(trained), random_positions(GAME)
    first, second = calibrate(folded, planes), calibrate(fold_norms(trained), planes)
    assert first.ranges == second.ranges
    tower = {f"tower.{block}.{part}" for block in range(len(trained.tower)) for part in ("first", "second")}
    assert set(first.ranges) == {*tower, "policy_conv"}
    wdl, priors = expected(trained, planes)
    np.testing.assert_allclose(first.wdl, wdl, atol=1e-4)
    np.testing.assert_allclose(torch.from_numpy(first.logits).softmax(1), priors, atol=1e-4)
    assert not any(module._forward_pre_hooks for module in folded.modules())


def test_calibration_computes_in_one_thread_and_gives_the_others_back(trained: PolicyValueNetwork) -> None:
    folded, seen = fold_norms(trained), []
    folded.stem.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        calibrate(folded, other_positions(2))
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_the_best_clip_beats_the_maximum_and_narrower_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(100_000, generator=generator).relu()
    values[0] = 40  # an outlier

    def error(end: float) -> float:
        step = end / LEVELS
        return float((((values / step).round().clamp(0, LEVELS) * step - values) ** 2).sum())

    clip = best_clip(values)
    assert error(clip) <= 1.02 * min(error(40 * k / 50) for k in range(1, 51))
    assert best_clip(torch.linspace(0, 3, 10_000)) == pytest.approx(3, rel=0.05)
    assert best_clip(torch.zeros(5)) == 1
    assert best_clip(torch.tensor([1.0, float("nan")])) == 1


def test_weights_are_rounded_by_output_channel() -> None:
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    weight[1] *= 1e-4
    weight[2] = 0
    whole, scale = quantise_weight(weight)
    assert (whole.dtype, tuple(scale.shape)) == (torch.int8, (4, 1, 1, 1))
    assert whole.flatten(1).abs().amax(1).tolist() == [127, 127, 0, 127]
    assert ((whole * scale - weight).abs() <= scale * 0.5001).all()


@pytest.mark.parametrize(
    ("settings", "found", "remedy"),
    [
        ({"backend": "torch"}, True, "set evaluator.backend to 'openvino'"),
        ({"backend": "auto"}, False, r"selfplay\[cpu\]"),
    ],
)
def test_int8_without_openvino_is_refused(
    settings: dict[str, str], found: bool, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found or None)
    with pytest.raises(UserError, match=f"'int8' needs the OpenVINO backend: .*{remedy}"):
        resolve_backend(EvaluatorConfig.model_validate({"device": "cpu", "precision": "int8", **settings}))


def test_int8_on_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UserError, match=r"needs the OpenVINO backend: set evaluator\.device to 'cpu'"):
        resolve_backend(EvaluatorConfig(precision="int8"))


def test_auto_never_takes_int8() -> None:
    assert resolve_backend(EvaluatorConfig(device="cpu")).precision in ("f32", "bf16")


def test_the_learner_has_no_int8() -> None:
    with pytest.raises(UserError, match=r"'learner\.precision' = 'int8'"):
        build_config({"learner": {"precision": "int8"}})
