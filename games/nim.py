"""Nim in plain Python: whoever takes the last object wins, and everything is known (Bouton 1901)."""

from __future__ import annotations

from functools import reduce
from itertools import product
from operator import xor
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.game import PythonGame, PythonState

if TYPE_CHECKING:
    from engine.truth import TruthSet

MAX_HEAPS, MAX_SIZE = 8, 32


class NimState(PythonState):
    """Sizes of the heaps; action heap * width + n - 1 takes n objects from a heap."""

    def __init__(self, heaps: tuple[int, ...], width: int) -> None:
        self.heaps = list(heaps)
        self.width = width
        self.plies = 0

    def player(self) -> int:
        """The first player makes the odd moves."""
        return self.plies % 2

    def legal_actions(self) -> list[int]:
        """Any number of objects from one heap."""
        return [heap * self.width + n for heap, size in enumerate(self.heaps) for n in range(size)]

    def play(self, action: int) -> None:
        """Take objects."""
        heap, index = divmod(action, self.width)
        self.heaps[heap] -= index + 1
        self.plies += 1

    def outcome(self) -> float | None:
        """The last object was the last player's, so the player to move can only have lost."""
        return None if any(self.heaps) else -1.0

    def encode(self) -> NDArray[np.float32]:
        """A row a heap, an object a cell."""
        sizes = np.array(self.heaps)[:, None]
        return (np.arange(self.width)[None, :] < sizes).astype(np.float32)[None]

    def clone(self) -> NimState:
        """Faster than the default."""
        copy = NimState(tuple(self.heaps), self.width)
        copy.plies = self.plies
        return copy

    def text(self) -> str:
        """A line a heap."""
        return "".join(f"{chr(ord('a') + heap)} {'|' * size}\n" for heap, size in enumerate(self.heaps))


class Nim(PythonGame):
    """Nim, normal play; a move such as b3 takes three objects from the second heap.

    Args:
        heaps: sizes with - between them, such as 3-4-5: up to 8 heaps of 1 to 32 objects.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "default": {
            "network": {"channels": 16, "blocks": 2, "head_channels": 8, "value_hidden": 32},
            "selfplay": {"games": 32, "simulations": 50, "max_opening_plies": 4},
            "loop": {"positions": 1024},
        },
    }
    """Settings over the defaults of engine.config, by name."""

    def __init__(self, heaps: str | int = "3-4-5") -> None:
        sizes = _read_heaps(str(heaps))
        self.heaps = sizes
        self.width = max(sizes)
        super().__init__(
            name="nim" if sizes == (3, 4, 5) else f"nim:heaps={'-'.join(map(str, sizes))}",
            num_actions=len(sizes) * self.width,
            planes_shape=(1, len(sizes), self.width),
            max_plies=sum(sizes),
            action_names=[
                f"{chr(ord('a') + heap)}{n}" for heap in range(len(sizes)) for n in range(1, self.width + 1)
            ],
        )

    def start(self) -> NimState:
        """All heaps whole."""
        return NimState(self.heaps, self.width)

    def truth_sets(self) -> list[TruthSet]:
        """Every position of a small game: a move wins exactly if it leaves sizes whose bits cancel out."""
        from engine.truth import ILLEGAL, TruthSet

        if np.prod([size + 1 for size in self.heaps]) > 1000:
            return []
        positions, outcomes = [], []
        for sizes in product(*(range(size + 1) for size in self.heaps)):
            if not any(sizes):
                continue
            taken = [
                (heap, full - size) for heap, (full, size) in enumerate(zip(self.heaps, sizes, strict=True))
            ]
            positions.append(" ".join(f"{chr(ord('a') + heap)}{n}" for heap, n in taken if n))
            row = np.full(len(sizes) * self.width, ILLEGAL, np.int8)
            for action in NimState(sizes, self.width).legal_actions():
                heap, index = divmod(action, self.width)
                rest = reduce(xor, sizes) ^ sizes[heap] ^ (sizes[heap] - index - 1)
                row[action] = -1 if rest else 1
            outcomes.append(row)
        return [TruthSet("all", positions, np.stack(outcomes))]


def _read_heaps(text: str) -> tuple[int, ...]:
    parts = text.split("-")
    plain = len(parts) <= MAX_HEAPS and all(
        part.isascii() and part.isdecimal() and len(part) < 3 for part in parts
    )
    if not plain or not all(1 <= int(part) <= MAX_SIZE for part in parts):
        raise InputError(f"heaps are '{text}'; give sizes such as 3-4-5, up to 8 heaps of 1 to 32")
    return tuple(int(part) for part in parts)
