"""An experiment: arms run with several seeds, and success lines that were written down before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.result import Measured, NotMeasuredError, Results

Size = Literal["full", "core", "smoke"]


@dataclass(frozen=True)
class Cell:
    """One arm with one seed."""

    arm: str
    seed: int
    out: Path
    """Of the experiment; `shared` below it is there for what cells have in common."""
    sizes: Mapping[str, Any]
    """What the experiment has under `full` or `smoke`."""

    @property
    def folder(self) -> Path:
        """The cell's own, for its runs."""
        return self.out / "runs" / f"{self.arm}-{self.seed}"

    @property
    def shared(self) -> Path:
        """What the cells of one seed have in common: the first model."""
        return self.out / "runs" / f"shared-{self.seed}"

    @property
    def result(self) -> Path:
        """The file of what it measured."""
        return self.out / "cells" / f"{self.arm}-{self.seed}.json"


@dataclass(frozen=True)
class Figure:
    """What a success line looks at, and whether it is reached."""

    reached: bool
    text: str


@dataclass(frozen=True)
class Line:
    """A success line. `check` raises NotMeasuredError where figures are missing."""

    text: str
    check: Callable[[Results], Figure]

    def judge(self, results: Results) -> tuple[Literal["reached", "missed", "not measured"], str]:
        """(verdict, the figures it rests on)."""
        try:
            figure = self.check(results)
        except NotMeasuredError as missing:
            return "not measured", f"no {missing}"
        return "reached" if figure.reached else "missed", figure.text


@dataclass(frozen=True)
class Column:
    """A column of the table: a name among a cell's items, else its values."""

    title: str
    name: str
    percent: bool = True


@dataclass(frozen=True)
class Experiment:
    """What is compared, and what shall come of it."""

    name: str
    claim: str
    arms: Mapping[str, Callable[[Cell], Measured]]
    lines: Sequence[Line]
    """The first checks that the base is inside its band."""
    columns: Sequence[Column]
    full: Mapping[str, Any]
    """Sizes, written down with the results; JSON."""
    smoke: Mapping[str, Any]
    seeds: Sequence[int] = (1, 2, 3)
    notes: Sequence[str] = ()
    """Sentences for under the table: what departs from the plan."""
    core: Mapping[str, Any] | None = None
    """Sizes of the arms that the claim rests on, where all of it takes hours."""
    core_arms: Sequence[str] = ()
    once: Sequence[str] = ()
    """Arms without a seed, which have one cell, of seed 0."""
    details: Callable[[Results], str] | None = None
    """More Markdown for under the table."""
    given: Callable[[Path], Callable[[Cell], Measured]] | None = None
    """The cell of a run that is there already and is only read (`--runs`), where that can be."""

    def sizes(self, size: Size) -> Mapping[str, Any]:
        """Of a run of some size."""
        found = {"full": self.full, "core": self.core, "smoke": self.smoke}[size]
        assert found is not None, f"{self.name} has no {size} run"
        return found

    def arms_of(self, size: Size) -> list[str]:
        """That a run of some size has."""
        return list(self.core_arms if size == "core" else self.arms)

    def cells(self, arms: Sequence[str], seeds: Sequence[int]) -> list[tuple[str, int]]:
        """(arm, seed), all arms of a seed before the next."""
        alone = [(arm, 0) for arm in arms if arm in self.once]
        return alone + [(arm, seed) for seed in seeds for arm in arms if arm not in self.once]
