"""What a reward model is for: it values what another model writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.language.episode import Episode
from engine.language.method.role import Critic
from engine.language.monitor.metric.observation import Items

if TYPE_CHECKING:
    from engine.language.measure.watch import Look


class Rewarder(Critic):
    """A critic by comparisons; those of verdicts are measured by how they tell right from wrong.

    Where the comparisons are a person's, the task's verifier is no judge of them, and no model is gated.

    Args:
        is_verified: whether verdicts made the comparisons, a judge's included.
        is_judged: whether those are a judge's, who is sure of what scores a half or more.
        by_gold: whether what is right is the truth beside a judge's score, where that is known.
    """

    note = "the model learns to tell the better of two responses and writes none: the first model does"
    fact = "a reward model, which values what the first model writes"

    def __init__(self, *, is_verified: bool, is_judged: bool = False, by_gold: bool = True) -> None:
        self._is_verified, self._is_judged, self._by_gold = is_verified, is_judged, by_gold

    def figure(self, look: Look, values: Sequence[float] | None) -> Items:
        """The area under the curve of each problem's samples; the same for all where a person compared."""
        return super().figure(look, values if self._is_verified else None)

    def rightness(self, episode: Episode) -> float:
        """By a judge where it says so, or where the truth is not known."""
        if not self._is_judged:
            return super().rightness(episode)
        if self._by_gold and episode.result.gold is not None:
            return float(episode.result.gold >= 1)
        return math.nan if math.isnan(episode.worth) else float(episode.worth >= 0.5)
