"""The opponent's reply (Wu 2019, section 3.4): the policy target of the next ply of the same game.

Where the next ply is the same player's, or has no policy target, there is none. Its legal moves are not known
before this ply's move, so that the head speaks of all actions.
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor

from engine.learner.losses import TrainingBatch
from engine.learner.target.target import PolicyHead, Target, mean_where


class OpponentPolicy(Target):
    """Args: head; weight of the loss (0.15 in the paper)."""

    def __init__(self, head: PolicyHead, weight: float) -> None:
        super().__init__(weight, reply=True)
        self.head = head

    def forward(self, trunk: Tensor, _features: Tensor) -> Tensor:
        """Logits [B, A]."""
        return cast(Tensor, self.head(trunk))

    def loss(self, said: Tensor, batch: TrainingBatch) -> Tensor:
        """Cross entropy over all actions."""
        assert batch.reply is not None
        rows = -(batch.reply * F.log_softmax(said.float(), 1)).sum(1)
        return mean_where(rows, batch.reply.sum(1) > 0)
