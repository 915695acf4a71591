"""Scores freed of what length explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode


def without_length(episodes: Sequence[Episode]) -> list[float]:
    """Scores less the common slope of score over tokens within problems, by least squares over all of them.

    What is taken away is the slope times a completion's tokens less the mean of its problem. Where lengths do
    not vary within problems the scores stay as they are.
    """
    if not episodes:
        return []
    scores = np.array([each.result.score for each in episodes])
    lengths = np.array([float(each.tokens) for each in episodes])
    _, group = np.unique([each.prompt.id for each in episodes], return_inverse=True)
    spread = _within(lengths, group)
    square = float(spread @ spread)
    slope = float(spread @ _within(scores, group)) / square if square > 0 else 0.0
    freed: list[float] = (scores - slope * spread).tolist()
    return freed


def _within(values: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
    """Values less the mean of their group, [N] each."""
    return values - (np.bincount(group, values) / np.bincount(group))[group]
