"""A run beside the one that a game's published results come from: how far this machine has come."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import _core
from engine.config import Config, build_config
from engine.doctor import num_cores
from engine.game.inquiry import reference_run
from engine.game_run import read_config
from engine.registry import load_game, preset
from engine.run import storage
from engine.run.layout import METRICS
from engine.run.metrics import read_metrics

MIN_MINUTES = 1.0
"""Of a run that is compared; a shorter one has hardly begun."""

SLOWER = 0.8
"""Times the reference's positions a second below which the reasons are looked for."""

_OF_THE_MACHINE = {
    "selfplay": {"games", "cache_mb"},
    "learner": {"threads", "precision"},
    "search": {"max_tree_mb"},
}
"""Settings, by section, that a machine chooses for itself and that change no result."""


@dataclass(frozen=True)
class Comparison:
    """A run and the reference of its game.

    machine: what the reference was made on, in words.
    minutes, positions: of this run; the reference played `reference_positions` in `reference_minutes`.
    worth: reference minutes that a minute here was, see engine.evaluator.reference_rate; None where the run
        does not count them.
    cores_taken: that other programs used while the run went on, of `cores`; None where the system does not
        tell.
    """

    machine: str
    minutes: float
    positions: float
    reference_minutes: float
    reference_positions: float
    worth: float | None = None
    cores_taken: float | None = None
    cores: int = 1
    load: float = 0.0

    @property
    def rate(self) -> float:
        """Positions a second."""
        return self.positions / (60 * self.minutes)

    @property
    def reference_rate(self) -> float:
        """Positions a second of the reference."""
        return self.reference_positions / (60 * self.reference_minutes)

    @property
    def is_slower(self) -> bool:
        """Whether this machine played so much less that the published results say little about it."""
        return self.rate < SLOWER * self.reference_rate

    def lines(self) -> list[str]:
        """For a person."""
        there = self.reference_rate * 60 * self.minutes
        lines = [
            f"{self.positions:,.0f} positions in {self.minutes:.1f} minutes here, {self.rate:,.0f} a second; "
            f"{self.machine} plays {there:,.0f} in as many, {self.reference_rate:,.0f} a second"
        ]
        if not self.is_slower:
            return lines
        lines.append(
            f"this machine was slower or busy: expect what that one reaches after "
            f"{self.minutes * self.rate / self.reference_rate:.1f} minutes, and go on with more"
        )
        if self.worth is not None:
            lines.append(
                f"a minute here was {self.worth:.2f} reference minutes by the bare network; "
                f"load {self.load:.1f} on {self.cores} cores just now"
            )
        if self.cores_taken is not None:
            lines.append(f"other programs took {self.cores_taken:.1f} of {self.cores} cores meanwhile")
        return lines


def compare_run(game: _core.Game, run_path: Path) -> Comparison | None:
    """The run beside its game's reference; None where there is none, or the run is of other settings."""
    reference = reference_run(game)
    if reference is None:
        return None
    path, config = run_path / METRICS, read_config(run_path)
    lines = read_metrics(path) if storage.exists(path) else []
    if not lines or not _is_like_preset(game, config):
        return None
    minutes, counted = lines[-1].get("minutes") or 0.0, lines[-1].get("time/reference_minutes")
    positions = sum(line.get("selfplay/positions") or 0 for line in lines)
    if minutes < MIN_MINUTES:
        return None
    found = {
        "machine": reference["machine"],
        "minutes": minutes,
        "positions": positions,
        "reference_minutes": reference["minutes"],
        "reference_positions": reference["positions"],
        "worth": counted / minutes if counted is not None else None,
        "cores": num_cores(),
        "load": os.getloadavg()[0],
        "cores_taken": _mean([line.get("machine/cores_taken") for line in lines]),
    }
    return Comparison(**found)


def _is_like_preset(game: _core.Game, config: Config) -> bool:
    """Whether the run learns as the game's preset says, whatever the machine has chosen."""
    if load_game(config.game).name != game.name:
        return False
    usual = build_config(preset(game, "default"))
    sections = ("search", "selfplay", "network", "learner", "replay")
    ours, theirs = (_results_of(one, sections) for one in (config, usual))
    return ours == theirs


def _results_of(config: Config, sections: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(config, name).model_dump(exclude=_OF_THE_MACHINE.get(name)) for name in sections}


def _mean(values: Sequence[Any]) -> float | None:
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return sum(numbers) / len(numbers) if numbers else None
