"""STaR on addition: what the model cannot do yet it learns from being told the answer.

Zelikman et al. 2022 (2203.14465), section 4.2: with rationalization several lengths are learnt at once,
without it one after another. Real data are scratchpads of one and two digits, and a few of three and four
whose prompts give the answer. Every arm of a seed but `direct` starts from one model and restarts from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from math import inf
from statistics import fmean

from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, Results
from experiments.text.product import (
    Settings,
    checkpoints,
    curves,
    first_model,
    measure_all,
    run_loop,
    settings_of,
)

WATCHED = ("data/kept", "accuracy/greedy", "hacking/exploits", "alarm/level")

ARMS: dict[str, Settings] = {
    "plain": {"sample": {"rationalize": False}},
    "rationalized": {"filter": {"leaks": False}},
    "filtered": {"filter": {"leaks": True}},
}
"""Without hints; with; with, and without completions that use the answer before they derive it."""

LONG = 3
"""Digits that no demonstration without the answer has."""


def star(arm: str) -> Callable[[Cell], Measured]:
    """The cell of an arm of STaR."""

    def measured(cell: Cell) -> Measured:
        task = cell.sizes["task"]
        shared = settings_of(cell.sizes, {"guards": {"mode": "observe"}})
        base = first_model(cell, task, shared)
        run = run_loop(cell.folder, "star", task, cell.seed, shared, ARMS[arm], base)
        items = measure_all(run, cell.sizes["test"], checkpoints(run))
        lengths = [by_length(items[f"greedy/{number}"]) for number in checkpoints(run)]
        means = [fmean(row.values()) for row in lengths]
        long = [row.get(LONG, 0.0) for row in lengths]
        first = next((float(number) for number, share in enumerate(long) if share >= 0.5), inf)
        values = {"by_length": means[-1], "base": means[0], "long": long[-1]}
        values["first_long"] = min(first, len(long))  # one past the last where it never comes
        return Measured(items, values, {**curves(run, WATCHED), "by_length": means, "long": long})

    return measured


def direct(cell: Cell) -> Measured:
    """Supervised learning of the sums alone, without a scratchpad, on as many problems."""
    task = f"addition:digits={cell.sizes['digits']},scratchpad=false"
    settings = settings_of(cell.sizes, {"guards": {"mode": "observe"}}, cell.sizes["direct"])
    run = run_loop(cell.folder, "sft", task, cell.seed, settings, {"loop": {"iterations": 0}})
    items = measure_all(run, cell.sizes["test"], [0])
    lengths = by_length(items["greedy/0"])
    return Measured(items, {"by_length": fmean(lengths.values()), "long": lengths.get(LONG, 0.0)})


def by_length(items: Items) -> dict[int, float]:
    """Mean score of the problems of each number of digits; a key is `3+12`, both of as many digits."""
    found: dict[int, list[float]] = defaultdict(list)
    for key, score in zip(items.keys, items.scores, strict=True):
        found[max(map(len, key.split("+")))].append(score)
    return {digits: fmean(scores) for digits, scores in sorted(found.items())}


def helps(found: Results) -> Figure:
    """Whether rationalization ends 10 points higher, or has three digits two iterations earlier."""
    points = 100 * (found.value("filtered", "by_length") - found.value("plain", "by_length"))
    early = found.value("plain", "first_long") - found.value("filtered", "first_long")
    return Figure(
        points >= 10 or early >= 2, f"{points:+.1f} points; three digits {early:.1f} iterations earlier"
    )


def beats_direct(found: Results) -> Figure:
    """Whether STaR with rationalization ends above learning sums alone."""
    star, plain = found.value("filtered", "by_length"), found.value("direct", "by_length")
    return Figure(star > plain, f"{100 * star:.1f} % and {100 * plain:.1f} %")


def room(found: Results) -> Figure:
    """Whether the base can do some lengths and not all."""
    value = found.value("plain", "base")
    return Figure(0.15 <= value <= 0.75, f"{100 * value:.1f} %")


RATIONALIZATION = Experiment(
    name="rationalization",
    claim="STaR with rationalization learns longer additions sooner than without.",
    arms={**{arm: star(arm) for arm in ARMS}, "direct": direct},
    lines=[
        Line("base: 15 % to 75 % as a mean over lengths, so that there is something to learn", room),
        Line(
            "with rationalization and the leak filter: 10 points or more above without, as a mean over "
            "lengths, or half of the three-digit sums two or more iterations earlier",
            helps,
        ),
        Line("STaR with rationalization is above learning the sums alone", beats_direct),
    ],
    columns=[
        Column("mean over lengths %, base", "base"),
        Column("at the end", "by_length"),
        Column("three digits %", "long"),
        Column("iteration with half of three digits", "first_long", percent=False),
    ],
    full={
        "task": "addition:digits=4,demonstrated=2,hinted=50",
        "digits": 4,
        "test": 1000,
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 400, "steps": 900},
            "learner": {"batch_tokens": 2048},
            "sample": {"prompts": 8000},
            "update": {"steps": 200},
            "measure": {"validation": 500, "test": 1000, "control": False},
            "monitor": {"prompts": 128, "samples": 8},
            "loop": {"iterations": 8},
        },
        "direct": {"model": {"demonstrations": 8000, "steps": 4200}},
    },
    smoke={
        "task": "addition:digits=3,demonstrated=2,hinted=50",
        "digits": 3,
        "test": 100,
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 300, "steps": 500},
            "learner": {"batch_tokens": 1024},
            "sample": {"prompts": 60},
            "update": {"steps": 15},
            "measure": {"validation": 40, "test": 100, "control": False, "holdout": 40},
            "monitor": {"prompts": 24, "samples": 4},
            "loop": {"iterations": 2},
        },
        "direct": {"model": {"demonstrations": 400, "steps": 200}},
    },
    notes=[
        "Gradient steps of `direct` are about those of the base and of all iterations of an arm together."
    ],
)
