"""Losses of preferences between whole responses, in plain tensors of their ln p, [B] each.

Notation: a response's gain is ln p less ln p of the reference; where lengths are taken out both are means a
token. The margin is the gain of the chosen response less that of the rejected one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

DISCOPOP_TAU = 0.05
"""Of DiscoPOP's blend (Lu et al. 2024)."""


@dataclass(frozen=True)
class Likelihoods:
    """ln p of the responses of pairs, under the policy and under the reference, [B] each."""

    chosen: Tensor
    rejected: Tensor
    reference_chosen: Tensor
    reference_rejected: Tensor

    @property
    def chosen_gain(self) -> Tensor:
        """[B]."""
        return self.chosen - self.reference_chosen

    @property
    def rejected_gain(self) -> Tensor:
        """[B]."""
        return self.rejected - self.reference_rejected

    @property
    def margin(self) -> Tensor:
        """[B]."""
        return self.chosen_gain - self.rejected_gain

    def swapped(self) -> Likelihoods:
        """As if the other response had been chosen."""
        return replace(
            self, chosen=self.rejected, rejected=self.chosen,
            reference_chosen=self.reference_rejected, reference_rejected=self.reference_chosen,
        )  # fmt: skip


@dataclass(frozen=True)
class Form:
    """Which loss, and its constants."""

    loss: str = "sigmoid"
    """A name in LOSSES."""
    beta: float = 0.1
    """Inverse temperature; tau of IPO, lambda of SPIN."""
    smoothing: float = 0.0
    """Probability that a label is the wrong way round; `robust` and `exo_pair` take it into their formula, of
    the others the expectation over it is taken."""
    target: float = 0.0
    """Margin, times beta, that is asked for (SimPO's gamma); of losses in TARGETED."""


def preference_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    form: Form | float,
    *,
    share: Tensor | None = None,
) -> Tensor:
    """The mean loss of pairs, from ln p of responses [B].

    With a number for the form it is DPO (Rafailov et al. 2023, equation 7).
    With real data as chosen, the previous iterate's samples as rejected, that iterate as reference and
    lambda for beta it is SPIN with the logistic loss (Chen et al. 2024, equation 4.7).

    Args:
        chosen: under the policy.
        rejected: likewise.
        reference_chosen: under the reference; 0 where there is none.
        reference_rejected: likewise.
        form: which loss; a number is the beta of DPO.
        share: [B] in [0, 1], the probability that the chosen response is the better one; 1 by default.
    """
    form = form if isinstance(form, Form) else Form(beta=form)
    pairs = Likelihoods(chosen, rejected, reference_chosen, reference_rejected)
    loss = LOSSES[form.loss]
    sure = torch.ones_like(chosen) if share is None else share
    if form.loss not in SMOOTHED:
        sure = sure * (1 - form.smoothing) + (1 - sure) * form.smoothing
    terms = loss(pairs, form)
    if bool((sure < 1).any()):
        terms = sure * terms + (1 - sure) * loss(pairs.swapped(), form)
    return terms.mean()


def desirability_loss(
    logprobs: Tensor,
    reference: Tensor,
    desirable: Tensor,
    drift: Tensor | float,
    beta: float,
    *,
    weights: tuple[float, float] = (1.0, 1.0),
    share: Tensor | None = None,
) -> Tensor:
    """KTO (Ethayarajh et al. 2024, equation 7), from ln p of responses [B]; the mean over them.

    Args:
        logprobs: under the policy.
        reference: under the reference.
        desirable: bool [B].
        drift: z0, an estimate of KL(policy, reference), at least 0; no gradient flows through it.
        beta: inverse temperature.
        weights: of desirable and of undesirable responses.
        share: [B] in [0, 1], the probability that the label is right; 1 by default.
    """
    gain = beta * (logprobs - reference - torch.as_tensor(drift).detach())
    good, bad = (weight * torch.sigmoid(-sign * gain) for weight, sign in zip(weights, (1, -1), strict=True))
    sure = torch.ones_like(gain) if share is None else share
    probability = torch.where(desirable, sure, 1 - sure)
    return (probability * good + (1 - probability) * bad).mean()


def _logit(pairs: Likelihoods, form: Form) -> Tensor:
    return form.beta * pairs.margin - form.target


def _sigmoid(pairs: Likelihoods, form: Form) -> Tensor:
    return -F.logsigmoid(_logit(pairs, form))


def _hinge(pairs: Likelihoods, form: Form) -> Tensor:
    """SLiC-HF (Zhao et al. 2023), RSO (Liu et al. 2023)."""
    return torch.relu(1 - _logit(pairs, form))


def _ipo(pairs: Likelihoods, form: Form) -> Tensor:
    """Azar et al. 2023, equation 17."""
    return (pairs.margin - 1 / (2 * form.beta)) ** 2


