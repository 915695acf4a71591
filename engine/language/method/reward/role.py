"""What a reward model is for: it values what another model writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.language.method.role import Critic
from engine.language.monitor.metric.observation import Items

if TYPE_CHECKING:
    from engine.language.measure.watch import Look


class Rewarder(Critic):
    """A critic by comparisons; those of verdicts are measured by how they tell right from wrong.

    Where the comparisons are a person's, the task's verifier is no judge of them, and no model is gated.
    """

    note = "the model learns to tell the better of two responses and writes none: the first model does"
    fact = "a reward model, which values what the first model writes"

    def __init__(self, *, is_verified: bool) -> None:
        self._is_verified = is_verified

    def figure(self, look: Look, values: Sequence[float] | None) -> Items:
        """The area under the curve of each problem's samples; the same for all where a person compared."""
        return super().figure(look, values if self._is_verified else None)
