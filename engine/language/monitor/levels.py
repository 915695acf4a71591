"""Alerts, and when a change is sure enough to be one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from statistics import NormalDist
from typing import Any, Literal, get_args

import numpy as np

from engine.language.monitor.config import FallingThreshold, MonitorConfig, Threshold
from engine.statistics import Floats

Response = Literal[
    "real-fraction", "accumulate", "temperature", "cap", "curriculum", "steps", "roll-back", "reject",
    "label", "stop", "kl", "length", "ensemble",
]  # fmt: skip
"""What can be done: more real data; keep old data instead of replacing it; a higher sampling temperature;
fewer samples kept of one problem; problems from a wider band of difficulty; fewer steps; a greater weight of
KL, in methods that have one, else fewer steps; points off for length, where a judge scores; the least of
several judges' verdicts; back to the model
accepted before the present one, where that has a part in what went wrong; keep the present model; ask for
human verdicts; stop."""

Form = Literal["shrink", "grow", "swing", "fall", "rise", "above", "below"]
"""Relative loss, relative growth, either; absolute loss, absolute rise; a bound from above or from below."""


class Level(IntEnum):
    """WARN is logged; ALERT bars the new model and calls for responses; STOP halts until a human decides."""

    OK = 0
    WARN = 1
    ALERT = 2
    STOP = 3


@dataclass(frozen=True)
class Alert:
    """A metric past its threshold, surely enough."""

    iteration: int
    metric: str
    level: Level
    value: float
    reference: float
    """What it is compared with: its value in another iteration, or the bound; NaN for neither."""
    interval: tuple[float, float]
    """Of the value."""
    message: str
    responses: tuple[Response, ...]
    about_model: bool = True
    """False where it is about the data or the procedure, so that another model would not mend it."""
    bars: bool = True
    """Whether one about the model keeps it from taking the old one's place."""

    def to_json(self) -> dict[str, Any]:
        """Numbers and strings only; what is not finite is null."""
        return {
            "iteration": self.iteration,
            "metric": self.metric,
            "level": self.level.name,
            "value": finite(self.value),
            "reference": finite(self.reference),
            "interval": [finite(end) for end in self.interval],
            "message": self.message,
            "responses": list(self.responses),
            "about_model": self.about_model,
            "bars": self.bars,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Alert:
        """The alert that `to_json` wrote."""
        low, high = (number(end) for end in data["interval"])
        return cls(
            int(data["iteration"]),
            str(data["metric"]),
            Level[data["level"]],
            number(data["value"]),
            number(data["reference"]),
            (low, high),
            str(data["message"]),
            tuple(each for each in data["responses"] if each in get_args(Response)),
            bool(data["about_model"]),
            bool(data.get("bars", True)),
        )


@dataclass(frozen=True)
class Evidence:
    """How bad something is, on the scale of its threshold, and how sure that is."""

    badness: float
    error: float
    """Standard error of it; 0 where it is exact, infinite where it is not known."""

    def chance(self, null: float) -> float:
        """p that a badness of `null` would look as bad, one-sided, by the normal approximation."""
        if self.badness <= null or not math.isfinite(self.badness) or self.error == math.inf:
            return 1.0
        return NormalDist().cdf((null - self.badness) / self.error) if self.error > 0 else 0.0


@dataclass(frozen=True)
class Compared:
    """A value and its replicates `[B]`, or None where it is exact; likewise what it is compared with."""

    value: float
    replicates: Floats | None
    clusters: int = 0
    reference: float = math.nan
    reference_replicates: Floats | None = None

    def evidence(self, form: Form) -> Evidence:
        """The badness of a form: the change from the reference, or the value itself, negated for `below`."""
        point = float(_badness(form, np.float64(self.value), np.float64(self.reference)))
        if self.replicates is None:
            return Evidence(point, 0.0)
        before = self.reference if self.reference_replicates is None else self.reference_replicates
        if form in ("shrink", "grow", "swing"):
            # Over the reference as measured: over one drawn anew, what was seen once and is now gone would
            # have lost all of itself in each draw and look certain.
            scale = abs(self.reference)
            drawn = (self.replicates - before) / scale if scale > 0 else np.full(1, np.nan)
        else:
            drawn = _badness(form, self.replicates, before)
        drawn = drawn[np.isfinite(drawn)]
        if self.clusters < 2 or not drawn.size:
            return Evidence(point, math.inf)
        return Evidence(point, float(drawn.std()) * math.sqrt(self.clusters / (self.clusters - 1)))


def grade(
    evidence: Evidence,
    threshold: Threshold | FallingThreshold,
    form: Form,
    settings: MonitorConfig,
    family: int = 1,
) -> Level:
    """ALERT, WARN or OK.

    The badness must be past the threshold, and surely so: a change must be surely none by chance, a bound
    surely crossed. A metric that is one of a `family` must be as many times surer (Bonferroni).
    """
    sign = -1.0 if form == "below" else 1.0
    steps = (
        (Level.ALERT, threshold.alert, settings.alert_confidence),
        (Level.WARN, threshold.warn, settings.warn_confidence),
    )
    for level, bound, confidence in steps:
        limit = sign * bound
        null = limit if form in ("above", "below") else 0.0
        past = evidence.badness > limit or (evidence.badness == limit and null != limit)
        if past and evidence.chance(null) <= (1 - confidence) / family:
            return level
    return Level.OK


def _badness(form: Form, value: Floats | np.float64, reference: Floats | np.float64 | float) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        if form == "shrink":
            return 1 - value / np.float64(reference)
        if form == "grow":
            return value / np.float64(reference) - 1
        if form == "swing":
            return np.abs(value / np.float64(reference) - 1)
    if form == "fall":
        return reference - value
    if form == "rise":
        return value - reference
    return value if form == "above" else -value


def finite(value: float) -> float | None:
    """For JSON."""
    return float(value) if math.isfinite(value) else None


def number(value: float | None) -> float:
    """From JSON."""
    return math.nan if value is None else float(value)
