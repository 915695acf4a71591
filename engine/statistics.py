"""Estimates with intervals: bootstraps that draw whole clusters, exact tests, pass@k.

Items with one key (the same operands, another order) are no independent evidence: every bootstrap draws keys.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv

Floats = NDArray[np.float64]

REPLICATES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """How much better `new` is than `old` on the same items."""

    difference: float
    """Of the means, new less old."""
    low: float
    high: float
    p_less: float
    """Share of replicates with new below old, ties counted half."""


def resample_counts(num_clusters: int, replicates: int = REPLICATES, seed: int = 0) -> Floats:
    """How often each cluster is drawn in each replicate, `[replicates, num_clusters]`."""
    draws = np.random.default_rng([seed, num_clusters]).integers(
        num_clusters, size=(replicates, num_clusters), dtype=np.int64
    )
    draws += np.arange(replicates, dtype=np.int64)[:, None] * num_clusters
    flat = np.bincount(draws.ravel(), minlength=replicates * num_clusters)
    return flat.reshape(replicates, num_clusters).astype(np.float64)


def bootstrap(
    values: ArrayLike,
    keys: Sequence[str],
    confidence: float = 0.95,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """The mean of `values` `[N]` with its percentile interval (Efron 1979), drawing whole keys.

    Where all keys are alike there is nothing to draw; numbers in [0, 1] then get the exact interval of one
    trial a key.
    """
    numbers = np.asarray(values, dtype=np.float64)
    sums, sizes = cluster_sums(numbers, keys)
    means = _ratio_of_draws(sums, sizes, replicates, seed)
    value = float(numbers.mean())
    if means.min() == means.max() and 0 <= value <= 1:
        return Estimate(value, *exact_interval(round(value * len(sums)), len(sums), confidence))
    low, high = percentile_interval(means, confidence)
    return Estimate(value, low, high)


def paired_bootstrap(
    new: ArrayLike,
    old: ArrayLike,
    keys: Sequence[str],
    confidence: float = 0.95,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Paired:
    """Compare two scores of the same items, `[N]` each, drawing whole keys."""
    difference = np.asarray(new, dtype=np.float64) - np.asarray(old, dtype=np.float64)
    sums, sizes = cluster_sums(difference, keys)
    means = _ratio_of_draws(sums, sizes, replicates, seed)
    low, high = percentile_interval(means, confidence)
    p_less = float((means < 0).mean() + 0.5 * (means == 0).mean())
    return Paired(float(difference.mean()), low, high, p_less)


def cluster_sums(values: Floats, keys: Sequence[str]) -> tuple[Floats, Floats]:
    """Sum of the values and number of items of each key, `[C]` each, keys sorted."""
    if len(values) != len(keys) or not len(keys):
        raise ValueError(f"{len(values)} values for {len(keys)} keys; each item needs both")
    _, index = np.unique(np.asarray(keys, dtype=object), return_inverse=True)
    sums = np.bincount(index, weights=values)
    return np.asarray(sums, dtype=np.float64), np.bincount(index).astype(np.float64)


def percentile_interval(replicates: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """The middle `confidence` of the replicates, those that are NaN left out; NaN where none is left."""
    finite = replicates[np.isfinite(replicates)]
    if not finite.size:
        return math.nan, math.nan
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def mcnemar(new: ArrayLike, old: ArrayLike) -> float:
    """Exact two-sided p of McNemar's test (1947) on right and wrong, `[N]` bool each, of the same items."""
    first, second = np.asarray(new, dtype=bool), np.asarray(old, dtype=bool)
    gained, lost = int((first & ~second).sum()), int((~first & second).sum())
    return min(1.0, 2 * binomial_cdf(min(gained, lost), gained + lost, 0.5))


def binomial_cdf(successes: int, trials: int, p: float) -> float:
    """P(X <= successes) of a binomial variable."""
    if successes < 0:
        return 0.0
    return float(bdtr(min(successes, trials), trials, min(max(p, 0.0), 1.0)))


def exact_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval (1934) of a proportion."""
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"{successes} successes of {trials} trials; give 0 <= successes <= trials, trials >= 1"
        )
    tail, failures = (1 - confidence) / 2, trials - successes
    low = float(betaincinv(successes, failures + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def pass_at_k(samples: int, right: ArrayLike, k: int) -> Floats:
    """1 - C(n-c, k) / C(n, k): the chance that k of n samples hold a right one (Chen et al. 2021, eq. 1).

    `right` `[P]` counts the right ones of each problem; unbiased for any k <= `samples`.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {samples} samples; give 1 <= k <= samples")
    total = math.comb(samples, k)
    table = np.array([1 - math.comb(samples - c, k) / total for c in range(samples + 1)])
    return table[np.asarray(right, dtype=np.int64)]


def gini(counts: ArrayLike) -> float:
    """Gini's coefficient of non-negative counts: 0 all alike, towards 1 where one has all."""
    ordered = np.sort(np.asarray(counts, dtype=np.float64))
    n, total = len(ordered), ordered.sum()
    return float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * total)) if total else math.nan


def calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Guo et al. 2017, eq. 3)."""
    sure, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    index = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(index, weights=sure - hit, minlength=bins)
    return float(np.abs(gaps).sum() / len(sure))


def area_under_curve(right: ArrayLike, wrong: ArrayLike) -> float:
    """P(one of `right` [N] is above one of `wrong` [M]), ties counted half (Mann and Whitney 1947)."""
    ordered = np.sort(np.asarray(wrong))
    below = np.searchsorted(ordered, right, side="left")
    upto = np.searchsorted(ordered, right, side="right")
    return float(((below + upto) / 2).mean() / len(ordered))


def areas_within(right: Iterable[NDArray[np.bool_]], values: Iterable[NDArray[np.floating]]) -> Floats:
    """Area under the curve of the values of each problem's samples, a row [k] each, `right` or not; [N].

    NaN where all are right or all are wrong.
    """
    return np.array(
        [
            area_under_curve(row[good], row[~good]) if good.any() and not good.all() else math.nan
            for row, good in zip(values, right, strict=True)
        ]
    )


def _ratio_of_draws(sums: Floats, sizes: Floats, replicates: int, seed: int) -> Floats:
    means = []
    for start in range(0, replicates, 500):  # bounds memory where there are many keys
        rows = min(500, replicates - start)
        counts = resample_counts(len(sums), rows, seed + start)
        means.append((counts @ sums) / (counts @ sizes))
    return np.concatenate(means)
