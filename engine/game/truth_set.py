"""Positions whose exact value is known, as a game brings them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ILLEGAL = 2
"""Marks a move that cannot be played in TruthSet.outcomes."""


@dataclass(frozen=True)
class TruthSet:
    """Positions of one class.

    positions: in the game's notation [N].
    outcomes: int8 [N, A], what each action leads to for the player to move: 1, 0 or -1; ILLEGAL.
    scores: int16 [N, A] exact scores, higher is better, or None where only outcomes are known.
    """

    name: str
    positions: list[str]
    outcomes: NDArray[np.int8]
    scores: NDArray[np.int16] | None = None
