"""Cells that run the product: its own loop in a run directory, and what that directory says afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cli.progress import Reporter
from engine.cli.text.run import open_task, open_verifier
from engine.config.layer import merge
from engine.language.loop import improve
from engine.language.measure.evaluation import evaluate
from engine.language.method.registry import build_text_config
from engine.language.record.text_run import load_checkpoint, read_text_config
from engine.language.rollout import Policy
from engine.language.task import Split
from engine.report.text_run import VIEWER
from engine.run.layout import CONFIG, METRICS, checkpoint_folder
from engine.run.manifest import Manifest, manifest_paths, read_manifests
from engine.run.metrics import read_metrics
from engine.statistics import pass_at_k
from experiments.experiment import Cell, Figure, Line
from experiments.result import Items, Results

BAND = (0.15, 0.40)
"""Greedy accuracy that a base must have: below it nothing is found, above it little is left to gain."""

Settings = Mapping[str, Any]

SMALL: Settings = {
    "model": {"size": "0.1M", "demonstrations": 1500, "steps": 800},
    "learner": {"batch_tokens": 1024},
    "measure": {"validation": 60, "test": 60, "control": False, "holdout": 50},
    "monitor": {"prompts": 24, "samples": 4},
}
"""What smoke runs of searches and values set."""


def run_loop(path: Path, method: str, task: str, seed: int, *settings: Settings) -> Path:
    """Run a method in `path`, or go on with it; the run's folder."""
    config = build_text_config(method, task, *settings, {"seed": seed})
    reporter = Reporter(quiet=True)
    try:
        with open_verifier(task, open_task(task)) as verify:
            resume = (path / CONFIG).exists()
            improve(
                open_task(task), config, path, verify, resume=resume, reporter=reporter,
                viewer=VIEWER,
            )  # fmt: skip
    finally:
        reporter.close()
    return path


def first_model(cell: Cell, task: str, *settings: Settings, name: str = "base") -> Settings:
    """Settings that name the first model of a seed, which is built where no cell has yet.

    `settings` are the arms' own, so that it learns from the data that they see as real.
    """
    path = cell.shared / name
    if not manifest_paths(path):
        run_loop(path, "sft", task, cell.seed, *settings, {"loop": {"iterations": 0}})
    return {"model": {"path": str(checkpoint_folder(path, 0))}}


def checkpoints(run: Path) -> list[int]:
    """Iterations that have a model, 0 first."""
    manifest = next(each for each in read_manifests(run) if isinstance(each, Manifest))
    return sorted(manifest.checkpoints)


def accepted(run: Path) -> int:
    """The iteration whose model counts in the end."""
    return int(read_metrics(run / METRICS)[-1]["accepted"])


def ever_accepted(run: Path) -> list[int]:
    """Iterations whose models were accepted when they came, 0 first."""
    lines = read_metrics(run / METRICS)
    return sorted({int(line["accepted"]) for line in lines if line["accepted"] == line["iteration"]})


def curves(run: Path, names: Iterable[str]) -> dict[str, list[float | None]]:
    """Metrics of a run by iteration; what the monitor measured of the model that came of it."""
    lines = read_metrics(run / METRICS)
    return {name: [line.get(name) for line in lines] for name in names}


def measure(
    run: Path,
    iteration: int,
    count: int,
    *,
    task: str = "",
    split: Split = "test",
    samples: int = 0,
    seed: int = 0,
) -> dict[str, Items]:
    """Scores of a run's model on problems: `greedy`, and of samples `pass@1`, `pass@k` and `majority@k`.

    `task` judges in place of the run's own. The run is only read.
    """
    name = task or read_text_config(run).task
    judge = open_task(name)
    with open_verifier(name, judge) as verify:
        prompts = judge.prompts(split, count, 0)
        config = read_text_config(run)
        policy = Policy(load_checkpoint(config, checkpoint_folder(run, iteration)), "")
        result = evaluate(judge, policy, prompts, verify, samples=samples, seed=seed)
    keys = list(result.keys)
    found = {"greedy": Items(keys, result.greedy.tolist())}
    if samples:
        right = (result.scores >= 1).sum(axis=1)
        for k in sorted({1, samples}):
            found[f"pass@{k}"] = Items(keys, pass_at_k(samples, right, k).tolist())
        found[f"majority@{samples}"] = Items(keys, result.majority.tolist())
    return found


def measure_all(run: Path, count: int, iterations: Sequence[int], **options: Any) -> dict[str, Items]:
    """Scores of several models of a run as `greedy/0`, `pass@16/2`, …; options as of `measure`."""
    return {
        f"{name}/{iteration}": items
        for iteration in iterations
        for name, items in measure(run, iteration, count, **options).items()
    }


def in_band(arm: str, name: str = "greedy/0", band: tuple[float, float] = BAND) -> Line:
    """The first line of an experiment: its base has something to learn and something to learn from."""

    def check(results: Results) -> Figure:
        found = results.mean(arm, name)
        return Figure(band[0] <= found.value <= band[1], f"{100 * found.value:.1f} %")

    return Line(f"base inside its band: {band[0]:.0%} to {band[1]:.0%} greedy".replace("%", " %"), check)


def ahead(new: str, name: str, old: str, old_name: str, points: float) -> Callable[[Results], Figure]:
    """Whether arm `new` by one measurement leads arm `old` by another, by some points at least."""

    def check(found: Results) -> Figure:
        paired = found.difference(new, old, name, old_name)
        low, high = 100 * paired.low, 100 * paired.high
        text = f"{100 * paired.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
        return Figure(100 * paired.difference >= points, text)

    return check


def settings_of(sizes: Settings, *layers: Settings) -> dict[str, Any]:
    """What a cell sets: the experiment's `settings`, and over them an arm's own."""
    return merge(sizes["settings"], *layers)
