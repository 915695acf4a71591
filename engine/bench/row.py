"""The rows that report measurements, and the goals that they are held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

Row = dict[str, Any]
"""game, stage, name, unit, threads, backend; ours: the value; ceiling: what it could be at best, measured
beside it, or the limit that it is held to; ratio: ours over ceiling; goal: as text; met: whether it is."""


class Named(Protocol):
    """A game, or a task of text."""

    @property
    def name(self) -> str:
        """What the rows are of."""


@dataclass(frozen=True)
class Goal:
    """A bound on a row's value or on its ratio."""

    bound: float
    of: str = "ratio"  # or "ours"
    at_most: bool = False

    def is_met(self, row: Row) -> bool | None:
        """As shown, to three digits of a ratio; None where the row has no such number."""
        value = row[self.of]
        if value is None:
            return None
        value = round(value, 3)
        return bool(value <= self.bound) if self.at_most else bool(value >= self.bound)

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        bound = f"{self.bound:,.0f}" if self.bound >= 100 else f"{self.bound:g}"
        return f"{sign} {bound}{' of ceiling' if self.of == 'ratio' else ''}"


GOALS: dict[tuple[str, str], Goal] = {
    ("inference", "positions_batch_64"): Goal(0.85),
    ("selfplay", "evaluations"): Goal(0.95),
    ("learner", "samples"): Goal(0.95),
    ("selfplay", "two_callers"): Goal(0.95),
    ("tree", "evaluations_one_tree"): Goal(0.95),
    ("analysis", "positions_side_by_side"): Goal(5.0, "ours"),
    ("tree", "bytes_per_node"): Goal(1.0, at_most=True),
    ("text_search", "tokens"): Goal(0.8),
    ("text_wide_search", "tokens"): Goal(0.8),
    ("text_search", "problems_64_at_once"): Goal(5.0, "ours"),
    ("text_wide_search", "problems_64_at_once"): Goal(5.0, "ours"),
    ("text_sampling", "outside_decoding"): Goal(0.15, "ours", at_most=True),
    ("startup", "help"): Goal(2.5, at_most=True),
}
"""Of every game and of text, by (stage, name): each a ratio to something measured in the same run, or a limit
that follows from the game. A row that has no such limit shows its figure and no goal."""

GPU_GOAL = Goal(0.85)
"""Evaluations inside self-play over the bare rate, on a GPU."""


def make_row(
    game: Named | None,
    stage: str,
    name: str,
    ours: float,
    unit: str,
    backend: str,
    ceiling: float | None = None,
    threads: int = 1,
) -> Row:
    """One measurement with its goal; no game where it is about the program."""
    row: Row = {
        "game": game.name if game else "",
        "stage": stage,
        "name": name,
        "unit": unit,
        "ours": ours,
        "ceiling": ceiling,
        "ratio": None if ceiling is None else ours / ceiling,
    }
    goal = find_goal(stage, name, backend)
    row["goal"] = str(goal) if goal else None
    row["met"] = goal.is_met(row) if goal else None
    return row | {"threads": threads, "backend": backend}


def find_goal(stage: str, name: str, backend: str) -> Goal | None:
    """What a row is held to; a name counts up to its first parenthesis."""
    plain = name.split(" (")[0]
    if (stage, plain) == ("selfplay", "evaluations") and backend.endswith("cuda"):
        return GPU_GOAL
    return GOALS.get((stage, plain))
