"""The gate: whether a new model may take the old one's place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Literal

import numpy as np

from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.metric.observation import GateResult
from engine.statistics import cluster_sums, mcnemar, paired_bootstrap

BETTER = 0.05
"""p(new < old) below which the new model is surely better."""
LEAST_CHANGED = 5
"""Keys whose score has changed, for that: of fewer even a sign test that all gain by has no p below 0.05."""


def gate(
    new: Sequence[float], old: Sequence[float], keys: Sequence[str], settings: MonitorConfig, seed: int = 0
) -> GateResult:
    """Compare two models' scores of the same held-out problems, `[N]` each, drawing whole keys.

    The new model is worse, and rejected, where p(new < old) is above `thresholds.gate.alert`, surely better
    where it is below BETTER, and doubted above `thresholds.gate.warn`. Problems without a score (NaN) of
    either are left out; where none is left the new model is even. ValueError where the lengths differ.
    """
    if not len(new) == len(old) == len(keys):
        raise ValueError(f"{len(new)} new scores, {len(old)} old ones and {len(keys)} keys")
    known = np.isfinite(new) & np.isfinite(old)
    new, old, keys = list(compress(new, known)), list(compress(old, known)), list(compress(keys, known))
    if not keys:
        return GateResult(0.5, 0.0, 0.0, 0.0, 1.0, "even")
    paired = paired_bootstrap(new, old, keys, settings.confidence, replicates=settings.replicates, seed=seed)
    both = np.concatenate([np.asarray(new, dtype=np.float64), np.asarray(old, dtype=np.float64)])
    binary = bool(np.isin(both, (0.0, 1.0)).all())
    p_value = mcnemar(np.asarray(new) > 0.5, np.asarray(old) > 0.5) if binary else 1.0
    gained, _ = cluster_sums(np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64), keys)
    bound, p_worse = settings.thresholds.gate, paired.p_less
    verdict: Literal["better", "even", "doubted", "worse"] = "even"
    if p_worse > bound.alert:
        verdict = "worse"
    elif p_worse < BETTER and int(np.count_nonzero(gained)) >= LEAST_CHANGED:
        verdict = "better"
    elif p_worse > bound.warn:
        verdict = "doubted"
    return GateResult(p_worse, paired.difference, paired.low, paired.high, p_value, verdict)