def _exo(pairs: Likelihoods, form: Form) -> Tensor:
    """Ji et al. 2024, equation 16 for two responses: KL of the policy's choice from the smoothed label."""
    right = form.beta * pairs.margin
    label = math.log1p(-form.smoothing), math.log(form.smoothing)
    sides = ((F.logsigmoid(right), label[0]), (F.logsigmoid(-right), label[1]))
    return sum((log.exp() * (log - target) for log, target in sides), torch.zeros_like(right))


def _robust(pairs: Likelihoods, form: Form) -> Tensor:
    """Chowdhury et al. 2024: unbiased where labels are flipped with probability `smoothing`."""
    logit, flipped = _logit(pairs, form), form.smoothing
    return -((1 - flipped) * F.logsigmoid(logit) - flipped * F.logsigmoid(-logit)) / (1 - 2 * flipped)


def _nca(pairs: Likelihoods, form: Form) -> Tensor:
    """Noise contrastive alignment (Chen et al. 2024), which keeps the chosen response likely."""
    good, bad = form.beta * pairs.chosen_gain, form.beta * pairs.rejected_gain
    return -F.logsigmoid(good) - 0.5 * F.logsigmoid(-good) - 0.5 * F.logsigmoid(-bad)


def _bco(pairs: Likelihoods, form: Form) -> Tensor:
    """Binary classifier optimisation (Jung et al. 2024), without its shift of rewards."""
    return -F.logsigmoid(form.beta * pairs.chosen_gain) - F.logsigmoid(-form.beta * pairs.rejected_gain)


def _sppo(pairs: Likelihoods, form: Form) -> Tensor:
    """Wu et al. 2024, equation 4.7 with 1 and 0 for the probabilities of winning."""
    half = 0.5 / form.beta
    return (pairs.chosen_gain - half) ** 2 + (pairs.rejected_gain + half) ** 2


def _aot(pairs: Likelihoods, form: Form) -> Tensor:
    """Alignment by optimal transport (Melnyk et al. 2024): ratios of a batch are compared in their order."""
    ours, theirs = pairs.chosen - pairs.rejected, pairs.reference_chosen - pairs.reference_rejected
    return -F.logsigmoid(form.beta * (ours.sort().values - theirs.sort().values))


def _aot_unpaired(pairs: Likelihoods, form: Form) -> Tensor:
    """The same of gains, whichever response they are compared with."""
    margin = pairs.chosen_gain.sort().values - pairs.rejected_gain.sort().values
    return -F.logsigmoid(form.beta * margin)


def _apo_zero(pairs: Likelihoods, form: Form) -> Tensor:
    """D'Oosterlinck et al. 2024, equation 7: chosen responses are to become likelier."""
    good, bad = form.beta * pairs.chosen_gain, form.beta * pairs.rejected_gain
    return 1 - torch.sigmoid(good) + torch.sigmoid(bad)


def _apo_down(pairs: Likelihoods, form: Form) -> Tensor:
    """Equation 8: even chosen responses are worse than what the model writes."""
    return torch.sigmoid(form.beta * pairs.chosen_gain) + 1 - torch.sigmoid(form.beta * pairs.margin)


def _discopop(pairs: Likelihoods, form: Form) -> Tensor:
    """Lu et al. 2024, equation 5."""
    logit = _logit(pairs, form)
    blend = torch.sigmoid(logit / DISCOPOP_TAU)
    return -F.logsigmoid(logit) * (1 - blend) + torch.exp(-logit) * blend


def _orpo(pairs: Likelihoods, form: Form) -> Tensor:
    """The odds ratio of ORPO (Hong et al. 2024, equation 7), of means a token; it has no reference."""
    odds = [
        value - torch.log(-torch.expm1(value.clamp(max=-1e-7))) for value in (pairs.chosen, pairs.rejected)
    ]
    return -form.beta * F.logsigmoid(odds[0] - odds[1])


Loss = Callable[[Likelihoods, Form], Tensor]

LOSSES: dict[str, Loss] = {
    "sigmoid": _sigmoid,
    "hinge": _hinge,
    "ipo": _ipo,
    "exo_pair": _exo,
    "nca_pair": _nca,
    "robust": _robust,
    "bco_pair": _bco,
    "sppo_hard": _sppo,
    "aot": _aot,
    "aot_unpaired": _aot_unpaired,
    "apo_zero": _apo_zero,
    "apo_down": _apo_down,
    "discopop": _discopop,
    "orpo": _orpo,
}
"""Of each pair, [B], by the names that trl has for them."""

SMOOTHED = ("exo_pair", "robust")
"""Losses in whose formula `smoothing` stands."""
