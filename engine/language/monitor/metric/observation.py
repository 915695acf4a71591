"""What the monitor is shown of an iteration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.language.episode import Episode


@dataclass(frozen=True)
class Items:
    """Judged problems, the same in every iteration."""

    keys: Sequence[str]
    scores: Sequence[float]
    strata: Sequence[str] = ()
    """Bucket of skill of each: digits, operator, earlier curriculum; empty for one bucket."""

    def to_json(self) -> dict[str, Any]:
        """Lists, with null for a score that is not known."""
        scores = [score if math.isfinite(score) else None for score in self.scores]
        return {"keys": self.keys, "scores": scores, "strata": self.strata}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Items:
        """What `to_json` wrote; nothing of nothing."""
        scores = [math.nan if score is None else score for score in data.get("scores", ())]
        return cls(data.get("keys", ()), scores, data.get("strata", ()))


@dataclass(frozen=True)
class Holdout:
    """Frozen real data under the model."""

    keys: Sequence[str]
    nats: Sequence[float]
    """Negative log-likelihood of each completion."""
    characters: Sequence[int]
    kl: Sequence[float] | None = None
    """ln p_base - ln p of each completion, in nats: on real data, so KL in reverse."""


@dataclass(frozen=True)
class Judge:
    """A learned judge asked twice."""

    keys: Sequence[str]
    agrees: Sequence[bool | None]
    """Whether it said the same when it was asked again or otherwise; None: it said nothing."""
    confidence: Sequence[float] | None = None
    """Its scores, NaN where it gave none."""
    right: Sequence[bool] | None = None
    """Against gold, beside `confidence`."""
    spread: Sequence[float] | None = None
    """Standard deviation of the verdicts of several judges on each, NaN where one is missing."""
    missing: Sequence[bool] | None = None
    """Whether it gave no verdict that can be read; None where it always does."""


@dataclass(frozen=True)
class GateResult:
    """The new model against the old on the same held-out problems."""

    p_worse: float
    """p(new < old) of the paired bootstrap."""
    difference: float
    low: float
    high: float
    p_value: float
    """Of McNemar's test, two-sided; 1 where scores are not right or wrong."""
    verdict: Literal["better", "even", "doubted", "worse"]
    """Surely better; neither; likelier worse than `thresholds.gate.warn`; than `thresholds.gate.alert`."""


@dataclass(frozen=True)
class Observation:
    """One iteration. What is None was not measured; its metrics are left out."""

    iteration: int
    probe: Sequence[Episode]
    """Samples of the fixed problems at temperature 1, as many of each as the settings say."""
    generated: Sequence[Episode] = ()
    """All that was sampled to learn from, kept or not."""
    real_fraction: float | None = None
    """Of the tokens trained on."""
    values: Sequence[float] | None = None
    """What the value head says of each probe sample: the chance that it is right."""
    entropy: Sequence[Sequence[float]] | None = None
    """Nats, of the model's distribution at each generated token of each probe sample."""
    gold: Sequence[float] | None = None
    """True scores of the probe samples, NaN where unknown; needless where the verifier is exact."""
    second: Sequence[float] | None = None
    """Scores of the probe samples from an independent verifier, NaN where it was not asked."""
    kl: Sequence[float] | None = None
    """ln p - ln p_base of each probe sample, summed over its tokens, in nats."""
    holdout: Holdout | None = None
    accuracy: Items | None = None
    """Held-out problems, greedily."""
    variations: Items | None = None
    """Variations of those."""
    judge: Judge | None = None
    overlap: int | None = None
    """Episodes on the problem of an evaluation item, kept or not, each counted once."""
    gate: GateResult | None = None
    exploded: float | None = None
    """Nats a token from its reference at which a training had to be stopped."""
    human: bool = False
    """Whether human verdicts came in since the iteration before."""
