"""How far one distribution over tokens is from another; logits are [B, T, V]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.language.learner.loss.text import mean_over


def kl_divergence(policy: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Mean over tokens of KL(policy, reference), exact, from logits [B, T, V]."""
    return mean_over(_kl(policy.log_softmax(2), reference.log_softmax(2)), mask)


def kl_estimate(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Schulman's k3 of KL(policy, reference) at each drawn token, not negative, [B, T]."""
    ratio = reference - logprobs
    return ratio.exp() - ratio - 1


def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    tokens: Tensor,
    mask: Tensor,
    *,
    soft_share: float,
    temperature: float,
    scaled: bool = True,
) -> Tensor:
    """(1 - a) CE(tokens, p_s) + a T^2 KL(p_t^(T), p_s^(T)) of Hinton et al. 2015, a mean over tokens.

    Args:
        student: logits [B, T, V] of the tokens.
        teacher: logits, likewise; no gradient.
        tokens: int64 [B, T], the hard labels.
        mask: of the response.
        soft_share: a in [0, 1].
        temperature: T of both softmaxes in the soft part.
        scaled: multiply it by T^2, which keeps the size of its gradient.
    """
    hard = -student.log_softmax(2).gather(2, tokens[..., None])[..., 0]
    teacher = (teacher.detach() / temperature).log_softmax(2)
    soft = _kl(teacher, (student / temperature).log_softmax(2))
    scale = temperature**2 if scaled else 1.0
    return mean_over((1 - soft_share) * hard + soft_share * scale * soft, mask)


def jensen_shannon_loss(
    student: Tensor, teacher: Tensor, mask: Tensor, *, beta: float, temperature: float = 1.0
) -> Tensor:
    """GKD's generalised divergence (Agarwal et al. 2024, equation 1), a mean over tokens, without T^2.

    beta KL(p_t, m) + (1 - beta) KL(p_s, m) with m = beta p_t + (1 - beta) p_s. At 0 it is KL(p_t, p_s),
    at 1 KL(p_s, p_t): the limits after division by beta (1 - beta).
    """
    ours = (student / temperature).log_softmax(2)
    theirs = (teacher.detach() / temperature).log_softmax(2)
    if beta in (0, 1):
        return mean_over(_kl(theirs, ours) if beta == 0 else _kl(ours, theirs), mask)
    shares = torch.tensor([beta, 1 - beta], device=student.device).log()
    mixed = torch.logaddexp(theirs + shares[0], ours + shares[1])
    return mean_over(beta * _kl(theirs, mixed) + (1 - beta) * _kl(ours, mixed), mask)


def _kl(first: Tensor, second: Tensor) -> Tensor:
    """KL(first, second) over the last axis, of log-probabilities."""
    return F.kl_div(second, first, reduction="none", log_target=True).sum(-1)
