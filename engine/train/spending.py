"""What a run has taken so far, iteration by iteration: time, reference minutes, positions and evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.run import storage
from engine.run.layout import METRICS
from engine.run.metrics import read_metrics


@dataclass(frozen=True)
class Spending:
    """Of a run from its first iteration to one of its others.

    minutes: of wall time, breaks left out.
    reference_minutes: see engine.evaluator.reference_rate; None where the run does not count them.
    positions: searched moves.
    evaluations: of its networks, for those.
    """

    minutes: float
    reference_minutes: float | None
    positions: int
    evaluations: int

    def __str__(self) -> str:
        reference = self.reference_minutes
        counted = "" if reference is None else f", {reference:.2f} reference minutes"
        return (
            f"taken: {self.minutes:.2f} minutes{counted}; {self.positions:,} positions, "
            f"{self.evaluations:,} evaluations"
        )


def spending(run_path: Path) -> dict[int, Spending]:
    """By iteration, in their order, from the metrics of a run; nothing where it has none."""
    path = run_path / METRICS
    found: dict[int, Spending] = {}
    positions = evaluations = 0.0
    for line in read_metrics(path) if storage.exists(path) else []:
        played = line.get("selfplay/positions") or 0
        positions += played
        evaluations += played * (line.get("search/evaluations_per_position") or 0)
        found[line["iteration"]] = Spending(
            line.get("minutes") or 0.0,
            line.get("time/reference_minutes"),
            round(positions),
            round(evaluations),
        )
    return found
