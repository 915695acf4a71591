"""What moves the weights of a language model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from engine.language.learner.config import TextLearnerConfig

HEAD = "value_head."
"""Beginning of the names of the value head's weights."""


def create_optimizer(
    named: Mapping[str, nn.Parameter], config: TextLearnerConfig, head_rate: float | None = None
) -> torch.optim.AdamW:
    """AdamW on weights by name: matrices decay, vectors do not.

    A group's `rate` is its learning rate before any schedule: `head_rate` that of the value head's weights,
    where one is given, `config.learning_rate` that of all others.
    """
    groups = [
        {
            "params": [
                weight
                for name, weight in named.items()
                if (weight.dim() > 1) == is_matrix
                and (head_rate is not None and name.startswith(HEAD)) == is_head
            ],
            "weight_decay": config.weight_decay if is_matrix else 0.0,
            "rate": head_rate if is_head else config.learning_rate,
        }
        for is_head in (False, True)
        for is_matrix in (True, False)
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=(0.9, config.beta2),
        fused=True,
    )
