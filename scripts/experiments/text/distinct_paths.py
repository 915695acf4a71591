"""Rejection-sampling fine-tuning: more distinct paths beat more copies, and several models find more of them.

Yuan et al. 2023 (2308.01825): their largest gain came of pooling the paths of several models. Here the four
are built alike with seeds of their own. All arms have 16 samples a problem and as many gradient steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.language.record.text_run import TextRun
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Measured, Results
from experiments.text.product import (
    Settings,
    curves,
    first_model,
    in_band,
    measure_all,
    run_loop,
    settings_of,
)

WATCHED = ("coverage/solutions", "coverage/unique_right", "data/kept", "pass/at_16", "alarm/level")

ARMS: dict[str, Settings] = {
    "sft": {"sample": {"samples": 0}},
    "one": {"sample": {"policies": 1}},
    "four": {"sample": {"policies": 4}},
    "copies": {"sample": {"policies": 1}, "filter": {"distinct": False}},
}
"""Real data alone; one model; four models; one model whose copies of a path are kept."""


def cell(arm: str) -> Callable[[Cell], Measured]:
    """The cell of an arm: one iteration."""

    def measured(cell: Cell) -> Measured:
        task, shared = cell.sizes["task"], settings_of(cell.sizes, {"guards": {"mode": "observe"}})
        # Where a model is named none like it is built beside it, so that the pool builds all of its own.
        base = {} if arm == "four" else first_model(cell, task, shared)
        run = run_loop(cell.folder, "rft", task, cell.seed, shared, ARMS[arm], base)
        items = measure_all(run, cell.sizes["test"], [0, 1], samples=cell.sizes["samples"])
        return Measured(items, {"paths": float(distinct_paths(run))}, curves(run, WATCHED))

    return measured


def distinct_paths(run: Path) -> int:
    """Different right solutions among all samples of a run."""
    with TextRun.open(run) as opened:
        opened.latest()
        right = {(e.prompt.id, e.path) for e in opened.episodes() if e.result.score >= 1}
    return len(right)


def better(new: str, old: str, points: float, name: str, *, sure: bool) -> Callable[[Results], Figure]:
    """Whether an arm is so many points above another, and surely above it."""

    def check(found: Results) -> Figure:
        paired = found.difference(new, old, name)
        low, high = 100 * paired.low, 100 * paired.high
        reached = 100 * paired.difference >= points and (paired.low > 0 or not sure)
        return Figure(reached, f"{100 * paired.difference:+.1f} points ({low:+.1f} to {high:+.1f})")

    return check


def more_paths(found: Results) -> Figure:
    """Distinct right paths of the pool to those of one model."""
    ratio = found.value("four", "paths") / max(found.value("one", "paths"), 1)
    return Figure(ratio >= 1.15, f"{ratio:.2f} times")


def more_coverage(found: Results) -> Figure:
    """Known solutions found."""
    four, one = (found.point(arm, "coverage/solutions", 1) for arm in ("four", "one"))
    return Figure(four > one, f"{100 * four:.1f} % and {100 * one:.1f} %")


DISTINCT_PATHS = Experiment(
    name="distinct_paths",
    claim="RFT beats SFT; distinct paths beat copies; several models find more distinct paths than one.",
    arms={arm: cell(arm) for arm in ARMS},
    lines=[
        in_band("sft"),
        Line(
            "RFT of one model is 4 points or more above SFT (95 % interval above 0)",
            better("one", "sft", 4.0, "greedy/1", sure=True),
        ),
        Line(
            "four models find 1.15 times or more as many distinct right paths as one, of as many samples",
            more_paths,
        ),
        Line("four models: more of the known solutions are covered than by one", more_coverage),
        Line(
            "four models: pass@16 is no lower than of one",
            better("four", "one", 0.0, "pass@16/1", sure=False),
        ),
        Line(
            "four models: greedy is 1.5 points or more above one; if missed, pooling has an effect on paths "
            "alone",
            better("four", "one", 1.5, "greedy/1", sure=False),
        ),
        Line(
            "copies of a path bring no more than distinct ones: greedy is no higher",
            better("one", "copies", 0.0, "greedy/1", sure=False),
        ),
    ],
    columns=[
        Column("greedy %, base", "greedy/0"),
        Column("greedy %", "greedy/1"),
        Column("pass@16 %", "pass@16/1"),
        Column("distinct right paths", "paths", percent=False),
    ],
    full={
        "task": "countdown",
        "test": 1000,
        "samples": 16,
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 3000, "steps": 2000},
            "learner": {"batch_tokens": 2048},
            "sample": {"prompts": 3500, "samples": 16},
            "filter": {"per_prompt": 16},
            "update": {"steps": 600},
            "measure": {"validation": 500, "test": 1000, "control": False},
        },
    },
    smoke={
        "task": "countdown:max_number=8,max_target=20",
        "test": 200,
        "samples": 4,
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 1500, "steps": 800},
            "learner": {"batch_tokens": 1024},
            "sample": {"prompts": 60, "samples": 8},
            "filter": {"per_prompt": 16},
            "update": {"steps": 20},
            "measure": {"validation": 60, "test": 200, "control": False, "holdout": 50},
            "monitor": {"prompts": 24, "samples": 4},
        },
    },
    seeds=(1, 2, 3, 4, 5),
)
