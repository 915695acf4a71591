"""Plies to the game's end (lc0's moves left head: in units of 20 plies, Huber's loss bent at 10).

A game that was resigned or cut off has no known end and teaches nothing here.
"""

from __future__ import annotations

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from engine.learner.losses import TrainingBatch
from engine.learner.target.target import Target, mean_where

UNIT = 20.0
"""Plies."""

BEND = 10 / UNIT
"""From where on an error counts by its size, not its square; in units."""


class MovesLeft(Target):
    """Args: width of the value features; weight of the loss."""

    def __init__(self, features: int, weight: float) -> None:
        super().__init__(weight, moves_left=True)
        self.out = nn.Linear(features, 1)

    def forward(self, _trunk: Tensor, features: Tensor) -> Tensor:
        """Units of plies [B]."""
        return cast(Tensor, self.out(features)).flatten()

    def loss(self, said: Tensor, batch: TrainingBatch) -> Tensor:
        """Huber's loss."""
        assert batch.moves_left is not None
        units = batch.moves_left.nan_to_num() / UNIT
        rows = F.huber_loss(said.float(), units, reduction="none", delta=BEND)
        return mean_where(rows, batch.moves_left.isfinite())
