"""An experiment: arms run with several seeds, and success lines that were written down before.

An experiment is a file that makes an Experiment and gives it to `main`:

    python scripts/experiments/text/NAME.py                    all cells, then the table
    python scripts/experiments/text/NAME.py --seeds 2          one seed: one process a core
    python scripts/experiments/text/NAME.py --smoke --out DIR  minutes, and no claims

A cell is one arm with one seed. Its result is a file, and a cell that has one is not run again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from result import Measured, NotMeasuredError, Results, read_measured, write_measured

from engine.errors import UserError
from engine.run.storage import atomic_write, make_folder

Size = Literal["full", "core", "smoke"]

RESULTS = Path(__file__).resolve().parent / "text" / "results"
"""Tables of full runs."""


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


def run(experiment: Experiment, arms: Sequence[str], seeds: Sequence[int], out: Path, size: Size) -> Results:
    """Run the cells that have no result yet; everything that `out` has, pooled.

    UserError where `out` holds other sizes or success lines.
    """
    _claim(experiment, out, size)
    sizes = experiment.sizes(size)
    cells = [Cell(arm, seed, out, sizes) for arm, seed in experiment.cells(arms, seeds)]
    for number, cell in enumerate(cells, 1):
        place = f"[{number}/{len(cells)}] {experiment.name}: {cell.arm}, seed {cell.seed}"
        if cell.result.exists():
            print(f"{place}: done before", file=sys.stderr, flush=True)
            continue
        print(place, file=sys.stderr, flush=True)
        started = time.monotonic()
        measured = experiment.arms[cell.arm](cell)
        write_measured(cell.result, measured)
        print(f"{place}: {(time.monotonic() - started) / 60:.1f} min", file=sys.stderr, flush=True)
    return collect(experiment, out)


def collect(experiment: Experiment, out: Path) -> Results:
    """All finished cells of `out`, whichever process ran them."""
    found: dict[tuple[str, int], Measured] = {}
    for path in sorted((out / "cells").glob("*.json")):
        arm, _, seed = path.stem.rpartition("-")
        if arm in experiment.arms and seed.isdecimal():
            found[arm, int(seed)] = read_measured(path)
    return Results(found)


def main(experiment: Experiment, words: Sequence[str] | None = None) -> int:
    """The command line of an experiment; the exit code."""
    from table import markdown

    options = _options(experiment, words)
    size: Size = "smoke" if options.smoke else "core" if options.core else "full"
    name = experiment.name if size == "full" else f"{experiment.name}-{size}"
    out = options.out or Path("runs/experiments/text") / name
    arms = experiment.arms_of(size)
    try:
        results = run(experiment, options.arms or arms, options.seeds, out, size)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    text = markdown(experiment, results, size)
    atomic_write(out / f"{name}.md", text.encode())
    if size != "smoke" and set(experiment.cells(arms, experiment.seeds)) <= set(results.cells):
        make_folder(RESULTS)
        atomic_write(RESULTS / f"{name}.md", text.encode())
    print(text)
    return 0


def _options(experiment: Experiment, words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=experiment.claim)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(experiment.seeds))
    parser.add_argument("--arms", nargs="+", choices=list(experiment.arms))
    parser.add_argument("--out", type=Path, help="results and runs; default runs/experiments/text/NAME")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--smoke", action="store_true", help="minutes: shows that it runs, claims nothing")
    sizes.add_argument(
        "--core", action="store_true", help="the arms that the claim rests on, fewer iterations"
    )
    options = parser.parse_args(words)
    if options.core and experiment.core is None:
        parser.error(f"{experiment.name} has no --core; run it whole, or --smoke")
    return options


def _claim(experiment: Experiment, out: Path, size: Size) -> None:
    """Write down what the cells of `out` are measured by, or refuse where that has changed since."""
    lines = [line.text for line in experiment.lines]
    plan = {"experiment": experiment.name, "sizes": experiment.sizes(size), "lines": lines}
    plan = json.loads(json.dumps(plan))
    path = out / "plan.json"
    make_folder(out)
    if not path.exists():
        atomic_write(path, json.dumps(plan, indent=1, ensure_ascii=False).encode())
    before = json.loads(path.read_text(encoding="utf-8"))
    for part, now in plan.items():
        if before.get(part) != now:
            raise UserError(f"'{out}' was begun with other {part}; name another folder with --out")
