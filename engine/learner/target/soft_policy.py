"""A softened policy target (KataGo, "KataGoMethods", section "Auxiliary Soft Policy Target").

The search's p ** (1 / 4), normalised, on a head of its own: moves that the search hardly looked at tell
something, too, and the trunk learns to tell them apart.
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor

from engine.learner.losses import ILLEGAL, TrainingBatch
from engine.learner.target.target import PolicyHead, Target, mean_where

TEMPERATURE = 4.0
"""KataGo's."""


class SoftPolicy(Target):
    """Args: head; weight of the loss; temperature that the batch's policy already has."""

    def __init__(self, head: PolicyHead, weight: float, temperature: float) -> None:
        super().__init__(weight)
        self.head = head
        self.exponent = temperature / TEMPERATURE  # what is left to TEMPERATURE of the search's own

    def forward(self, trunk: Tensor, _features: Tensor) -> Tensor:
        """Logits [B, A]."""
        return cast(Tensor, self.head(trunk))

    def loss(self, said: Tensor, batch: TrainingBatch) -> Tensor:
        """Cross entropy over legal actions."""
        target = batch.policy**self.exponent
        total = target.sum(1, keepdim=True)
        log_policy = F.log_softmax(said.float().masked_fill(~batch.legal, ILLEGAL), 1)
        rows = -(target / total.clamp(min=1e-12) * log_policy).sum(1)
        return mean_where(rows, total.flatten() > 0)
