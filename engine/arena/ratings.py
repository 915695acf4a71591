"""Elo arithmetic: paired matches, sequential tests and round robins.

Games come in pairs: one opening, colours swapped. A pair's score is 0, ½, 1, 1½ or 2 points; the five counts
(pentanomial) give the variance, since the two games of a pair share their opening and are not independent.
A score s in (0, 1) is -400 log10(1 / s - 1) Elo.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from engine.errors import UserError

Z95 = NormalDist().inv_cdf(0.975)
ELO_PER_NAT = 400 / math.log(10)


def elo_of_score(score: float) -> float:
    """Elo difference that gives a mean score in [0, 1]; infinite at the ends."""
    if score <= 0:
        return -math.inf
    return math.inf if score >= 1 else -400 * math.log10(1 / score - 1)


def score_of_elo(elo: float) -> float:
    """Mean score that an Elo difference gives."""
    return 1 / (1 + 10 ** (-elo / 400))


def pentanomial(pair_scores: Sequence[float]) -> list[int]:
    """Counts of pairs by points, 0, ½, 1, 1½ and 2."""
    counts = [0] * 5
    for points in pair_scores:
        counts[round(2 * points)] += 1
    return counts


@dataclass(frozen=True)
class EloEstimate:
    """Elo difference with its 95 % interval and the likelihood of superiority."""

    elo: float
    low: float
    high: float
    los: float


def estimate_elo(counts: Sequence[float]) -> EloEstimate:
    """Elo from pentanomial counts; the interval is that of the mean pair score, turned into Elo.

    Where all pairs are alike the sample has no variance: the interval is then that of the exact binomial
    bound on the chance of another pair, and the likelihood of superiority that of N wins in N trials
    under a uniform prior.
    """
    pairs = sum(counts)
    if not pairs:
        return EloEstimate(0.0, -math.inf, math.inf, 0.5)
    score, variance = _moments(counts)
    if variance > 0:
        error = math.sqrt(variance / pairs)
        low, high = score - Z95 * error, score + Z95 * error
        los = NormalDist().cdf((score - 0.5) / error)
    else:
        other = 1 - 0.025 ** (1 / pairs)
        low, high = score * (1 - other), score + (1 - score) * other
        unlikely = 0.5 ** (pairs + 1)
        los = 0.5 if score == 0.5 else unlikely if score < 0.5 else 1 - unlikely
    return EloEstimate(elo_of_score(score), elo_of_score(low), elo_of_score(high), los)


@dataclass(frozen=True)
class Sprt:
    """Sequential probability ratio test of `elo0` against `elo1` (logistic Elo)."""

    elo0: float
    elo1: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        """Refuse hypotheses that are not two finite numbers in ascending order."""
        if not (math.isfinite(self.elo0) and math.isfinite(self.elo1) and self.elo0 < self.elo1):
            raise UserError(
                f"SPRT {self.elo0:g},{self.elo1:g}: give two finite Elo values, the lower one first"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Log-likelihood ratios at which `elo0` and `elo1` are accepted (Wald)."""
        return math.log(self.beta / (1 - self.alpha)), math.log((1 - self.beta) / self.alpha)

    def state(self, counts: Sequence[float]) -> str:
        """`accept elo0`, `accept elo1` or `continue`."""
        low, high = self.bounds
        ratio = log_likelihood_ratio(counts, self.elo0, self.elo1)
        return "accept elo0" if ratio <= low else "accept elo1" if ratio >= high else "continue"


def log_likelihood_ratio(counts: Sequence[float], elo0: float, elo1: float) -> float:
    """Generalized log-likelihood ratio of `elo1` against `elo0`, natural logarithm.

    Under each hypothesis the pairs follow the likeliest distribution with its mean score (M. Van den Bergh,
    cantate.be/Fishtest/support_MLE_multinomial.pdf, proposition 1.1; the statistic fishtest stops by).
    Empty classes count 0.001 of a pair.
    """
    pairs = np.array([count or 1e-3 for count in counts], dtype=np.float64)
    scores = np.linspace(0, 1, len(pairs))
    null, alternative = (_tilt(scores, pairs, score_of_elo(elo)) for elo in (elo0, elo1))
    return float(np.sum(pairs * (np.log1p(null) - np.log1p(alternative))))


