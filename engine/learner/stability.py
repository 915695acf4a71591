"""What every learner does about steps that are not finite, and the moving average of its weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from engine.errors import UserError

MAX_SKIPPED = 20
"""Steps in a row without a finite loss and gradient after which a run stops."""


def is_finite(loss: Tensor, norm: Tensor) -> bool:
    """Whether a step may be taken: its loss and the norm of its gradient are numbers."""
    return bool(torch.isfinite(loss.detach() + norm))


class Skips:
    """Steps that were left out because they were not finite.

    Args:
        remedy: what a user can do about them, the end of the message.
    """

    def __init__(self, remedy: str) -> None:
        self.total = 0
        self.in_row = 0
        self._remedy = remedy

    def count(self, *, finite: bool, step: int) -> None:
        """Count step `step`; UserError after MAX_SKIPPED in a row that were not finite."""
        if finite:
            self.in_row = 0
            return
        self.total += 1
        self.in_row += 1
        if self.in_row >= MAX_SKIPPED:
            raise UserError(
                f"loss or gradient not finite in {MAX_SKIPPED} steps in a row at step {step}; {self._remedy}"
            )


@torch.no_grad()
def update_average(pairs: Iterable[tuple[Tensor, Tensor]], decay: float, updates: int) -> None:
    """Move each mean towards its value, in place; what counts instead of weighing is copied.

    The decay grows from 0.1 to `decay` with the updates so far, this one included, so that the first weights
    are soon forgotten.
    """
    decay = min(decay, updates / (updates + 9))
    for mean, value in pairs:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
