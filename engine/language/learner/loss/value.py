"""Losses of values and scores: right or wrong, better or worse."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from engine.language.learner.loss.text import mean_over


def binary_loss(logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
    """Binary cross entropy of logits with targets in [0, 1], of one shape: values, and labels of steps.

    A process reward model has logits [B, S] at the ends of steps and hard or soft labels; `mask` [B, S] is
    1 where there is a step (Lightman et al. 2023; Wang et al. 2023).
    """
    terms = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return terms.mean() if mask is None else mean_over(terms, mask)


def pairwise_loss(better: Tensor, worse: Tensor, share: Tensor | None = None) -> Tensor:
    """Bradley-Terry on scores, each [B]: of a reward model, or of steps by their Q (the PPM of rStar-Math).

    Args:
        better: scores of the first of each pair.
        worse: of the second.
        share: [B] in [0, 1], the probability that the first is better; 1 by default.
    """
    margin = better - worse
    if share is None:
        return -F.logsigmoid(margin).mean()
    return -(share * F.logsigmoid(margin) + (1 - share) * F.logsigmoid(-margin)).mean()


def reward_loss(better: Tensor, worse: Tensor, share: Tensor | None = None, centre: float = 0.0) -> Tensor:
    """`pairwise_loss` of a reward model, and `centre` times the mean square of each pair's sum of rewards.

    That keeps rewards around 0, where Bradley-Terry alone says nothing of their level (Eisenstein et al.
    2023, 2312.09244, equation 2).
    """
    return pairwise_loss(better, worse, share) + centre * (better + worse).square().mean()
