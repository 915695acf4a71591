"""A target besides policy and value: what the window is asked for, the head that foretells it, its loss."""

from __future__ import annotations

from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

from engine.learner.losses import TrainingBatch


class Target(nn.Module):
    """A head that only the learner asks; it reads the network's features and is kept out of what plays.

    Attributes:
        weight: of its loss against the policy's.
        asked: arguments of `_core.ReplayWindow.sample` that have it decode the target.
    """

    asked: dict[str, Any]

    def __init__(self, weight: float, **asked: Any) -> None:
        super().__init__()
        self.weight = weight
        self.asked = asked

    def forward(self, trunk: Tensor, features: Tensor) -> Tensor:
        """What the head says, of the trunk [B, C, H, W] and the value head's features [B, F]."""
        raise NotImplementedError

    def loss(self, said: Tensor, batch: TrainingBatch) -> Tensor:
        """Mean loss over the rows that have the target, not weighted; 0 where none has."""
        raise NotImplementedError


class PolicyHead(nn.Module):
    """Trunk [B, C, H, W] to logits [B, A]: a convolution of one cell, then a dense layer.

    Without BatchNorm: the network's own statistics are the only ones.
    """

    def __init__(self, channels: int, head_channels: int, cells: int, num_actions: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, head_channels, 1)
        self.out = nn.Linear(head_channels * cells, num_actions)

    def forward(self, trunk: Tensor) -> Tensor:
        """Logits of the actions."""
        return cast(Tensor, self.out(F.relu(self.conv(trunk)).flatten(1)))


def mean_where(rows: Tensor, known: Tensor) -> Tensor:
    """Mean of `rows` [B] where `known` bool [B]; 0 where nothing is."""
    return rows.masked_fill(~known, 0).sum() / known.sum().clamp(min=1)
