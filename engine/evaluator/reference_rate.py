"""Reference minutes: the minutes of any machine, counted in those of a fixed one.

    reference minutes = minutes x evaluations a second of the reference network here / 33,000

The network is of 64 channels x 5 blocks on planes of 5 x 6 x 7 with 7 actions, in the fastest bf16 that the
machine has (f32 where its processor has none, which is told); its rate is the bare one of two evaluators side
by side, each with one thread, in batches of 64. So they are minutes of two cores: a machine of many, which
plays with all of them, does more in a reference minute. A process that is held to one core has half of the
rate, and half as many of them.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Literal

import numpy as np

from engine.config.network import EvaluatorConfig, NetworkConfig
from engine.errors import UserError
from engine.evaluator.choice import create_backend, resolve_backend
from engine.evaluator.network import PolicyValueNetwork

REFERENCE_RATE = 33_000.0
"""Evaluations a second of the machine whose minutes are counted: two cores of a Zen 5."""

PLANES_SHAPE, NUM_ACTIONS = (5, 6, 7), 7
NETWORK = NetworkConfig(channels=64, blocks=5, head_channels=32, value_hidden=64)
EVALUATORS, BATCH = 2, 64

SLICES = 8
"""Of a measurement; the best of them counts, so that what passes on the machine does not."""

STATED = "SELFPLAY_REFERENCE_RATE"
"""Environment variable: evaluations a second, taken instead of measuring, say where two runs that share the
machine begin at different times."""

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class MachineSpeed:
    """How fast this machine is beside the reference."""

    rate: float
    """Evaluations a second of the reference network, two evaluators side by side."""
    backend: str
    """What computed it."""

    @property
    def factor(self) -> float:
        """Reference minutes in a minute of this machine."""
        return self.rate / REFERENCE_RATE

    def __str__(self) -> str:
        return (
            f"a minute of this machine is {self.factor:.2f} reference minutes: {self.rate:,.0f} evaluations "
            f"a second of the reference network ({self.backend})"
        )


def machine_speed(device: Device = "auto", seconds: float = 1.6) -> MachineSpeed:
    """The rate that STATED names, else measured; UserError where it names none."""
    return stated_speed() or measure_speed(device, seconds)


def stated_speed() -> MachineSpeed | None:
    """The rate that STATED names, None where it is not set; UserError where it names none."""
    text = os.environ.get(STATED)
    if not text:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 1 <= rate <= 1e12:
        raise UserError(f"{STATED} = {text!r} is no number of evaluations a second; give one, or unset it")
    return MachineSpeed(rate, f"stated by {STATED}")


def measure_speed(device: Device = "auto", seconds: float = 1.6) -> MachineSpeed:
    """Measure for about `seconds`, after about as long to make the evaluators ready.

    The random generators of the process are left alone.
    """
    choice = resolve_backend(EvaluatorConfig(device=device))
    network = PolicyValueNetwork(PLANES_SHAPE, NUM_ACTIONS, NETWORK, seed=0).eval()
    planes = np.random.default_rng(0).integers(0, 2, size=(BATCH, *PLANES_SHAPE)).astype(np.float32)
    works = [create_backend(choice, network).bind(planes) for _ in range(EVALUATORS)]
    return MachineSpeed(side_by_side_rate(works, BATCH, seconds), str(choice))


def side_by_side_rate(
    works: Sequence[Callable[[], None]], batch: int, seconds: float, slices: int = SLICES
) -> float:
    """Evaluations a second of all `works` together, each in a thread of its own: the best of `slices`."""
    begun = Barrier(len(works))

    def run(work: Callable[[], None]) -> list[float]:
        work()
        rates = []
        for _ in range(slices):
            begun.wait()
            start, count = time.perf_counter(), 0
            while (elapsed := time.perf_counter() - start) < seconds / slices or count == 0:
                work()
                count += batch
            rates.append(count / elapsed)
        return rates

    with ThreadPoolExecutor(len(works), "reference") as threads:
        together = zip(*threads.map(run, works), strict=True)
        return max(map(sum, together))
