"""How much a minute of this machine is worth."""

from __future__ import annotations

from engine.bench.row import Row, make_row

SECONDS = 1.6


def measure_machine() -> list[Row]:
    """The bare rate that reference minutes are counted by, measured now, and how many a minute is."""
    from engine.evaluator.reference_rate import EVALUATORS, measure_speed  # imports torch

    speed = measure_speed(seconds=SECONDS)
    return [
        make_row(None, "reference", "evaluations", speed.rate, "1/s", speed.backend, threads=EVALUATORS),
        make_row(
            None,
            "reference",
            "reference_minutes",
            speed.factor,
            "a minute",
            speed.backend,
            threads=EVALUATORS,
        ),
    ]
