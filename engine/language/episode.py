"""Episodes: what a model wrote on one problem, what the verifier said, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.language.spelling import spaced_once
from engine.language.task import Prompt, Task, VerifyResult

Source = Literal["real", "model", "hint", "search", "revision"]
"""Written by someone else, sampled, sampled with the answer given away, chosen by a tree search, or a sample
that a model was asked to write again."""


@dataclass(frozen=True)
class Step:
    """One step of an episode that a search chose."""

    text: str
    player: int
    proposals: tuple[str, ...]
    """Steps that the model proposed there, in the order of their text."""
    visits: tuple[int, ...]
    prior: tuple[float, ...]
    q: tuple[float, ...]
    """In [-1, 1] for `player`; NaN where unvisited."""
    value: float
    """Of the search at this node, in [-1, 1] for `player`."""


@dataclass(frozen=True)
class Episode:
    """One completion with its verdict and provenance."""

    prompt: Prompt
    completion: str
    result: VerifyResult
    source: Source
    iteration: int
    """Of the loop; 0 before the first."""
    model: str
    """SHA-256 of the weights that wrote it, empty for real data."""
    seed: int
    temperature: float
    logprob: float
    """Sum of ln p of the generated tokens under the model, at temperature 1."""
    tokens: int
    """Generated for it, in a search all of the tree's."""
    ended: bool = True
    """False: cut at the limit of tokens."""
    kept: bool = False
    """Passed the filter."""
    weight: float = 1.0
    """In the loss."""
    steps: tuple[Step, ...] = ()
    """Of a search; empty otherwise."""
    ids: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    """The tokens drawn, after the prompt and a hint that stands in the completion, [T]; the end token or the
    stop string is there as it was drawn. Not stored, since files outlive tokenizers: None in what is read
    back, and in what a search put together of steps."""
    logprobs: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """ln p of each of them under the model at temperature 1, [T]. Not stored either."""

    @property
    def path(self) -> str:
        """The canonical way to the answer: what the verifier says, else the text, spaced once."""
        return self.result.path or spaced_once(self.completion)

    @property
    def worth(self) -> float:
        """What it counts where models are measured: its score, and nothing where a side forfeited.

        NaN without a verdict.
        """
        if self.result.is_missing:
            return math.nan
        return 0.0 if self.result.is_forfeit else self.result.score


def result_of(result: VerifyResult, player: int) -> float:
    """A player's own result in a game of two, in [0, 1]."""
    return result.score if player == 0 else 1 - result.score


def played_steps(task: Task, prompt: Prompt, completion: str) -> Iterator[tuple[str, str, int]]:
    """(what was written before, step, player) of a game of two, as far as it went before it was over."""
    written = ""
    for step in task.steps(completion):
        if task.is_complete(prompt, written):
            return
        yield written, step, task.player(prompt, written)
        written += step
