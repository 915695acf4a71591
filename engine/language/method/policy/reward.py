"""What a completion is worth to a policy gradient with a critic: its score, scaled, cut and penalised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode

if TYPE_CHECKING:
    from engine.language.method.policy.ppo_config import PpoConfig

SURE = 1e-9
"""Scores are kept this far from 0 and 1 before their odds are taken."""


def is_told(episode: Episode) -> bool:
    """Whether there is a score to learn from: a verdict that is missing or no number is none, and never 0."""
    return not episode.result.is_missing and math.isfinite(episode.result.score)


def rewards_of(episodes: Sequence[Episode], config: PpoConfig) -> NDArray[np.float64]:
    """Of completions with scores, [N]: as told or their odds, scaled, cut; less a penalty without an end."""
    scores = np.array([episode.result.score for episode in episodes], float)
    if config.score == "odds":
        sure = scores.clip(SURE, 1 - SURE)
        scores = np.log(sure) - np.log1p(-sure)
    if config.reward_scale == "batch":
        scores = scores / (scores.std() + 1e-8) if len(scores) and scores.std() > 0 else scores
    if config.reward_clip:
        scores = scores.clip(-config.reward_clip, config.reward_clip)
    return scores - config.cut_penalty * np.array([not episode.ended for episode in episodes], float)
