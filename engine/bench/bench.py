"""Speed of every stage of the path of the data, beside what it could be at best.

On a processor rates are per CPU-second of the whole process, so that a neighbour on the machine changes
them little, with one thread on one core; on a GPU, and where cores are compared with one, they are per
second of wall time. Each is the median of several stretches, and what is compared is measured in turns.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

from engine.bench.core import measure_decode, measure_encode, measure_memory, measure_rules, measure_search
from engine.bench.machine import measure_machine
from engine.bench.program import measure_startup
from engine.bench.row import Row
from engine.registry import load_game

SEARCHES = ((200, 0.05), (800, 0.05), (20_000, 0.15))
"""Simulations a move of the searches measured, and their shares of the time."""

MAX_LONG_ACTIONS = 16
"""Games of more actions are left out of the longest: hundreds of trees of theirs take many GB."""


def run(games: Sequence[str], seconds: float = 40, report: Callable[[str], None] | None = None) -> list[Row]:
    """Measure the games named, each in about `seconds`; `report` is told each stage as it starts.

    See engine.bench.row for what a row says.
    """
    tell = report or (lambda _: None)
    for spec in games:
        load_game(spec)  # a slip in a name shows before anything is measured
    tell("start-up")
    rows = [measure_startup()]
    tell("reference minutes")
    rows += measure_machine()
    for spec in games:
        rows += _two_cores(spec, seconds * 0.2, tell)
        with one_core():
            rows += _measure(spec, seconds * 0.8, tell)
    return rows


def _two_cores(spec: str, seconds: float, tell: Callable[[str], None]) -> list[Row]:
    from engine.bench.scaling import measure_cores  # imports torch

    tell(f"{load_game(spec).name}: several cores")
    return measure_cores(spec, seconds)


def _measure(spec: str, seconds: float, tell: Callable[[str], None]) -> list[Row]:
    rows: list[Row] = []
    game = load_game(spec)
    tell(f"{game.name}: rules")
    rows += measure_rules(game, seconds * 0.05)
    for simulations, share in SEARCHES if game.num_actions <= MAX_LONG_ACTIONS else SEARCHES[:2]:
        tell(f"{game.name}: search alone, {simulations} simulations a move")
        rows.append(measure_search(game, simulations, seconds * share))

    from engine.bench.network import NetworkBench  # imports torch

    bench = NetworkBench(game)
    tell(f"{game.name}: inference")
    rows += bench.measure_inference(seconds * 0.12)
    tell(f"{game.name}: self-play")
    rows += bench.measure_selfplay(seconds * 0.4)
    tell(f"{game.name}: learner")
    rows += bench.measure_learner(seconds * 0.12)
    tell(f"{game.name}: encoding")
    rows.append(measure_encode(game, seconds * 0.02))
    rows.append(measure_decode(game, bench.window, seconds * 0.02))
    tell(f"{game.name}: memory of a tree")
    rows.append(measure_memory(game))
    return rows


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Stay on one core, with all threads started meanwhile: the last one, for the first has more to do."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
