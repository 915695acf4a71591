"""The best of n samples by a reward: what it scores, and how far it is from the model that drew them."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]


def best_of_n_kl(n: int) -> float:
    """KL in nats of the best of n from one sample, ln n - (n - 1) / n (Stiennon et al. 2020, appendix G.3).

    It is exact where no two completions have one reward and none is likely, and else a bound from above
    (Beirami et al. 2024, 2401.01879), which `distribution_kl` and `sampled_kl` are below.
    """
    return math.log(n) - (n - 1) / n


def best_of_n_score(values: ArrayLike, scores: ArrayLike, n: int) -> Floats:
    """The expected score [P] of the sample of the highest value among n of the N drawn; both are [P, N].

    Without bias: every n of the N are looked at (Nakano et al. 2021, 2112.09332, appendix I); samples of one
    value share what any of them gets.
    """
    liked, won = np.asarray(values, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    count = liked.shape[1]
    assert liked.shape == won.shape
    assert 1 <= n <= count
    return np.array([(_chances(row, n) * score).sum() for row, score in zip(liked, won, strict=True)])


def distribution_kl(probabilities: ArrayLike, rewards: ArrayLike, n: int) -> float:
    """KL in nats of the best of n from one draw of a distribution [V] that is known as a whole.

    Of draws that share the highest reward the first counts.
    """
    given, reward = np.asarray(probabilities, dtype=np.float64), np.asarray(rewards, dtype=np.float64)
    below, level = _levels(given, reward)
    ratio = _ratio(below, level, n)
    return float((given * ratio * np.log(np.where(ratio > 0, ratio, 1.0))).sum())


def sampled_kl(logprobs: ArrayLike, texts: ArrayLike, rewards: ArrayLike, n: int) -> float:
    """`distribution_kl`, estimated from N draws of one problem, each with its ln p, text and reward, [N].

    How much lies below a reward is counted among the draws; a level of reward has the probability of the
    different texts on it that were met, or its share of the draws where that is more. Draws are weighted by
    how much likelier they are as the best of n. Steady for n well under N.
    """
    reward = np.asarray(rewards, dtype=np.float64)
    chance = np.exp(np.asarray(logprobs, dtype=np.float64))
    count = len(reward)
    below, drawn = _levels(np.full(count, 1 / count), reward)
    _, first = np.unique(np.asarray(texts), return_index=True)
    met = np.zeros(count)
    met[first] = chance[first]
    order, inverse = np.unique(reward, return_inverse=True)
    known = np.bincount(inverse, weights=met, minlength=len(order))[inverse]
    repeats = np.bincount(inverse, minlength=len(order))[inverse] > 1
    level = np.minimum(np.where(repeats, np.maximum(known, drawn), known), 1.0)
    ratio = _ratio(np.minimum(below, 1 - level), level, n)
    logs = np.log(np.where(ratio > 0, ratio, 1.0))
    return float((ratio * logs).sum() / ratio.sum() - math.log(ratio.mean()))


class Law(NamedTuple):
    """What gold gains at a distance d, the root of KL (Gao et al. 2023, 2210.10760, equation 1)."""

    a: float
    b: float
    r_squared: float
    """Share of the variance of the gains that it explains; NaN where they have none."""
    peak: float
    """KL in nats at which it says that gold is highest; infinite where it says that it never falls."""


def fit_law(kl: ArrayLike, gold: ArrayLike, kind: Literal["best of n", "policy"] = "best of n") -> Law:
    """The least-squares fit of gold [K], less the first, to d (a - b d), or of a policy to d (a - b ln d).

    `kl` [K] is in nats, 0 at first.
    """
    distance = np.sqrt(np.asarray(kl, dtype=np.float64))
    gain = np.asarray(gold, dtype=np.float64)
    gain = gain - gain[0]
    safe = np.maximum(distance, 1e-12)
    bend = distance * (distance if kind == "best of n" else np.log(safe))
    terms = np.stack([distance, -bend], 1)
    (a, b), *_ = np.linalg.lstsq(terms, gain, rcond=None)
    whole = float(((gain - gain.mean()) ** 2).sum())
    left = float(((gain - terms @ np.array([a, b])) ** 2).sum())
    if b <= 0:
        peak = math.inf
    elif kind == "best of n":
        peak = (max(a, 0.0) / (2 * b)) ** 2
    else:
        peak = math.exp(min(2 * (a / b - 1), 700.0))
    return Law(float(a), float(b), 1 - left / whole if whole else math.nan, float(peak))


def _levels(given: Floats, reward: Floats) -> tuple[Floats, Floats]:
    """(probability below each reward, probability at it)."""
    _, inverse = np.unique(reward, return_inverse=True)
    mass: Floats = np.bincount(inverse, weights=given).astype(np.float64)
    below: Floats = np.cumsum(mass) - mass
    return below[inverse], mass[inverse]


def _ratio(below: Floats, level: Floats, n: int) -> Floats:
    """How many times likelier each is as the best of n than as one draw."""
    small = np.maximum(level, 1e-300)
    upto = np.minimum(below + level, 1.0)
    powers = upto**n - below**n
    # Where the level is too thin to tell the powers apart, their derivative.
    return np.where(level < 1e-9, n * below ** (n - 1), powers / small)


def _chances(values: Floats, n: int) -> Floats:
    """How likely each of N samples is to be the best of n drawn without replacement."""
    count = len(values)
    order = np.argsort(values, kind="stable")
    ranks = np.arange(count)
    usable = ranks >= n - 1
    logs = np.full(count, -np.inf)
    logs[usable] = _log_choose(ranks[usable], n - 1) - _log_choose(np.array(count), n)
    by_rank = np.exp(logs)
    _, inverse, sizes = np.unique(values[order], return_inverse=True, return_counts=True)
    shared = np.bincount(inverse, weights=by_rank)[inverse] / sizes[inverse]
    found = np.zeros(count)
    found[order] = shared
    return found


def _log_choose(total: NDArray[np.int64], part: int) -> Floats:
    found: Floats = gammaln(total + 1) - gammaln(part + 1) - gammaln(total - part + 1)
    return found
