"""Connect Four: the C++ rules, and what the game brings for training and for truth."""

from __future__ import annotations

import csv
import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from engine import _core

if TYPE_CHECKING:
    from engine.truth import TruthSet


_OPENING_PLIES = 12


class Connect4(_core.Connect4):
    """Connect Four, seven columns of six; a move is a column from 1 to 7."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "default": {
            "network": {"blocks": 3},
            "selfplay": {"wide_opening_fraction": 0.75, "wide_opening_plies": 16},
        },
    }
    """Settings over the defaults of engine.config, by name."""

    def solver(self, table_mb: int = 128) -> _core.Connect4Solver:
        """A new exact solver with a transposition table of `table_mb` MB."""
        return _core.Connect4Solver(table_mb)

    def pretrained_checkpoint(self) -> Path:
        """What `connect4:pretrained` names: the preset `default` after 60 minutes of two cores."""
        return Path(str(files("games") / "data" / "connect4_checkpoint"))

    def bench_checkpoint(self) -> Path:
        """A trained network of 64 channels x 5 blocks to measure self-play with."""
        return Path(str(files("games") / "data" / "connect4_bench_checkpoint"))

    def reference_run(self) -> dict[str, Any]:
        """What the README's results come from: `minutes`, `positions` and where from."""
        text = (files("games") / "data" / "connect4_reference.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def openings(self) -> list[str]:
        """Drawn positions of at most 12 plies in which two moves keep the draw and two lose, or more."""
        texts = {}
        for truth in _read_truth_sets():
            for moves, outcomes in zip(truth.positions, truth.outcomes.tolist(), strict=True):
                known = [outcome for outcome in outcomes if abs(outcome) <= 1]
                is_open = max(known) == 0 and known.count(0) > 1 and known.count(-1) > 1
                if len(moves) <= _OPENING_PLIES and is_open:
                    texts[self.parse(moves).canonical()[0]] = moves
        return list(texts.values())

    def truth_sets(self) -> list[TruthSet]:
        """Six sets of random positions with the exact score of every column."""
        return list(_read_truth_sets())


@cache
def _read_truth_sets() -> tuple[TruthSet, ...]:
    import numpy as np

    from engine.truth import ILLEGAL, TruthSet

    text = (files("games") / "data" / "connect4_truth.csv").read_text(encoding="utf-8")
    rows: dict[str, list[tuple[str, list[str]]]] = {}
    for row in csv.DictReader(text.splitlines()):
        rows.setdefault(row["set"], []).append((row["moves"], row["scores"].split()))
    sets = []
    for name, entries in rows.items():
        full = np.array([[score == "." for score in row] for _, row in entries])
        scores = np.array([[0 if score == "." else int(score) for score in row] for _, row in entries])
        outcomes = np.where(full, ILLEGAL, np.sign(scores)).astype(np.int8)
        sets.append(TruthSet(name, [moves for moves, _ in entries], outcomes, scores.astype(np.int16)))
    return tuple(sets)
