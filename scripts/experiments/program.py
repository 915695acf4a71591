"""What runs an experiment: the cells that have no result yet, then the table."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import UserError
from engine.run.storage import atomic_write, make_folder
from experiments.experiment import Cell, Experiment, Size
from experiments.result import Measured, Results, read_measured, write_measured
from experiments.table import markdown


def main(experiment: Experiment, folder: Path, words: Sequence[str]) -> int:
    """The command line of an experiment; the exit code.

    Args:
        experiment: what is run.
        folder: where it lies; tables of full runs are in `results` there.
        words: what follows the experiment's name.
    """
    options = _options(experiment, folder.name, words)
    size: Size = "smoke" if options.smoke else "core" if options.core else "full"
    try:
        experiment = with_runs(experiment, options.runs)
        name = experiment.name if size == "full" else f"{experiment.name}-{size}"
        out = options.out or Path("runs/experiments") / folder.name / name
        arms = experiment.arms_of(size)
        seeds = experiment.seeds if options.seeds is None else options.seeds
        results = run(experiment, options.arms or arms, seeds, out, size)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    text = markdown(experiment, results, size).encode()
    atomic_write(out / f"{name}.md", text)
    if size != "smoke" and set(experiment.cells(arms, experiment.seeds)) <= set(results.cells):
        make_folder(folder / "results")
        atomic_write(folder / "results" / f"{name}.md", text)
    print(text.decode())
    return 0


def with_runs(experiment: Experiment, runs: Sequence[Path]) -> Experiment:
    """The experiment over runs that are there, an arm each and each looked at once.

    Runs of its own join those where seeds are named.
    """
    if not runs:
        return experiment
    assert experiment.given is not None, f"{experiment.name} is over no runs that are there"
    arms = {f"run {path.resolve().name}": experiment.given(path) for path in runs}
    if len(arms) < len(runs):
        raise UserError(f"--runs: two folders of {len(runs)} have one name; rename one")
    return replace(experiment, arms={**experiment.arms, **arms}, once=tuple(arms), seeds=())


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


def _options(experiment: Experiment, kind: str, words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(f"scripts/experiment {experiment.name}", description=experiment.claim)
    parser.add_argument("--seeds", type=int, nargs="*", help="these alone: a process a core shares the work")
    parser.add_argument("--arms", nargs="+", choices=list(experiment.arms))
    place = f"runs/experiments/{kind}/{experiment.name}"
    parser.add_argument("--out", type=Path, help=f"results and runs; default {place}")
    if experiment.given:
        parser.add_argument(
            "--runs", type=Path, nargs="+", default=[], help="these runs, which are only read"
        )
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--smoke", action="store_true", help="minutes: shows that it runs, claims nothing")
    sizes.add_argument(
        "--core", action="store_true", help="the arms that the claim rests on, fewer iterations"
    )
    parser.set_defaults(runs=[])
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
