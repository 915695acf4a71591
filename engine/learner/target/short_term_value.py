"""Values of the near future (KataGo, "KataGoMethods", section "Short-term Value and Score Targets").

For each horizon h the mean of the root values of the later plies and the outcome, the k-th later ply by
weight (1 - lambda) lambda ** (k - 1), lambda = 1 - 1 / h, for the player to move in the sample: less noise
than the outcome, from further ahead than the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from engine.evaluator.network import NUM_OUTCOMES
from engine.learner.losses import TrainingBatch
from engine.learner.target.target import Target


class ShortTermValue(Target):
    """Args: width of the value features; horizons in plies; weight of the loss, a mean over them."""

    def __init__(self, features: int, horizons: Sequence[float], weight: float) -> None:
        super().__init__(weight, horizons=tuple(horizons))
        self.out = nn.Linear(features, NUM_OUTCOMES * len(horizons))

    def forward(self, _trunk: Tensor, features: Tensor) -> Tensor:
        """Logits [B, K, 3] of win, draw and loss."""
        return cast(Tensor, self.out(features)).reshape(len(features), -1, NUM_OUTCOMES)

    def loss(self, said: Tensor, batch: TrainingBatch) -> Tensor:
        """Cross entropy, the mean over horizons."""
        assert batch.short_term is not None
        return -(batch.short_term * F.log_softmax(said.float(), 2)).sum(2).mean()
