"""What is made of whole texts when they are read, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from engine.language.model.codec import Tokens


@dataclass(frozen=True)
class Reading:
    """What a network makes of texts, padded on the left to T columns."""

    hidden: Tensor
    """After the last token and the last norm but for its weight, float32 [B, h]."""
    cache: Tensor
    """Keys (even) and values (odd) of the layers, [2 L, B, K, T, d]."""
    pads: Tensor
    """Columns of padding, int64 [B]."""


class Reader(Protocol):
    """Reads texts with the weights that it was made from."""

    def read(self, rows: Sequence[Tokens]) -> Reading:
        """Read texts of one token at least."""
