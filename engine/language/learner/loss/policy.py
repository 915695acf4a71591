"""Policy gradients and their advantages, in plain tensors; shapes as in engine.language.learner.loss.text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.language.learner.loss.divergence import kl_estimate

Mean = Literal["token", "row", "constant"]
Ratio = Literal["token", "geometric", "sequence"]
Surrogate = Literal["clipped", "cispo"]

DEVIATION = 1e-4
"""Added to a deviation that is divided by."""


@dataclass(frozen=True)
class Whole:
    """What a mean is taken over, where a batch is a part of what one step learns from."""

    rows: int
    tokens: float
    """Of responses."""


def group_advantages(rewards: Tensor, *, by_deviation: bool = True) -> Tensor:
    """Advantages of rewards [N, G] of G answers to one prompt: less their mean, over their deviation.

    GRPO (Shao et al. 2024, section 4.1.2); without the division Dr. GRPO (Liu et al. 2025).
    """
    centred = rewards - rewards.mean(1, keepdim=True)
    return centred / (rewards.std(1, keepdim=True) + DEVIATION) if by_deviation else centred


def left_out_advantages(rewards: Tensor) -> Tensor:
    """Advantages of rewards [N, G], G at least 2: each less the mean of the others.

    REINFORCE leave-one-out (Kool et al. 2019; Ahmadian et al. 2024, equation 8).
    """
    count = rewards.shape[1]
    return (rewards - rewards.mean(1, keepdim=True)) * (count / (count - 1))


def ratios(logprobs: Tensor, old: Tensor, mask: Tensor, level: Ratio = "token") -> Tensor:
    """p / p_old at each token, [B, T], or of a response in all, [B, 1] (GSPO, equation 7; RLOO)."""
    change = logprobs - old.detach()
    if level == "token":
        return change.exp()
    total = (change * mask).sum(1, keepdim=True)
    if level == "geometric":
        total = total / mask.sum(1, keepdim=True).clamp(min=1)
    return total.exp()


def clipped(ratio: Tensor, advantages: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Where a ratio has left the region on the side its advantage pulls it to: below, and above; bool."""
    return (ratio < 1 - low) & (advantages < 0), (ratio > 1 + high) & (advantages > 0)


def mean_of(terms: Tensor, mask: Tensor, mean: Mean, whole: Whole, max_tokens: int = 1) -> Tensor:
    """The part that a batch has in the mean of `terms` [B, T] or [B, 1] over the `whole`."""
    terms = terms * mask
    if mean == "token":
        return terms.sum() / max(whole.tokens, 1e-9)
    if mean == "row":
        return (terms.sum(1) / mask.sum(1).clamp(min=1)).sum() / whole.rows
    return terms.sum() / (whole.rows * max_tokens)


def policy_loss(
    logprobs: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    surrogate: Surrogate = "clipped",
    ratio: Ratio = "token",
    mean: Mean = "token",
    max_tokens: int = 1,
    beta: float = 0.0,
    unbiased: bool = False,
    reference: Tensor | None = None,
    whole: Whole | None = None,
) -> Tensor:
    """The clipped surrogate of PPO and GRPO, and beta times k3 to a reference.

    -min(r A, clip(r, 1 - clip_low, 1 + clip_high) A) at each token with r = p / p_old (Schulman et al.
    2017, equation 7); or of CISPO -sg(min(r, 1 + clip_high)) A ln p (MiniMax-M1, 2506.13585, equation 4).

    Args:
        logprobs: under the policy, [B, T].
        old: under the policy that drew them, [B, T]; no gradient.
        advantages: [B], or [B, T] as PPO's.
        mask: of the response.
        clip_low: epsilon below 1.
        clip_high: above; 0.28 in DAPO.
        surrogate: which.
        ratio: r of a token, or of a response in all.
        mean: over all tokens (PPO; DAPO, Yu et al. 2025), over each row and then over rows (GRPO), or
            over B times `max_tokens` (Dr. GRPO).
        max_tokens: of a response, for `constant`.
        beta: weight of the divergence.
        unbiased: multiply k3 by r, so that it estimates the divergence of the policy and not of the old one
            (DeepSeek-V3.2).
        reference: ln p under the reference, [B, T], where beta is not 0.
        whole: what the mean is over, of which these rows are a part; None: these rows.
    """
    wide = advantages if advantages.dim() == 2 else advantages[:, None]
    weight = ratios(logprobs, old, mask, ratio)
    if surrogate == "cispo":
        terms = -weight.clamp(max=1 + clip_high).detach() * wide * logprobs
    else:
        terms = -torch.minimum(weight * wide, weight.clamp(1 - clip_low, 1 + clip_high) * wide)
    if beta:
        assert reference is not None
        divergence = kl_estimate(logprobs, reference.detach())
        terms = terms + beta * (divergence * weight if unbiased else divergence)
    whole = whole or Whole(len(mask), float(mask.sum()))
    return mean_of(terms, mask, mean, whole, max_tokens)


def generalized_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float = 1.0, lam: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Advantages and value targets, each [B, T] (GAE: Schulman et al. 2016, equation 16).

    Args:
        rewards: of each token, [B, T].
        values: of the text before each token, [B, T].
        mask: of the response, a run of ones in each row; what follows it is worth nothing.
        gamma: discount.
        lam: of the exponential mean; 1 gives returns less values.
    """
    rewards, values = rewards * mask, values.detach() * mask
    following = torch.cat((values[:, 1:], torch.zeros_like(values[:, :1])), 1)
    errors = (rewards + gamma * following - values) * mask
    advantages = torch.zeros_like(errors)
    carried = torch.zeros_like(errors[:, 0])
    for place in reversed(range(errors.shape[1])):
        carried = errors[:, place] + gamma * lam * carried
        advantages[:, place] = carried
    return advantages * mask, (advantages + values) * mask
