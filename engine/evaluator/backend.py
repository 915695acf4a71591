"""What computes a network: one class a library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.evaluator.network import PolicyValueNetwork

FloatArray = NDArray[np.float32]
Answer = tuple[FloatArray, FloatArray]
"""Win/draw/loss probabilities [B, 3] and prior logits [B, A]."""


class Backend(Protocol):
    """A network made ready for inference."""

    depth: int
    """Batches that it likes to have in flight, so that it never waits for the next."""

    def load(self, network: PolicyValueNetwork) -> None:
        """Take over new weights of the same architecture."""

    def bind(self, planes: FloatArray) -> Callable[[], None]:
        """What computes `planes` [B, C, H, W] and drops the result: inference with nothing around it."""

    def submit(self, planes: FloatArray) -> Callable[[], Answer]:
        """Begin to compute `planes` [B, C, H, W], which stay as they are until what is returned has waited.

        Its arrays are written again once `depth` more batches have begun.
        """

    def __call__(self, planes: FloatArray) -> Answer:
        """The answer to `planes` [B, C, H, W], to keep."""
