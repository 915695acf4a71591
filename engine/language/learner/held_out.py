"""Early stopping: which examples are held out of a training, and what is told of how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from engine.language.learner.config import TextLearnerConfig
from engine.language.rollout import row_seed

ONE_IN = 10
"""Problems of which one is held out."""

T = TypeVar("T")


def parted(
    examples: Sequence[T], keys: Sequence[str], config: TextLearnerConfig, seed: int
) -> tuple[list[T], list[T]]:
    """(examples to train on, examples held out), in their order; all and none where `patience` is 0.

    Whole problems are held out, by the `key` of each example: one in ONE_IN, a function of the run's seed
    and the key alone, so that no training of the run sees them. None are where that would be all or none.
    """
    if not config.patience:
        return list(examples), []
    apart = [row_seed(seed, "held out", key) % ONE_IN == 0 for key in keys]
    if all(apart):
        return list(examples), []
    pairs = list(zip(examples, apart, strict=True))
    return [each for each, is_out in pairs if not is_out], [each for each, is_out in pairs if is_out]


def ending(config: TextLearnerConfig, values: Mapping[str, float], steps: int) -> str:
    """How a training that was to take `steps` has ended, for the record; empty where it never looked."""
    if not config.patience:
        return ""
    if "loss/held_out" not in values:
        return f"no problem is held out of so few: all {steps} steps are taken"
    taken, best = int(values["loss/steps"]), int(values["loss/best_step"])
    if not math.isfinite(values["loss/held_out"]):
        return f"{taken} of {steps} steps taken; the loss on held-out texts was never finite: no look is best"
    return (
        f"{taken} of {steps} steps taken; the weights are those of step {best}, "
        f"whose loss on held-out texts is least, {values['loss/held_out']:.4g}"
    )
