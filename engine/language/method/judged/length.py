"""Scores freed of what length explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode


def length_slope(episodes: Sequence[Episode]) -> float:
    """By how much a score rises with a token: least squares within problems, over all of them.

    0 where lengths do not vary within problems.
    """
    if not episodes:
        return 0.0
    scores = np.array([each.result.score for each in episodes])
    spread = _within(_lengths(episodes), _groups(episodes))
    square = float(spread @ spread)
    return float(spread @ _within(scores, _groups(episodes))) / square if square > 0 else 0.0


def without_length(episodes: Sequence[Episode], slope: float) -> list[float]:
    """Scores less the slope times a completion's tokens, those of its problem's mean completion left in.

    To nine places, so that what length explains wholly ties.
    """
    if not episodes:
        return []
    spread = _within(_lengths(episodes), _groups(episodes))
    return [
        round(each.result.score - slope * more, 9)
        for each, more in zip(episodes, spread.tolist(), strict=True)
    ]


def freed_of_length(episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes with scores that are freed of what length explains of theirs, which may leave [0, 1]."""
    scores = without_length(episodes, length_slope(episodes))
    return [
        replace(each, result=replace(each.result, score=score))
        for each, score in zip(episodes, scores, strict=True)
    ]


def _lengths(episodes: Sequence[Episode]) -> NDArray[np.float64]:
    return np.array([float(each.tokens) for each in episodes])


def _groups(episodes: Sequence[Episode]) -> NDArray[np.intp]:
    """A number for each problem, [N]."""
    return np.unique([each.prompt.id for each in episodes], return_inverse=True)[1]


def _within(values: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
    """Values less the mean of their group, [N] each."""
    return values - (np.bincount(group, values) / np.bincount(group))[group]
