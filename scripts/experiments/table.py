"""The Markdown that an experiment ends in: a table of arms, and what became of each success line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean

from experiments.experiment import Column, Experiment, Size
from experiments.result import NotMeasuredError, Results


def markdown(experiment: Experiment, results: Results, size: Size) -> str:
    """Table, success lines with their verdicts, sizes."""
    kind = {
        "full": "",
        "core": "Core run: the arms that the claim rests on.",
        "smoke": "Smoke run: it shows that everything runs, and no figure here is a claim.",
    }[size]
    seeds = sorted({seed for _, seed in results.cells})
    parts = [
        f"# {experiment.name}",
        experiment.claim,
        kind,
        f"Seeds {', '.join(map(str, seeds))}, pooled; 95 % intervals of a bootstrap that draws problem keys.",
        rows(["arm", *(c.title for c in experiment.columns)], _table(experiment, results)),
        rows(
            ["success line, written before the run", "verdict", "figures"],
            [[line.text, *line.judge(results)] for line in experiment.lines],
        ),
        experiment.details(results) if experiment.details else "",
        "\n".join(f"- {note}" for note in experiment.notes),
        f"Sizes: `{json.dumps(experiment.sizes(size))}`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(experiment: Experiment, results: Results) -> list[list[str]]:
    return [
        [arm, *(_entry(results, arm, column) for column in experiment.columns)]
        for arm in experiment.arms
        if results.seeds(arm)
    ]


def _entry(results: Results, arm: str, column: Column) -> str:
    def number(value: float) -> str:
        return f"{100 * value:.1f}" if column.percent else f"{value:.3g}" if value < 100 else f"{value:,.0f}"

    try:
        mean = results.mean(arm, column.name)
        return f"{number(mean.value)} ({number(mean.low)} to {number(mean.high)})"
    except NotMeasuredError:
        pass
    try:
        values = results.values(arm, column.name)
    except NotMeasuredError:
        return ""
    each = ", ".join(map(number, values))
    return number(fmean(values)) + (f" [{each}]" if len(set(values)) > 1 else "")


def rows(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines)
