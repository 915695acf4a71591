"""Evaluators: every backend gives what the network gives, and says what it is."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from random_network import CONFIG, GAME, expected, network, random_planes

from engine import _core
from engine.config.network import EvaluatorConfig, NetworkConfig
from engine.errors import UserError
from engine.evaluator import device as devices
from engine.evaluator.choice import resolve_backend
from engine.evaluator.evaluator import NetworkEvaluator, RolloutEvaluator, UniformEvaluator
from engine.evaluator.network import PolicyValueNetwork, fold_norms

HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="needs the extra `cpu`")

BACKENDS = [
    EvaluatorConfig(backend="torch", device="cpu", precision="f32"),
    EvaluatorConfig(backend="torch", device="cpu", precision="bf16"),
    pytest.param(EvaluatorConfig(backend="openvino", precision="f32"), marks=needs_openvino),
    pytest.param(EvaluatorConfig(backend="openvino", precision="bf16"), marks=needs_openvino),
    pytest.param(EvaluatorConfig(backend="openvino", precision="int8"), marks=needs_openvino),
]
TOLERANCE = {"f32": 1e-5, "bf16": 3e-2, "int8": 1e-1}


def ask(count: int, seed: int = 0) -> tuple[_core.Trees, _core.Requests]:
    """Requests for `count` positions a few random moves from the start."""
    trees = _core.Trees(GAME, _core.SearchParams())
    for index in range(count):
        state = GAME.initial()
        for action in _core.rollout_moves(GAME, seed + index, 4):
            state.play(action)
        trees.add(state)
    return trees, trees.select(1)


@pytest.mark.parametrize("config", BACKENDS)
def test_requests_are_answered_as_by_the_network(config: EvaluatorConfig) -> None:
    net = network(1)
    evaluate = NetworkEvaluator(GAME, net, config)
    trees, requests = ask(9)
    wdl, logits = expected(net, requests.planes.copy())
    reply = evaluate(requests)
    tolerance = TOLERANCE[config.precision]
    np.testing.assert_allclose(reply.wdl, wdl, atol=tolerance)
    np.testing.assert_allclose(_softmax(reply.logits), _softmax(logits), atol=tolerance)
    trees.backup(requests, reply)


@pytest.mark.parametrize("config", BACKENDS)
def test_new_weights_are_taken_over_and_kept(config: EvaluatorConfig) -> None:
    net = network(2)
    evaluate = NetworkEvaluator(GAME, network(1), config)
    evaluate.load(net)
    planes = random_planes(8)
    wdl, _ = expected(net, planes)
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
    np.testing.assert_allclose(evaluate.backend(planes)[0], wdl, atol=TOLERANCE[config.precision])


@pytest.mark.parametrize("config", BACKENDS)
def test_an_answer_outlives_the_next_one(config: EvaluatorConfig) -> None:
    backend = NetworkEvaluator(GAME, network(1), config).backend
    first = backend(random_planes(4, seed=0))
    kept = [part.copy() for part in first]
    backend(random_planes(4, seed=1))
    for part, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(part, copy)


@needs_openvino
@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_openvino_does_not_depend_on_the_batch(precision: str) -> None:
    config = EvaluatorConfig(backend="openvino", precision=precision)
    backend = NetworkEvaluator(GAME, network(1), config).backend
    planes = random_planes(40)
    whole = backend(planes)
    for cut in (1, 7, 33):
        parts = [backend(np.ascontiguousarray(part)) for part in (planes[:cut], planes[cut:])]
        for index in (0, 1):
            joined = np.concatenate([part[index] for part in parts])
            np.testing.assert_array_equal(joined, whole[index])


@pytest.mark.parametrize("config", BACKENDS)
def test_two_threads_with_an_evaluator_each(config: EvaluatorConfig) -> None:
    evaluators = [NetworkEvaluator(GAME, network(1), config) for _ in range(2)]
    planes = [random_planes(24, seed) for seed in range(2)]
    alone = [evaluators[index].backend(planes[index])[0] for index in range(2)]
    right = [0, 0]

    def work(index: int) -> None:
        for _ in range(20):
            right[index] += np.array_equal(evaluators[index].backend(planes[index])[0], alone[index])

    run_threads([partial(work, index) for index in range(2)])
    assert right == [20, 20]


@pytest.mark.parametrize("config", BACKENDS)
def test_python_runs_on_while_the_network_is_computed(config: EvaluatorConfig) -> None:
    backend = NetworkEvaluator(GAME, network(1, NetworkConfig(channels=64)), config).backend
    planes = random_planes(512)
    backend(planes)
    computing, ticks = threading.Event(), 0

    def work() -> None:
        backend(planes)
        computing.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not computing.is_set():
        ticks += 1
    thread.join()
    assert ticks > 10_000


@needs_openvino
def test_a_backend_that_differs_from_torch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.evaluator import openvino_backend

    build = openvino_backend.build_model
    monkeypatch.setattr(openvino_backend, "build_model", lambda _: build(fold_norms(network(5))))
    with pytest.raises(UserError, match=r"differs from torch.*evaluator\.backend to 'torch'"):
        NetworkEvaluator(GAME, network(1), EvaluatorConfig(backend="openvino", precision="f32"))


@needs_openvino
@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
def test_weights_that_are_not_finite_are_refused(precision: str) -> None:
    evaluate = NetworkEvaluator(
        GAME, network(1), EvaluatorConfig.model_validate({"backend": "openvino", "precision": precision})
    )
    broken = network(1)
    with torch.no_grad():
        broken.tower[0].second.conv.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(UserError, match=r"tower\.0\.second\.conv\.weight is not finite.*earlier checkpoint"):
        evaluate.load(broken)


def test_a_network_of_another_game_is_refused() -> None:
    net = PolicyValueNetwork((2, 3, 3), 9, CONFIG)
    with pytest.raises(UserError, match=r"\(2, 3, 3\).*9 actions.*connect4"):
        NetworkEvaluator(GAME, net, EvaluatorConfig(backend="torch"))
    evaluate = NetworkEvaluator(GAME, network(1), EvaluatorConfig(backend="torch"))
    with pytest.raises(UserError, match="connect4"):
        evaluate.load(net)


def test_what_is_missing_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"selfplay\[cpu\]"):
        resolve_backend(EvaluatorConfig(backend="openvino"))
    choice = resolve_backend(EvaluatorConfig(device="cpu"))
    assert choice.name == "torch"
    assert "selfplay[cpu]" in choice.reason


def test_a_missing_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"evaluator\.device = 'cuda'"):
        resolve_backend(EvaluatorConfig(device="cuda"))
    assert resolve_backend(EvaluatorConfig(device="auto")).device == "cpu"


def test_a_gpu_is_taken_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    choice = resolve_backend(EvaluatorConfig())
    assert (choice.name, choice.device, choice.precision) == ("torch", "cuda", "bf16")
    with pytest.raises(UserError, match=r"evaluator\.device to 'cpu'"):
        resolve_backend(EvaluatorConfig(backend="openvino", device="cuda"))


@pytest.mark.parametrize(
    ("features", "precision"),
    [({"avx2": True}, "f32"), ({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16")],
)
def test_bf16_only_where_the_processor_computes_in_it(
    features: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert resolve_backend(EvaluatorConfig(device="cpu")).precision == precision
    assert devices.resolve_precision("bf16", "cpu") == "bf16"


def test_bare_rate_is_measured() -> None:
    evaluate = NetworkEvaluator(GAME, network(1), EvaluatorConfig(backend="torch", device="cpu"))
    assert evaluate.bare_rate(16, seconds=0.05) > 10


def test_uniform_evaluator() -> None:
    _, requests = ask(3)
    reply = UniformEvaluator()(requests)
    np.testing.assert_array_equal(reply.wdl, np.tile(np.float32([0, 1, 0]), (3, 1)))
    assert np.ptp(reply.logits) == 0


def test_rollouts_are_a_function_of_seed_and_call() -> None:
    def outcomes(seed: int) -> np.ndarray:
        evaluate = RolloutEvaluator(seed)
        replies = []
        for _ in range(2):
            trees, requests = ask(200)
            reply = evaluate(requests)
            replies.append(reply.wdl.copy())
            trees.backup(requests, reply)
        return np.stack(replies)

    first = outcomes(1)
    np.testing.assert_array_equal(first, outcomes(1))
    assert (first[0] != first[1]).any(), "two batches drew the same games"
    assert (first != outcomes(2)).any()
    assert set(np.unique(first)) <= {0.0, 1.0}
    np.testing.assert_array_equal(first.sum(2), 1)


def run_threads(work: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=function) for function in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).softmax(1).numpy()


DROPPED = """
import signal, threading

from engine.config.network import NetworkConfig
from engine.evaluator.network import PolicyValueNetwork
from engine.evaluator.openvino_backend import OpenVinoBackend

kept = [OpenVinoBackend(PolicyValueNetwork((2, 3, 3), 9, NetworkConfig(channels=8, blocks=1)), "f32")]
thread = threading.Thread(target=kept.clear)
thread.start()
thread.join()
signal.signal(signal.SIGINT, lambda *_: print("heard", flush=True))
signal.raise_signal(signal.SIGINT)
"""


@needs_openvino
def test_a_signal_is_heard_once_another_thread_has_dropped_a_backend() -> None:
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("heard\n", 0), done.stderr
