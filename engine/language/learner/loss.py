"""Losses on text, in plain tensors: what a method minimises, given logits or log-probabilities of tokens.

Notation: B rows, T tokens a row, V the vocabulary. `logprobs` [B, T] are ln p of tokens given those before
them, `mask` [B, T] is 1 on tokens of the response and 0 on the prompt's and padding. Sums over a response are
over its tokens alone. All results are means, float32 scalars with gradients.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def mean_over(terms: Tensor, mask: Tensor) -> Tensor:
    """Mean of `terms` [B, T] where `mask` [B, T] is not 0, weighted by it; 0 where nothing is."""
    return (terms * mask).sum() / mask.sum().clamp(min=1e-9)


def supervised_loss(logprobs: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Negative log-likelihood, a mean over tokens; those of row b count `weights` [B] times."""
    return mean_over(-logprobs, mask if weights is None else mask * weights[:, None])


def preference_loss(
    chosen: Tensor, rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor, beta: float
) -> Tensor:
    """DPO (Rafailov et al. 2023, equation 7) of ln p of whole responses, each [B].

    With real data as chosen, the previous iterate's samples as rejected, that iterate as reference and
    lambda for beta it is SPIN with the logistic loss (Chen et al. 2024, equation 4.7).
    """
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return -F.logsigmoid(beta * margin).mean()


def desirability_loss(
    logprobs: Tensor, reference: Tensor, desirable: Tensor, drift: Tensor | float, beta: float
) -> Tensor:
    """KTO (Ethayarajh et al. 2024) with equal weights, from ln p of responses [B].

    Args:
        logprobs: under the policy.
        reference: under the reference.
        desirable: bool [B].
        drift: z0, an estimate of KL(policy, reference), at least 0; no gradient flows through it.
        beta: inverse temperature.
    """
    gain = logprobs - reference - torch.as_tensor(drift).detach()
    return (1 - torch.sigmoid(beta * torch.where(desirable, gain, -gain))).mean()


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


def binary_loss(logits: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
    """Binary cross entropy of logits with targets in [0, 1], of one shape: values, and labels of steps.

    A process reward model has logits [B, S] at the ends of steps and hard or soft labels; `mask` [B, S] is
    1 where there is a step (Lightman et al. 2023; Wang et al. 2023).
    """
    terms = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return terms.mean() if mask is None else mean_over(terms, mask)


def kl_divergence(policy: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Mean over tokens of KL(policy, reference), exact, from logits [B, T, V]."""
    return mean_over(_kl(policy.log_softmax(2), reference.log_softmax(2)), mask)


def kl_estimate(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Schulman's k3 of KL(policy, reference) at each drawn token, not negative, [B, T]."""
    ratio = reference - logprobs
    return ratio.exp() - ratio - 1


def visits_loss(logprobs: Tensor, visits: Tensor, node: Tensor) -> Tensor:
    """Cross entropy -sum_a pi(a) ln p(a | s) of search visits with proposed steps, a mean over nodes.

    Args:
        logprobs: ln p of each proposal as text, the sum over its tokens, [N].
        visits: share of each proposal in its node's visits, [N]; they sum to 1 in every node.
        node: int64 [N], which node a proposal stands at, from 0 on without gaps.
    """
    return -(visits * logprobs).sum() / (int(node.max()) + 1)


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


def _kl(first: Tensor, second: Tensor) -> Tensor:
    """KL(first, second) over the last axis, of log-probabilities."""
    return F.kl_div(second, first, reduction="none", log_target=True).sum(-1)
