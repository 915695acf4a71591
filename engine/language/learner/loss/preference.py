"""Losses of preferences between whole responses, in plain tensors of their ln p, [B] each."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


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
