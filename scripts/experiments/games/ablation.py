"""What each technique is worth on Connect Four: the defaults with one change each, for as many minutes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from statistics import fmean
from typing import Any

from scipy.stats import t as student

from engine.config.layer import merge
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.games.product import SEARCHES, measured, one_core, train_game
from experiments.result import Measured, NotMeasuredError, Results
from experiments.table import rows

BASE = "defaults"

CHANGES: Mapping[str, Mapping[str, Any]] = {
    BASE: {},
    "outcome-alone": {"replay": {"value_mix": 0.0}},
    "search-value-alone": {"replay": {"value_mix": 1.0}},
    "50-simulations": {"selfplay": {"simulations": 50}},
    "25-simulations": {"selfplay": {"simulations": 25}},
    "capped-searches": {"selfplay": {"full_search_fraction": 0.25}},
    "gumbel-16": {"search": {"rule": "gumbel"}, "selfplay": {"simulations": 16}},
    "2-draws-position": {"learner": {"samples_per_position": 2.0}},
    "12-draws-position": {"learner": {"samples_per_position": 12.0}},
    "soft-policy": {"learner": {"soft_policy_weight": 8.0}},
    "opponent-policy": {"learner": {"opponent_policy_weight": 0.15}},
    "short-term-value": {"learner": {"short_term_value_weight": 1.0}},
    "moves-left": {"learner": {"moves_left_weight": 0.1}},
    "proven-values": {"replay": {"proven_values": True}},
    "surprise": {"replay": {"surprise_weight": 0.5, "value_surprise_weight": 0.1}},
    "sharper-policy": {"replay": {"policy_temperature": 0.5}},
    "faster-average": {"learner": {"ema_decay": 0.99}},
    "small-window": {"replay": {"window_start": 20_000}},
    "no-diverse-starts": {"selfplay": {"wide_opening_fraction": 0.0}},
    "5-blocks": {"network": {"blocks": 5}},
    "32-channels": {"network": {"channels": 32}},
}
"""By arm, the settings that are not the preset's."""


def cell(changes: Mapping[str, Any], cell: Cell) -> Measured:
    """Train and score one arm."""
    with one_core(cell.seed):
        run = train_game(cell, "connect4", cell.sizes["minutes"], merge(cell.sizes["settings"], changes))
        return measured(run, cell.sizes["positions"])


def seed_means(results: Results, arm: str, name: str) -> list[float]:
    """Mean mistakes of each seed."""
    return [fmean(results.items(arm, name, [seed]).scores) for seed in results.seeds(arm)]


def spread(results: Results, name: str) -> tuple[float, int]:
    """(standard deviation from seed to seed inside an arm, its degrees of freedom), pooled over all arms."""
    squares, freedom = 0.0, 0
    for arm in CHANGES:
        means = seed_means(results, arm, name) if results.seeds(arm) else []
        squares += sum((mean - fmean(means)) ** 2 for mean in means)
        freedom += max(len(means) - 1, 0)
    if not freedom:
        raise NotMeasuredError(f"two seeds of an arm for {name}")
    return math.sqrt(squares / freedom), freedom


def effect(results: Results, arm: str, name: str) -> tuple[float, float]:
    """(mistakes of an arm less those of the base, half of the 95 % interval by the pooled spread)."""
    ours, base = seed_means(results, arm, name), seed_means(results, BASE, name)
    if not ours or not base:
        raise NotMeasuredError(f"{name} of {arm} and {BASE}")
    deviation, freedom = spread(results, name)
    error = deviation * math.sqrt(1 / len(ours) + 1 / len(base))
    return fmean(ours) - fmean(base), float(student.ppf(0.975, freedom)) * error


def effects(results: Results) -> str:
    """The table of differences from the base."""
    body = []
    for arm in CHANGES:
        if arm == BASE or not results.seeds(arm):
            continue
        try:
            pairs = [effect(results, arm, name) for name in SEARCHES]
        except NotMeasuredError:
            continue
        body.append([arm, *(f"{100 * mean:+.2f} ± {100 * half:.2f}" for mean, half in pairs)])
    note = (
        "Mistakes in per cent less those of the defaults: below 0 is better. 95 % intervals by Student's t "
        "from the spread of seeds inside the arms, pooled over all arms."
    )
    return f"{note}\n\n" + rows(["change", *SEARCHES], body)


def in_band(results: Results) -> Figure:
    """Whether the defaults learn at all, and have not learnt all there is."""
    mean = results.mean(BASE, "network alone").value
    return Figure(0.03 <= mean <= 0.20, f"{100 * mean:.1f} %")


def tells(results: Results) -> Figure:
    """Whether the noise is small enough to see one point."""
    deviation, freedom = spread(results, "network alone")
    half = float(student.ppf(0.975, freedom)) * deviation * math.sqrt(2 / 3)
    return Figure(half <= 0.01, f"± {100 * half:.2f} points of three seeds")


ABLATION = Experiment(
    name="ablation",
    claim="Which change of the defaults makes Connect Four's network better at equal reference minutes",
    arms={arm: partial(cell, changes) for arm, changes in CHANGES.items()},
    lines=[
        Line("the defaults lie in the band of 3 to 20 % mistakes, network alone", in_band),
        Line("a difference of one point shows in three seeds", tells),
    ],
    columns=[
        *(Column(f"mistakes %, {name}", name) for name in SEARCHES),
        Column("positions", "positions", percent=False),
        Column("reference minutes", "reference minutes", percent=False),
    ],
    full={"minutes": 5.0, "positions": None, "settings": {}},
    smoke={
        "minutes": 0.02,
        "positions": 5,
        "settings": {
            "network": {"channels": 4, "blocks": 1, "head_channels": 2, "value_hidden": 4},
            "selfplay": {"simulations": 4, "games": 8},
            "learner": {"batch_size": 16},
            "loop": {"positions": 64},
        },
    },
    details=effects,
    notes=["A run has one core: 5 reference minutes are ten minutes of one core of the reference machine."],
)
