"""What the settings of the evaluator do: the library, the device and the precision that compute a network."""

from __future__ import annotations

import importlib.util
from functools import partial

import numpy as np
import pytest
import torch
from random_network import GAME, network
from shown import GAMES, shows

from engine import _core
from engine.config import build_config
from engine.config.network import EvaluatorConfig
from engine.errors import UserError
from engine.evaluator.choice import resolve_backend
from engine.evaluator.evaluator import NetworkEvaluator
from engine.learner.learner import Learner

shows = partial(shows, of=GAMES)

HAS_OPENVINO = importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="needs the extra `cpu`")


def machine(monkeypatch: pytest.MonkeyPatch, *, gpu: bool, openvino: bool = True, bf16: bool = False) -> None:
    """Let the choice see another machine than this one: what cannot be computed here can be chosen."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object() if openvino else None)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": bf16})
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9 if bf16 else 7, 0))


def chosen(**evaluator: str) -> tuple[str, str, str]:
    choice = resolve_backend(EvaluatorConfig.model_validate(evaluator))
    return choice.name, choice.device, choice.precision


@shows("evaluator.backend=auto", "evaluator.backend=torch", "evaluator.backend=openvino")
def test_the_library_asked_for_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=False)
    assert [chosen(backend=each)[0] for each in ("auto", "torch", "openvino")] == [
        "openvino",
        "torch",
        "openvino",
    ]
    machine(monkeypatch, gpu=True)
    assert chosen(backend="auto") == ("torch", "cuda", "f32")
    assert chosen(backend="openvino") == ("openvino", "cpu", "f32")
    machine(monkeypatch, gpu=False, openvino=False)
    assert chosen(backend="auto")[0] == "torch"
    with pytest.raises(UserError, match="'openvino' is not installed"):
        chosen(backend="openvino")


@shows("evaluator.device=auto", "evaluator.device=cpu", "evaluator.device=cuda")
def test_the_device_asked_for_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=True)
    assert [chosen(device=each)[1] for each in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    machine(monkeypatch, gpu=False)
    assert [chosen(device=each)[1] for each in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(UserError, match=r"evaluator.device = 'cuda', but torch finds no GPU"):
        chosen(device="cuda")


@shows("evaluator.device=cpu", "evaluator.device=cuda")
def test_the_learner_takes_the_device_too(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"network": {"channels": 2, "blocks": 0, "head_channels": 1, "value_hidden": 2}}
    assert Learner(GAME, build_config(small, {"evaluator": {"device": "cpu"}}), 1).device.type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="finds no GPU"):
        Learner(GAME, build_config(small, {"evaluator": {"device": "cuda"}}), 1)


@shows(*(f"evaluator.precision={each}" for each in ("auto", "f32", "bf16", "int8")))
def test_the_precision_asked_for_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for bf16, auto in ((True, "bf16"), (False, "f32")):
        machine(monkeypatch, gpu=False, bf16=bf16)
        assert [chosen(precision=each)[2] for each in ("auto", "f32", "bf16", "int8")] == [
            auto, "f32", "bf16", "int8",
        ]  # fmt: skip
    machine(monkeypatch, gpu=False, openvino=False)
    with pytest.raises(UserError, match="'int8' needs the OpenVINO backend"):
        chosen(precision="int8")


def logits(config: EvaluatorConfig) -> np.ndarray:
    trees = _core.Trees(GAME, _core.SearchParams())
    for seed in range(8):
        state = GAME.initial()
        for action in _core.rollout_moves(GAME, seed, 6):
            state.play(action)
        trees.add(state)
    reply = NetworkEvaluator(GAME, network(1), config)(trees.select(1))
    return np.array(reply.logits)


@shows("evaluator.backend=torch", "evaluator.precision=f32", "evaluator.precision=bf16")
def test_precisions_of_torch_answer_otherwise_and_nearly_the_same() -> None:
    exact, rough = (
        logits(EvaluatorConfig(backend="torch", device="cpu", precision=each)) for each in ("f32", "bf16")
    )
    assert 0 < np.abs(exact - rough).max() < 0.1


@needs_openvino
@shows("evaluator.backend=openvino", "evaluator.precision=int8")
def test_precisions_of_openvino_answer_otherwise_and_nearly_the_same() -> None:
    exact, rough = (logits(EvaluatorConfig(backend="openvino", precision=each)) for each in ("f32", "int8"))
    assert 0 < np.abs(exact - rough).max() < 0.3
    evaluator = NetworkEvaluator(GAME, network(1), EvaluatorConfig(backend="openvino", precision="f32"))
    assert type(evaluator.backend).__name__ == "OpenVinoBackend"
