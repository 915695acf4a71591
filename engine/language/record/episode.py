"""Episodes: what a model wrote on one problem, what the verifier said, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.language.spelling import spaced_once
from engine.language.task import Prompt, VerifyResult

Source = Literal["real", "model", "hint", "search"]
"""Written by someone else, sampled, sampled with the answer given away, or chosen by a tree search."""


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

    @property
    def path(self) -> str:
        """The canonical way to the answer: what the verifier says, else the text, spaced once."""
        return self.result.path or spaced_once(self.completion)

    ids: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    """The tokens drawn, after the prompt and a hint that stands in the completion, [T]; the end token or the
    stop string is there as it was drawn. Not stored, since files outlive tokenizers: None in what is read
    back, and in what a search put together of steps."""
