"""Batches under way on a GPU; what is not the GPU's own is tested on the processor as well."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from random_network import expected, network, random_planes

from engine import _core
from engine.config import build_config
from engine.evaluator.cuda_backend import DEPTH, CudaBackend, padded_rows
from engine.evaluator.evaluator import Evaluator, Pipeline
from engine.evaluator.torch_backend import TorchBackend
from engine.selfplay.caller import Caller
from games.connect4 import Connect4

GAME = Connect4()
DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")],
    ),
]
TOLERANCE = {"f32": 1e-3, "bf16": 3e-2}


class BackendEvaluator:
    """A backend as an evaluator; not a pipeline where `waits`, for it computes before it goes on."""

    def __init__(self, backend: Any, waits: bool) -> None:
        self.backend = backend
        self.waits = waits
        self.depth = backend.depth

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        return self.submit(requests)()

    def submit(self, requests: _core.Requests) -> Any:
        answer = self.backend.submit(requests.planes)
        if self.waits:
            reply = _core.DenseReply(*(part.copy() for part in answer()))
            return lambda: reply
        return lambda: _core.DenseReply(*answer())


def test_padding_is_a_power_of_two_or_a_multiple_of_64() -> None:
    assert [padded_rows(rows) for rows in (1, 8, 9, 16, 33, 64, 65, 128, 129, 1000)] == [
        8, 8, 16, 16, 64, 64, 128, 128, 192, 1024,
    ]  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_answers_are_the_network_s(device: str, precision: str) -> None:
    net = network(1)
    backend = CudaBackend(net, precision, device)
    for rows in (1, 7, 64, 70, 7):
        planes = random_planes(rows, rows)
        wdl, logits = backend(planes)
        wanted_wdl, wanted_logits = expected(net, planes)
        assert logits.shape == (rows, GAME.num_actions)
        np.testing.assert_allclose(wdl, wanted_wdl, atol=TOLERANCE[precision])
        np.testing.assert_allclose(logits, wanted_logits, atol=20 * TOLERANCE[precision])


@pytest.mark.parametrize("device", DEVICES)
def test_batches_under_way_keep_apart(device: str) -> None:
    backend = CudaBackend(network(1), "f32", device)
    batches = [random_planes(24, seed) for seed in range(5)]
    alone = [backend(planes) for planes in batches]
    answers: list[Any] = []
    for index, planes in enumerate(batches):
        answers.append(backend.submit(planes))
        if len(answers) == DEPTH:
            first = index + 1 - DEPTH
            for ours, theirs in zip(answers.pop(0)(), alone[first], strict=True):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("device", DEVICES)
def test_a_row_does_not_depend_on_what_else_is_in_its_graph(device: str) -> None:
    backend = CudaBackend(network(1), "f32", device)
    planes = random_planes(16)
    whole = backend(planes)
    for rows in (9, 12, 15):
        for ours, theirs in zip(backend(np.ascontiguousarray(planes[:rows])), whole, strict=True):
            np.testing.assert_array_equal(ours, theirs[:rows])


@pytest.mark.parametrize("device", DEVICES)
def test_new_weights_are_read_where_the_old_ones_were(device: str) -> None:
    backend = CudaBackend(network(1), "f32", device)
    planes = random_planes(8)
    before = backend(planes)[0]
    places = [weight.data_ptr() for weight in backend._network.parameters()]
    backend.load(network(2))
    assert [weight.data_ptr() for weight in backend._network.parameters()] == places
    after = backend(planes)[0]
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(after, expected(network(2), planes)[0], atol=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_inference_alone_can_be_repeated(device: str) -> None:
    compute = CudaBackend(network(1), "bf16", device).bind(random_planes(20))
    compute()
    compute()


def play(evaluate: Evaluator) -> list[dict[str, Any]]:
    config = build_config({"selfplay": {"games": 16, "simulations": 12, "cache_mb": 1}})
    caller = Caller(GAME, config, evaluate, 0, 1)
    games = [caller.play(count, threading.Event()) for count in (300, 101)]
    return [*games, caller.pool.snapshot()]


@pytest.mark.parametrize("graphs", [True, False])
def test_games_with_and_without_overlap_are_the_same(graphs: bool) -> None:
    net = network(1)
    backends = [CudaBackend(net, "f32", "cpu") if graphs else TorchBackend(net, "f32", 3) for _ in range(2)]
    both = [BackendEvaluator(backend, waits) for backend, waits in zip(backends, (False, True), strict=True)]
    assert all(isinstance(evaluate, Pipeline) for evaluate in both)
    overlapped, waiting = (play(evaluate) for evaluate in both)
    for ours, theirs in zip(overlapped, waiting, strict=True):
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
