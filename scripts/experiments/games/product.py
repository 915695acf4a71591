"""Cells that train on a game: one core, for reference minutes, and what the network of the end is worth."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.checkpoint import load_checkpoint
from engine.cli.progress import Reporter
from engine.config import Config, build_config
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.reference_rate import machine_speed
from engine.game.inquiry import truth_sets
from engine.registry import load_game, preset
from engine.run.layout import CONFIG, METRICS
from engine.run.metrics import read_metrics
from engine.search import search_params
from engine.train.loop import train
from engine.truth.truth import measure
from experiments.experiment import Cell
from experiments.result import Items, Measured

Settings = Mapping[str, Any]

ONE_CORE: Settings = {"loop": {"callers": 1, "checkpoints": 1}, "learner": {"threads": 1}}
"""Of a run that leaves the other cores to others."""

TOLD = ("selfplay/positions", "search/evaluations_per_position", "policy/entropy", "policy/target_entropy")
"""Metrics of the last iteration that are kept beside the scores."""

SEARCHES = {"network alone": 0, "16 simulations": 16, "100 simulations": 100}
"""What mistakes are counted of, and the simulations it makes."""


@contextmanager
def one_core(seed: int) -> Iterator[None]:
    """Hold this process to one core, by seed: processes of a seed each then share the machine out."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[seed % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def train_game(cell: Cell, game: str, minutes: float, *settings: Settings) -> Path:
    """Train the cell's run for reference minutes, or go on with it; its folder."""
    rules, path = load_game(game), cell.folder
    layers = (preset(rules, "default"), ONE_CORE, *settings)
    config: Config = build_config(*layers, {"game": game, "seed": cell.seed})
    reporter = Reporter(quiet=True)
    try:
        train(
            rules, config, path, minutes=minutes / machine_speed().factor, iterations=None,
            resume=(path / CONFIG).exists(), reporter=reporter, score=False,
        )  # fmt: skip
    finally:
        reporter.close()
    return path


def measured(run: Path, positions: int | None) -> Measured:
    """Mistakes of a run's network on every position of known value, and what it took to get there."""
    lines = read_metrics(run / METRICS)
    values = {name: float(lines[-1][name]) for name in TOLD if name in lines[-1]}
    values["positions"] = sum(line["selfplay/positions"] for line in lines)
    values["reference minutes"] = float(lines[-1]["time/reference_minutes"])
    return Measured(mistakes(run, positions), values)


def mistakes(run: Path, positions: int | None) -> dict[str, Items]:
    """By name of a search, 1 for each position of known value on which it errs, else 0.

    positions: of each set; None for all.
    """
    name, config, network = load_checkpoint(run)
    game = load_game(name)
    evaluator, params = NetworkEvaluator(game, network, config.evaluator), search_params(config.search)
    found = {}
    for title, count in SEARCHES.items():
        scores = measure(
            game, truth_sets(game), [evaluator], [count], search_params=params, positions=positions
        )
        keys = [f"{score.set} {index}" for score in scores for index in range(score.positions)]
        found[title] = Items(keys, [float(wrong) for score in scores for wrong in score.wrong])
    return found
