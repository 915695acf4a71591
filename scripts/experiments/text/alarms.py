"""How often a healthy run is alarmed: iterations of verified runs with an alert whose model is no worse.

    scripts/experiment alarms                            ReST-EM runs of its own, one a seed
    scripts/experiment alarms --runs DIR...              those runs instead, only read
    scripts/experiment alarms --runs DIR... --seeds 1 2  both

An alert is one of level ALERT or STOP. It is not false where the model of its iteration really is worse on
1,000 test problems than the model accepted before it or the first: the 95 % interval of the difference,
drawing whole keys, lies below 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

from engine.run.layout import checkpoint_folder
from engine.run.manifest import read_sealed
from engine.run.metrics import read_metrics
from engine.statistics import exact_interval, paired_bootstrap
from experiments.experiment import Cell, Column, Experiment, Figure, Line
from experiments.result import Items, Measured, NotMeasuredError, Results
from experiments.table import rows
from experiments.text.product import BAND, measure, run_loop, settings_of

TASK = "countdown"
SERIOUS = ("ALERT", "STOP")
ENOUGH, BAR = 60, 0.05
"""Iterations that the share of false alarms is taken over, and what it may be."""


def own(cell: Cell) -> Measured:
    """A run of the product's own, with its settings but for the sizes and samples that are independent."""
    settings = settings_of(cell.sizes, {"sample": {"distinct": False}})
    run = run_loop(cell.folder, "rest-em", TASK, cell.seed, settings)
    return judged(run, cell.sizes["test"])


def given(run: Path) -> Callable[[Cell], Measured]:
    """The cell of a run that is there already."""
    return lambda cell: judged(run, cell.sizes["test"])


def judged(run: Path, count: int) -> Measured:
    """The iterations of a run with their alerts, and whether their models really are worse."""
    lines = read_metrics(run / "metrics.jsonl")
    number = len(lines) - 1
    scores = {i: measure(run, i, count)["greedy"] for i in range(number + 1)}
    found = [_iteration(i, scores, int(lines[i - 1]["accepted"])) for i in range(1, number + 1)]
    alerts = read_sealed(checkpoint_folder(run, number) / "state.json")["progress"]["monitor"]["alerts"]
    for alert in alerts:
        if alert["level"] in SERIOUS:
            found[alert["iteration"] - 1]["alerts"].append(alert["metric"])
    alarmed = [each for each in found if each["alerts"]]
    values = {
        "iterations": float(number),
        "alarmed": float(len(alarmed)),
        "false": float(sum(not each["worse"] for each in alarmed)),
        "worse": float(sum(each["worse"] for each in found)),
    }
    return Measured(
        {f"greedy/{i}": items for i, items in scores.items()}, values, notes={"iterations": found}
    )


def _iteration(number: int, scores: dict[int, Items], before: int) -> dict[str, Any]:
    new, worse, points = scores[number], False, {}
    for other in sorted({0, before}):
        old = scores[other]
        paired = paired_bootstrap(new.scores, old.scores, new.keys)
        points[str(other)] = round(100 * paired.difference, 1)
        worse = worse or paired.high < 0
    return {"iteration": number, "points": points, "worse": worse, "alerts": []}


def total(found: Results, name: str) -> int:
    """The sum of a value over all runs."""
    return round(sum(each.values[name] for each in found.cells.values()))


def in_band_all(found: Results) -> Figure:
    """Whether all first models have something to learn."""
    starts = [fmean(each.items["greedy/0"].scores) for each in found.cells.values()]
    if not starts:
        raise NotMeasuredError("first model")
    text = f"{100 * min(starts):.1f} % to {100 * max(starts):.1f} %"
    return Figure(BAND[0] <= min(starts) and max(starts) <= BAND[1], text)


def false_share(found: Results) -> Figure:
    """Whether few enough iterations have a false alarm."""
    number, false, alarmed = (total(found, name) for name in ("iterations", "false", "alarmed"))
    if number < ENOUGH:
        raise NotMeasuredError(f"{ENOUGH} iterations, but {number}")
    low, high = exact_interval(false, number)
    text = f"{false} of {number} false: {100 * false / number:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
    return Figure(false / number <= BAR, f"{text}; {alarmed} with an alert in all")


def by_metric(found: Results) -> str:
    """A table of what alarmed, and one of the shares."""
    false, right = Counter[str](), Counter[str]()
    for cell in found.cells.values():
        for each in cell.notes["iterations"]:
            (right if each["worse"] else false).update(set(each["alerts"]))
    metrics = sorted({*false, *right}, key=lambda metric: (-false[metric], metric))
    body = [[metric, str(false[metric]), str(right[metric])] for metric in metrics]
    number = total(found, "iterations")
    shares = []
    for name, text in (
        ("alarmed", "with an alert"),
        ("false", "with an alert, the model no worse"),
        ("worse", "the model really worse"),
    ):
        low, high = exact_interval(total(found, name), number)
        share = f"{100 * total(found, name) / number:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        shares.append([text, str(total(found, name)), share])
    head = ["alerts of", "the model no worse", "the model really worse"]
    return rows(["iterations", f"of {number}", "share, exact 95 %"], shares) + "\n\n" + rows(head, body)


ALARMS = Experiment(
    name="alarms",
    claim="A healthy verified run is seldom alarmed.",
    arms={"own": own},
    lines=[
        Line("every first model inside its band: 15 % to 40 % greedy", in_band_all),
        Line(
            f"5 % or fewer of {ENOUGH} or more healthy iterations have an alert while the model is no worse",
            false_share,
        ),
    ],
    columns=[
        Column("greedy %, base", "greedy/0"),
        Column("iterations", "iterations", percent=False),
        Column("with an alert", "alarmed", percent=False),
        Column("of these, model no worse", "false", percent=False),
    ],
    full={
        "test": 1000,
        "settings": {
            "sample": {"prompts": 1500, "samples": 8},
            "measure": {"test": 1000, "control": False},
            "loop": {"iterations": 6},
        },
    },
    smoke={
        "test": 100,
        "settings": {
            "model": {"size": "0.1M", "demonstrations": 2000, "steps": 300},
            "learner": {"batch_tokens": 1024},
            "sample": {"prompts": 60, "samples": 4},
            "update": {"steps": 20},
            "measure": {"validation": 60, "test": 100, "control": False, "holdout": 50},
            "monitor": {"prompts": 24, "samples": 4},
            "loop": {"iterations": 2},
        },
    },
    seeds=tuple(range(1, 11)),
    details=by_metric,
    given=given,
)
