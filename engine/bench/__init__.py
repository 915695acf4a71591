"""Speed of every stage of the path of the data, beside what it could be at best.

On a processor rates are per CPU-second of the whole process, so that a neighbour on the machine changes
them little, with one thread; a tree that several threads share and everything on a GPU are measured by the
clock on the wall. Each is the median of several stretches, and what is compared is measured in turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.bench.core import measure_decode, measure_encode, measure_rules, measure_search
from engine.bench.rate import Row
from engine.registry import load_game

__all__ = ["run"]

SEARCHES = ((200, 0.05), (800, 0.05), (20_000, 0.15))
"""Simulations a move of the searches measured, and their shares of the time."""

MAX_LONG_ACTIONS = 16
"""Games of more actions are left out of the longest: hundreds of trees of theirs take many GB."""


def run(games: Sequence[str], seconds: float = 40, report: Callable[[str], None] | None = None) -> list[Row]:
    """Measure the games named, each in about `seconds`; `report` is told each stage as it starts.

    A row: game, stage, metric, value, unit, threads, backend, ceiling (what the value could be at best,
    measured beside it; None where nothing is known) and ratio (value over ceiling).
    """
    tell = report or (lambda _: None)
    rows: list[Row] = []
    for spec in games:
        game = load_game(spec)
        tell(f"{game.name}: rules")
        rows += measure_rules(game, seconds * 0.05)
        for simulations, share in SEARCHES if game.num_actions <= MAX_LONG_ACTIONS else SEARCHES[:2]:
            tell(f"{game.name}: search alone, {simulations} simulations a move")
            rows.append(measure_search(game, simulations, seconds * share))

        from engine.bench.network import NetworkBench  # imports torch
        from engine.bench.tree import measure_tree

        bench = NetworkBench(game)
        tell(f"{game.name}: inference")
        rows += bench.measure_inference(seconds * 0.12)
        tell(f"{game.name}: self-play")
        rows += bench.measure_selfplay(seconds * 0.35)
        tell(f"{game.name}: learner")
        rows += bench.measure_learner(seconds * 0.1)
        tell(f"{game.name}: one tree on all cores")
        rows += measure_tree(game, bench.config, bench.network, seconds * 0.1)
        tell(f"{game.name}: encoding")
        rows.append(measure_encode(game, seconds * 0.02))
        rows.append(measure_decode(game, bench.window, seconds * 0.02))
    return rows
