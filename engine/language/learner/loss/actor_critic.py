"""What proximal policy optimisation adds to a policy gradient: rewards of tokens, and a critic's loss.

Shapes as in engine.language.learner.loss.text.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.language.learner.loss.text import mean_over


def token_rewards(scores: Tensor, logprobs: Tensor, reference: Tensor, mask: Tensor, beta: float) -> Tensor:
    """-beta (ln p - ln p_ref) at each token of a response and the score at its last, [B, T].

    Ziegler et al. 2019 (1909.08593), equation 2. The sum over a response is its score less beta times an
    unbiased sample of KL(p, p_ref).

    Args:
        scores: of whole responses, [B].
        logprobs: under the policy that drew them, [B, T].
        reference: under the reference, [B, T].
        mask: of the response, a run of ones in each row.
        beta: what a nat costs.
    """
    rewards = -beta * (logprobs - reference) * mask
    at = torch.arange(mask.shape[1], device=mask.device)
    last = (at * (mask > 0)).max(1).values
    rows = torch.arange(len(mask), device=mask.device)
    rewards[rows, last] += scores * (mask.sum(1) > 0)
    return rewards


def whitened(terms: Tensor, mask: Tensor, *, keep_mean: bool = False) -> Tensor:
    """Terms [B, T] less their mean over the mask and over their deviation there, 0 elsewhere.

    With `keep_mean` they are scaled alone, so that what is good stays above 0.
    """
    mean = mean_over(terms, mask)
    deviation = mean_over((terms - mean) ** 2, mask).sqrt()
    scaled = (terms - mean) / (deviation + 1e-8)
    return (scaled + mean if keep_mean else scaled) * mask


def clipped_value_loss(
    values: Tensor,
    old: Tensor,
    targets: Tensor,
    mask: Tensor,
    clip: float,
    tokens: float | None = None,
) -> Tensor:
    """Half the mean over tokens of max((V - R)^2, (V_c - R)^2), V_c being V cut to `old` ± clip.

    The value loss of PPO's authors' code, which PPO with language models took over (Huang et al. 2024,
    2403.17031, detail 13). All are [B, T]; with clip 0 it is half the squared error. `tokens` is what the
    mean is over, where these rows are a part of a batch.
    """
    errors = (values - targets) ** 2
    if clip:
        errors = torch.maximum(errors, (old + (values - old).clamp(-clip, clip) - targets) ** 2)
    if tokens is None:
        return 0.5 * mean_over(errors, mask)
    return 0.5 * (errors * mask).sum() / max(tokens, 1e-9)