def _tilt(scores: NDArray[np.float64], counts: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """x (scores - mean) where counts / (1 + that) is the likeliest distribution of this mean."""
    gaps = scores - mean
    low, high = -1 / gaps[-1], -1 / gaps[0]
    for _ in range(200):
        x = (low + high) / 2
        # Falls from plus to minus infinity between the bounds.
        low, high = (x, high) if np.sum(counts * gaps / (1 + x * gaps)) > 0 else (low, x)
    tilt: NDArray[np.float64] = x * gaps
    return tilt


def normal_log_likelihood_ratio(counts: Sequence[float], elo0: float, elo1: float) -> float:
    """Normal approximation of `log_likelihood_ratio` (cantate.be/Fishtest/GSPRT_approximation.pdf)."""
    score, variance = _moments([count or 1e-3 for count in counts])
    score0, score1 = score_of_elo(elo0), score_of_elo(elo1)
    return sum(counts) * (score1 - score0) * (2 * score - score0 - score1) / (2 * variance)


def _moments(counts: Sequence[float]) -> tuple[float, float]:
    """Mean and variance of a pair's score, as a share of its points."""
    total = sum(counts)
    scores = [index / (len(counts) - 1) for index in range(len(counts))]
    mean = sum(count * score for count, score in zip(counts, scores, strict=True)) / total
    spread = sum(count * (score - mean) ** 2 for count, score in zip(counts, scores, strict=True))
    return mean, spread / total


@dataclass(frozen=True)
class Rating:
    """A player's Elo with its 95 % interval."""

    elo: float
    low: float
    high: float


def bradley_terry(
    points: NDArray[np.float64],
    games: NDArray[np.float64],
    anchors: Mapping[int, float] | None = None,
    virtual_draws: float = 0.0,
) -> list[Rating]:
    """Maximum-likelihood ratings of a round robin (Bradley and Terry 1952), a draw as half a win.

    Args:
        points: [P, P], points that the row's player took from the column's.
        games: [P, P], games between them, symmetric.
        anchors: players whose ratings are given; without them the mean rating is 0.
        virtual_draws: added to each pairing that met; above 0 it keeps the rating of a player finite who
            won or lost everything.

    The intervals come from the Fisher information. Raise UserError where the results leave a rating
    unbounded (Ford 1957) or two groups never met.
    """
    met = games > 0
    points = points + virtual_draws / 2 * met
    games = games + virtual_draws * met
    anchors = dict(anchors or {})
    check_bounded(points, anchors)
    free = [player for player in range(len(points)) if player not in anchors]
    ratings = np.array([anchors.get(player, 0.0) for player in range(len(points))]) / ELO_PER_NAT
    for _ in range(200):
        gradient, information = _derivatives(ratings, points, games)
        step = np.linalg.pinv(information[np.ix_(free, free)]) @ gradient[free]
        # Steps of at most one nat keep Newton's method from overshooting where the curve is flat.
        ratings[free] += np.clip(step, -1, 1)
        if not anchors:
            ratings -= ratings.mean()
        if np.abs(step).max(initial=0) < 1e-10:
            break
    _, information = _derivatives(ratings, points, games)
    errors = np.zeros(len(points))
    errors[free] = np.sqrt(np.maximum(0, np.diag(np.linalg.pinv(information[np.ix_(free, free)]))))
    width = Z95 * ELO_PER_NAT * errors
    elos = ratings * ELO_PER_NAT
    return [Rating(float(e), float(e - w), float(e + w)) for e, w in zip(elos, width, strict=True)]


def is_bounded(points: NDArray[np.float64], anchors: Mapping[int, float] | None = None) -> bool:
    """Whether every player has taken points, directly or through others, from every other one."""
    count = len(points)
    takes = (points > 0) | np.eye(count, dtype=bool)
    for first in anchors or {}:
        for second in anchors or {}:
            takes[first, second] = True
    reach = np.linalg.matrix_power(takes.astype(np.float64), max(1, count)) > 0
    return bool(reach.all())


def check_bounded(points: NDArray[np.float64], anchors: Mapping[int, float]) -> None:
    """Raise UserError where no finite ratings are the most likely ones."""
    if not is_bounded(points, anchors):
        raise UserError("ratings are unbounded: a group of players took no points from the others; add draws")


def _derivatives(
    ratings: NDArray[np.float64], points: NDArray[np.float64], games: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient [P] and Fisher information [P, P] of the log-likelihood, ratings in nats."""
    expected = 1 / (1 + np.exp(ratings[None, :] - ratings[:, None]))
    gradient = (points - games * expected).sum(axis=1)
    weight = games * expected * (1 - expected)
    return gradient, np.diag(weight.sum(axis=1)) - weight
