"""The coefficient of KL in a reward: raised while a policy is farther from its reference than its budget."""

from __future__ import annotations

REACH = 0.2
"""A divergence off by more than this share of the budget counts as off by that."""


def adapted(beta: float, kl: float, budget: float, gain: float) -> float:
    """The coefficient after a round whose completions were `kl` nats from the reference on average.

    The proportional controller of Ziegler et al. 2019 (1909.08593, section 2.2): times 1 + gain e, e being
    kl / budget - 1 cut to ± 0.2; they took a gain of 0.1.
    """
    return beta * (1 + gain * max(-REACH, min(REACH, kl / budget - 1)))
