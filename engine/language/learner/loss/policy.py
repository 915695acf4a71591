"""Policy gradients and their advantages, in plain tensors; shapes as in engine.language.learner.loss.text."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from engine.language.learner.loss.divergence import kl_estimate
from engine.language.learner.loss.text import mean_over


def group_advantages(rewards: Tensor, *, by_deviation: bool = True) -> Tensor:
    """Advantages of rewards [N, G] of G answers to one prompt: less their mean, over their deviation.

    GRPO (Shao et al. 2024, section 4.1.2); without the division Dr. GRPO (Liu et al. 2025).
    """
    centred = rewards - rewards.mean(1, keepdim=True)
    return centred / (rewards.std(1, keepdim=True) + 1e-4) if by_deviation else centred


def policy_loss(
    logprobs: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    mean: Literal["token", "row", "constant"] = "token",
    max_tokens: int = 1,
    beta: float = 0.0,
    unbiased: bool = False,
    reference: Tensor | None = None,
) -> Tensor:
    """The clipped surrogate of PPO and GRPO, and beta times k3 to a reference.

    -min(r A, clip(r, 1 - clip_low, 1 + clip_high) A) at each token with r = p / p_old (Schulman et al.
    2017, equation 7).

    Args:
        logprobs: under the policy, [B, T].
        old: under the policy that drew them, [B, T]; no gradient.
        advantages: [B], or [B, T] as PPO's.
        mask: of the response.
        clip_low: epsilon below 1.
        clip_high: above; 0.28 in DAPO.
        mean: over all tokens (PPO; DAPO, Yu et al. 2025), over each row and then over rows (GRPO), or
            over B times `max_tokens` (Dr. GRPO).
        max_tokens: of a response, for `constant`.
        beta: weight of the divergence.
        unbiased: multiply k3 by r, so that it estimates the divergence of the policy and not of the old one
            (DeepSeek-V3.2).
        reference: ln p under the reference, [B, T], where beta is not 0.
    """
    wide = advantages if advantages.dim() == 2 else advantages[:, None]
    ratio = (logprobs - old.detach()).exp()
    terms = -torch.minimum(ratio * wide, ratio.clamp(1 - clip_low, 1 + clip_high) * wide)
    if beta:
        assert reference is not None
        divergence = kl_estimate(logprobs, reference.detach())
        terms = terms + beta * (divergence * ratio if unbiased else divergence)
    if mean == "token":
        return mean_over(terms, mask)
    if mean == "row":
        return ((terms * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()
    return (terms * mask).sum() / (len(mask) * max_tokens)


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
