"""Elo arithmetic of one match: estimates with their intervals from counts of games or of pairs.

Counts go up with the points: losses, draws and wins of single games, or, where games come in pairs (one
opening, colours swapped), pairs of 0, ½, 1, 1½ and 2 points. The five (pentanomial) give the variance, since
the two games of a pair share their opening and are not independent.

A mean score s in (0, 1) is -400 log10(1 / s - 1) Elo. Normalized Elo is the score's distance from ½ in
standard deviations of a game, times 800 / ln 10 (M. Van den Bergh, cantate.be/Fishtest/normalized_elo.pdf).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)
ELO_PER_NAT = 400 / math.log(10)
NORMALIZED_PER_SIGMA = 800 / math.log(10)


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
    """Elo difference with its 95 % interval and the likelihood of superiority; `nelo`: normalized Elo."""

    elo: float
    low: float
    high: float
    los: float
    nelo: float
    nelo_low: float
    nelo_high: float


def estimate_elo(counts: Sequence[float]) -> EloEstimate:
    """Elo from three or five counts; the interval is that of the mean score, turned into Elo.

    Where all games or pairs are alike the sample has no variance: the intervals are then those of the exact
    binomial bound on the chance of another one, and the likelihood of superiority that of N wins in N trials
    under a uniform prior.
    """
    total = sum(counts)
    if not total:
        return EloEstimate(0.0, -math.inf, math.inf, 0.5, 0.0, -math.inf, math.inf)
    score, variance = moments(counts)
    if variance <= 0:
        return _estimate_of_one_kind(score, total, _games(counts))
    error = math.sqrt(variance / total)
    low, high = score - Z95 * error, score + Z95 * error
    los = NormalDist().cdf((score - 0.5) / error)
    unit = NORMALIZED_PER_SIGMA / math.sqrt(_games(counts))
    nelo, width = unit * (score - 0.5) / math.sqrt(variance), unit * Z95 / math.sqrt(total)
    return EloEstimate(
        elo_of_score(score), elo_of_score(low), elo_of_score(high), los, nelo, nelo - width, nelo + width
    )


def _estimate_of_one_kind(score: float, total: float, games: int) -> EloEstimate:
    """The same where all had this score; the bounds are those where a share was lost or won instead."""
    other = 1 - 0.025 ** (1 / total)
    low, high = score * (1 - other), score + (1 - score) * other
    unlikely = 0.5 ** (total + 1)
    los = 0.5 if score == 0.5 else unlikely if score < 0.5 else 1 - unlikely
    unit, spread = NORMALIZED_PER_SIGMA / math.sqrt(games), math.sqrt(other * (1 - other))
    return EloEstimate(
        elo_of_score(score),
        elo_of_score(low),
        elo_of_score(high),
        los,
        _sign_infinite(score - 0.5),
        unit * (low - 0.5) / (score * spread) if score else -math.inf,
        unit * (high - 0.5) / ((1 - score) * spread) if score < 1 else math.inf,
    )


def draw_ratio(counts: Sequence[float]) -> float | None:
    """Share of drawn games, or of pairs of one point, drawn or split; None of no games."""
    return counts[len(counts) // 2] / sum(counts) if sum(counts) else None


def pairs_ratio(counts: Sequence[float]) -> float | None:
    """Pairs won to pairs lost; None where none was lost, and of single games."""
    lost = sum(counts[:2])
    return sum(counts[3:]) / lost if len(counts) == 5 and lost else None


def moments(counts: Sequence[float]) -> tuple[float, float]:
    """Mean and variance of a score, as a share of its points."""
    total = sum(counts)
    scores = [index / (len(counts) - 1) for index in range(len(counts))]
    mean = sum(count * score for count, score in zip(counts, scores, strict=True)) / total
    spread = sum(count * (score - mean) ** 2 for count, score in zip(counts, scores, strict=True))
    return mean, spread / total


def _games(counts: Sequence[float]) -> int:
    """Games that one is counted for."""
    return (len(counts) - 1) // 2


def _sign_infinite(value: float) -> float:
    return 0.0 if not value else math.copysign(math.inf, value)
