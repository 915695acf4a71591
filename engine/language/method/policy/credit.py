"""What each token of a response did for it: rewards of tokens, and generalised advantages over a critic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.learner.loss.actor_critic import token_rewards, whitened
from engine.language.learner.loss.policy import generalized_advantages

Rows = Sequence[NDArray[np.float32]]
"""One number a token, a row a response."""


class Credit(NamedTuple):
    """Of each token."""

    advantages: Rows
    returns: Rows
    """What the critic should have said before it."""
    spread: float
    """Variance of returns, times tokens."""
    missed: float
    """Of what the critic missed of them, likewise."""


def credit(
    rewards: NDArray[np.float64],
    old: Rows,
    reference: Rows,
    values: Rows,
    *,
    beta: float,
    gamma: float,
    lam: float,
    critic_lam: float,
    whiten: bool,
) -> Credit:
    """Advantages and returns at the tokens of responses that have `rewards` [N].

    Args:
        rewards: of whole responses.
        old: ln p of tokens under the policy that drew them.
        reference: ln p under the reference, a nat above which costs `beta`.
        values: of the text before each token.
        beta: see above.
        gamma: discount.
        lam: of generalised advantages.
        critic_lam: of returns.
        whiten: shift and scale all advantages to mean 0 and deviation 1.
    """
    drawn, held, told = (_table(each) for each in (old, reference, values))
    mask = _table([np.ones(len(row), np.float32) for row in old])
    worth = token_rewards(torch.tensor(rewards, dtype=torch.float32), drawn, held, mask, beta)
    advantages, returns = generalized_advantages(worth, told, mask, gamma=gamma, lam=lam)
    if critic_lam != lam:
        _, returns = generalized_advantages(worth, told, mask, gamma=gamma, lam=critic_lam)
    counted = mask > 0
    spread, missed = (
        float(each[counted].var(correction=0) * counted.sum()) for each in (returns, returns - told)
    )
    shown = whitened(advantages, mask) if whiten else advantages
    lengths = [len(row) for row in old]
    return Credit(_cut(shown, lengths), _cut(returns, lengths), spread, missed)


def _table(rows: Rows) -> Tensor:
    """Rows side by side [N, T], zeros behind the shorter ones."""
    return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)


def _cut(table: Tensor, lengths: Sequence[int]) -> Rows:
    return [row[:length].numpy() for row, length in zip(table, lengths, strict=True)]
