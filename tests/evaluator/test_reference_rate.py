"""Reference minutes: what is measured, and what it comes to."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from engine.checkpoint import load_network
from engine.errors import UserError
from engine.evaluator.network import PolicyValueNetwork
from engine.evaluator.reference_rate import (
    NETWORK,
    NUM_ACTIONS,
    PLANES_SHAPE,
    STATED,
    MachineSpeed,
    machine_speed,
    measure_speed,
    side_by_side_rate,
    stated_speed,
)
from games.connect4 import Connect4


def test_a_minute_is_worth_its_rate_over_that_of_the_reference() -> None:
    assert MachineSpeed(33_000, "torch bf16 on cpu").factor == 1
    half = MachineSpeed(16_500, "openvino bf16 on cpu")
    assert half.factor == 0.5
    assert str(half) == (
        "a minute of this machine is 0.50 reference minutes: 16,500 evaluations a second of the reference "
        "network (openvino bf16 on cpu)"
    )


def test_the_network_is_that_of_connect_four() -> None:
    game = Connect4()
    assert (tuple(game.planes_shape), game.num_actions) == (PLANES_SHAPE, NUM_ACTIONS)
    shapes = [
        {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if tensor.dim()}
        for network in (
            PolicyValueNetwork(PLANES_SHAPE, NUM_ACTIONS, NETWORK).eval(),
            load_network(game.bench_checkpoint())[2],
        )
    ]
    assert shapes[0] == shapes[1]


def test_evaluators_compute_side_by_side_and_the_best_slice_counts() -> None:
    both, calls = threading.Barrier(2), [0, 0]

    def work(number: int) -> None:
        both.wait(timeout=60)  # one alone would never come on
        calls[number] += 1
        time.sleep(0.2 if calls[number] == 2 else 0.01)  # something else passes

    works = [lambda: work(0), lambda: work(1)]
    rate = side_by_side_rate(works, 10, 0, slices=3)
    assert calls == [4, 4]
    assert 20 / 0.2 < rate <= 20 / 0.01


def test_measuring_leaves_the_generators_alone() -> None:
    before = torch.get_rng_state()
    speed = measure_speed("cpu", 0.01)
    assert speed.rate > 1
    assert speed.backend.endswith(" on cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_rate_can_be_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATED, "16500")
    assert machine_speed() == MachineSpeed(16_500, f"stated by {STATED}")
    monkeypatch.setenv(STATED, "")
    assert stated_speed() is None


@pytest.mark.parametrize("text", ["fast", "0", "-5", "nan", "inf", "1e13"])
def test_what_is_no_rate_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(STATED, text)
    with pytest.raises(UserError, match=STATED):
        machine_speed()
