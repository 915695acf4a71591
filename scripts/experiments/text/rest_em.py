"""ReST-EM against as many steps on real data; restart from the first model against going on from the last.

Singh et al. 2023 (2312.06585): right samples, capped a problem, training from the base each time. Gulcehre
et al. 2023 (2308.08998): one sampling, several trainings with rising thresholds on a graded reward. All arms
of a seed start from one model, and guards only observe: what is compared are the methods.
"""

from __future__ import annotations

from collections.abc import Callable

from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Measured, Results
from experiments.text.product import (
    Settings,
    checkpoints,
    curves,
    first_model,
    in_band,
    measure_all,
    run_loop,
    settings_of,
)

WATCHED = ("pass/at_01", "pass/at_16", "coverage/solutions", "coverage/effective", "data/kept",
           "data/zero_spread", "drift/bits_per_character", "drift/kl", "alarm/level")  # fmt: skip

INDEPENDENT: Settings = {"sample": {"distinct": False}}
"""Samples as Singh et al. draw them."""

ARMS: dict[str, tuple[str, str, Settings]] = {
    "restart": ("rest-em", "task", {"update": {"start": "base"}, **INDEPENDENT}),
    "continue": ("rest-em", "task", {"update": {"start": "last"}, **INDEPENDENT}),
    "control": ("rest-em", "task", {"sample": {"samples": 0}}),
    "rest": ("rest", "graded", {}),
}
"""Method, which of the tasks, settings. The control learns real data alone, in as many steps."""


def cell(arm: str) -> Callable[[Cell], Measured]:
    """The cell of an arm: the model of every iteration is measured on the same problems."""
    method, which, own = ARMS[arm]

    def measured(cell: Cell) -> Measured:
        task, shared = cell.sizes["task"], settings_of(cell.sizes, {"guards": {"mode": "observe"}})
        base = first_model(cell, task, shared)
        sizes = cell.sizes.get(arm, {})
        run = run_loop(cell.folder, method, cell.sizes[which], cell.seed, shared, own, sizes, base)
        count, samples = cell.sizes["test"], cell.sizes["samples"]
        items = measure_all(run, count, checkpoints(run), task=task, samples=samples)
        train = measure_all(run, count, checkpoints(run), task=task, split="train")
        items |= {f"train {name}": each for name, each in train.items()}
        return Measured(items, curves=curves(run, WATCHED))

    return measured


def gain(arm: str, after: int, before: int, name: str = "greedy") -> Callable[[Results], tuple[float, str]]:
    """(points between two iterations of an arm, in words)."""

    def measured(found: Results) -> tuple[float, str]:
        paired = found.difference(arm, arm, f"{name}/{after}", f"{name}/{before}")
        points = 100 * paired.difference
        return points, f"{points:+.1f} points ({100 * paired.low:+.1f} to {100 * paired.high:+.1f})"

    return measured


def gains(points: float, after: int, name: str = "greedy") -> Callable[[Results], Figure]:
    """Whether restarting gains so many points over the base."""

    def check(found: Results) -> Figure:
        value, text = gain("restart", after, 0, name)(found)
        return Figure(value >= points, text)

    return check


def flattens(found: Results) -> Figure:
    """Whether the last iteration brings less than half of the first."""
    (late, late_text), (first, first_text) = gain("restart", 4, 3)(found), gain("restart", 1, 0)(found)
    return Figure(late < first / 2, f"iteration 1: {first_text}; iteration 4: {late_text}")


def beats(new: str, old: str, iteration: int) -> Callable[[Results], Figure]:
    """Whether an arm is surely better than another after as many iterations."""

    def check(found: Results) -> Figure:
        paired = found.difference(new, old, f"greedy/{iteration}")
        low, high = 100 * paired.low, 100 * paired.high
        return Figure(paired.low > 0, f"{100 * paired.difference:+.1f} points ({low:+.1f} to {high:+.1f})")

    return check


def going_on_costs(found: Results) -> Figure:
    """Whether going on from the last model over-fits more, or narrows more, than restarting."""
    gap, wide = {}, {}
    for arm in ("restart", "continue"):
        test, train = found.mean(arm, "greedy/4").value, found.mean(arm, "train greedy/4").value
        gap[arm], wide[arm] = 100 * (train - test), 100 * found.mean(arm, "pass@16/4").value
    text = "; ".join(f"{arm}: train - test {gap[arm]:+.1f}, pass@16 {wide[arm]:.1f} %" for arm in gap)
    reached = gap["continue"] > gap["restart"] or wide["continue"] < wide["restart"]
    return Figure(reached, text)


TASKS: Settings = {"task": "countdown", "graded": "countdown:graded=true"}
SETTINGS: Settings = {
    "model": {"size": "0.1M", "demonstrations": 3500, "steps": 2000},
    "learner": {"batch_tokens": 2048},
    "sample": {"prompts": 2000, "samples": 16},
    "update": {"steps": 400},
    "measure": {"validation": 500, "test": 1000, "control": False},
}
GRADED_SETTINGS: Settings = {"update": {"steps": 133}}
"""Of each of three trainings with rising thresholds."""

REST_EM = Experiment(
    name="rest_em",
    claim="ReST-EM gains for two or three iterations, then flattens; restarting is no worse than going on.",
    arms={arm: cell(arm) for arm in ARMS},
    lines=[
        in_band("control"),
        Line("restart: 5 points or more by iteration 2", gains(5.0, 2)),
        Line(
            "restart is better than the control of equal steps by iteration 2 (95 % interval above 0)",
            beats("restart", "control", 2),
        ),
        Line("restart: iteration 4 gains less than half of what iteration 1 does", flattens),
        Line(
            "restart: pass@16 at iteration 3 is no more than 1 point below the base",
            gains(-1.0, 3, "pass@16"),
        ),
        Line(
            "going on from the last model shows a larger gap of train and test, or a lower pass@16, at "
            "iteration 4",
            going_on_costs,
        ),
        Line(
            "ReST with rising thresholds is better than the control by iteration 4 (95 % interval above 0)",
            beats("rest", "control", 4),
        ),
    ],
    columns=[
        Column("greedy %, base", "greedy/0"),
        *(Column(f"iteration {n}", f"greedy/{n}") for n in (1, 2, 3, 4)),
        Column("pass@16 %, base", "pass@16/0"),
        Column("iteration 2", "pass@16/2"),
        Column("iteration 4", "pass@16/4"),
    ],
    full={
        **TASKS,
        "test": 1000,
        "samples": 16,
        "settings": {**SETTINGS, "loop": {"iterations": 4}},
        "rest": GRADED_SETTINGS,
    },
    core={**TASKS, "test": 1000, "samples": 16, "settings": {**SETTINGS, "loop": {"iterations": 2}}},
    core_arms=("restart", "control"),
    smoke={
        "task": "countdown:max_number=8,max_target=20",
        "graded": "countdown:max_number=8,max_target=20,graded=true",
        "test": 200,
        "samples": 4,
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 1500, "steps": 800},
            "learner": {"batch_tokens": 1024},
            "sample": {"prompts": 60, "samples": 4},
            "update": {"steps": 20},
            "measure": {"validation": 60, "test": 200, "control": False, "holdout": 50},
            "monitor": {"prompts": 24, "samples": 4},
            "loop": {"iterations": 1},
        },
        "rest": {"update": {"steps": 7}},
    },
)
