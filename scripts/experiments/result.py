"""What the cells of an experiment measured, and what all seeds together say."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from engine.errors import UserError
from engine.run.storage import atomic_write, make_folder
from engine.statistics import Estimate, Paired, bootstrap, paired_bootstrap


class NotMeasuredError(Exception):
    """A figure that no finished cell has."""


@dataclass(frozen=True)
class Items:
    """One score a problem; problems of one key are one cluster."""

    keys: Sequence[str]
    scores: Sequence[float]

    def __post_init__(self) -> None:
        assert len(self.keys) == len(self.scores), (len(self.keys), len(self.scores))


@dataclass(frozen=True)
class Measured:
    """What one cell found.

    Args:
        items: by name, scores of problems: what has an interval.
        values: by name, one number.
        curves: by name, one number an iteration, None where it was not measured.
        notes: by name, anything else that JSON can hold, for people to read.
    """

    items: Mapping[str, Items] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


def write_measured(path: Path, measured: Measured) -> None:
    """As JSON; NaN and infinities become null."""
    make_folder(path.parent)
    text = json.dumps(_finite(asdict(measured)), allow_nan=False, indent=1, ensure_ascii=False)
    atomic_write(path, text.encode())


def read_measured(path: Path) -> Measured:
    """Raise UserError where the file is no result of a cell."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Measured(
            {name: Items(**items) for name, items in content["items"].items()},
            {name: math.nan if x is None else float(x) for name, x in content["values"].items()},
            content["curves"],
            content["notes"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"'{path}' is no result of a cell ({error}); remove it to run the cell again") from (
            error
        )


class Results:
    """Finished cells by (arm, seed). Asking for what none of them has raises NotMeasuredError."""

    def __init__(self, cells: Mapping[tuple[str, int], Measured]) -> None:
        self.cells = dict(cells)

    def seeds(self, *arms: str) -> list[int]:
        """Seeds that every one of some arms has."""
        found = [{seed for arm, seed in self.cells if arm == wanted} for wanted in arms]
        return sorted(set.intersection(*found)) if found else []

    def items(self, arm: str, name: str, seeds: Sequence[int] | None = None) -> Items:
        """All seeds' scores of one measurement, seed by seed; a key is one cluster over all of them."""
        keys: list[str] = []
        scores: list[float] = []
        for seed in self.seeds(arm) if seeds is None else seeds:
            found = self.cells[arm, seed].items.get(name)
            if found is None:
                raise NotMeasuredError(f"{name} of {arm}, seed {seed}")
            keys += found.keys
            scores += found.scores
        if not keys:
            raise NotMeasuredError(f"{name} of {arm}")
        return Items(keys, scores)

    def mean(self, arm: str, name: str) -> Estimate:
        """Mean score with its clustered 95 % interval."""
        found = self.items(arm, name)
        return bootstrap(found.scores, found.keys)

    def difference(self, new: str, old: str, name: str, old_name: str | None = None) -> Paired:
        """Mean of arm `new` less that of `old` on the same problems of the seeds that both have."""
        seeds = self.seeds(new, old)
        first, second = self.items(new, name, seeds), self.items(old, old_name or name, seeds)
        if list(first.keys) != list(second.keys):
            raise NotMeasuredError(f"{new} and {old} on the same problems")
        return paired_bootstrap(first.scores, second.scores, first.keys)

    def values(self, arm: str, name: str) -> list[float]:
        """One number a seed, in the order of the seeds."""
        found = [self.cells[arm, seed].values.get(name, math.nan) for seed in self.seeds(arm)]
        if not found or not all(math.isfinite(value) for value in found):
            raise NotMeasuredError(f"{name} of {arm}")
        return found

    def value(self, arm: str, name: str) -> float:
        """The mean over the seeds."""
        return fmean(self.values(arm, name))

    def curve(self, arm: str, name: str) -> list[float]:
        """By iteration, the mean over the seeds; NaN from where a seed has none."""
        rows = [self.cells[arm, seed].curves.get(name) for seed in self.seeds(arm)]
        if not rows or any(not row for row in rows):
            raise NotMeasuredError(f"{name} of {arm}")
        length = max(len(row) for row in rows if row)
        padded = [[*(row or ()), *[None] * (length - len(row or ()))] for row in rows]
        return [
            math.nan if any(value is None for value in column) else fmean(v for v in column if v is not None)
            for column in zip(*padded, strict=True)
        ]

    def point(self, arm: str, name: str, iteration: int) -> float:
        """The curve's mean in one iteration."""
        row = self.curve(arm, name)
        if not -len(row) <= iteration < len(row) or not math.isfinite(row[iteration]):
            raise NotMeasuredError(f"{name} of {arm} in iteration {iteration}")
        return row[iteration]


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
