"""Steps of completions that are drawn at another temperature than the rest: noise on what a model writes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.model.codec import Codec
from engine.language.model.generation.sampling import Noise, Sampling, draw

_CHOICE = 0x48454154
"""Sets the seeds of which steps are hot apart from those of the tokens."""


@dataclass(frozen=True)
class Heat:
    """Which steps are hot, and how hot."""

    share: float
    """Of the steps."""
    temperature: float
    step_end: str
    """Ends a step; empty: a completion is one."""


class HotSteps:
    """The rows of a batch that are in a hot step. It is a function of a row's seed and the step's number.

    Args:
        heat: which steps.
        codec: that spells them.
        seeds: of the rows [R].
    """

    def __init__(self, heat: Heat, codec: Codec, seeds: Sequence[int]) -> None:
        self._heat, self._codec = heat, codec
        self._may_end = _may_end(codec, heat.step_end)
        self._noise = Noise([seed ^ _CHOICE for seed in seeds])
        self._steps = np.zeros(len(seeds), np.int64)
        self._hot = self._are_hot(np.arange(len(seeds)))

    def draw(
        self, logits: Tensor, uniform: Tensor, sampling: Sampling, rows: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `sampling.draw`, the rows [B] in hot steps at their temperature."""
        found = draw(logits, uniform, sampling)
        hot = torch.from_numpy(self._hot[rows]).to(logits.device)
        if not hot.any():
            return found
        hotter = draw(logits, uniform, replace(sampling, temperature=self._heat.temperature))
        tokens, logprobs, entropy = (
            torch.where(hot, new, old) for new, old in zip(hotter, found, strict=True)
        )
        return tokens, logprobs, entropy

    def follow(self, ids: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """Count the steps that rows [B] have ended, whose tokens so far are `ids` [B, T]."""
        last = ids[:, -1]
        known = np.minimum(last, len(self._may_end) - 1)
        chosen = np.flatnonzero(self._may_end[known] | (known < last))
        if not self._heat.step_end or not len(chosen):
            return
        rows = rows[chosen]
        texts = self._codec.decode(ids[chosen].tolist())
        steps = np.array([text.count(self._heat.step_end) for text in texts], np.int64)
        moved = steps != self._steps[rows]
        self._steps[rows] = steps
        self._hot[rows[moved]] = self._are_hot(rows[moved])

    def _are_hot(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        hot: NDArray[np.bool_] = self._noise.at(rows, self._steps[rows]) < self._heat.share
        return hot


@functools.lru_cache(maxsize=8)
def _may_end(codec: Codec, step_end: str) -> NDArray[np.bool_]:
    """Which tokens may be the last of a step: a step's end is complete with one that has its last letter."""
    return np.array([piece is None or step_end[-1:] in piece for piece in codec.pieces()], bool)
