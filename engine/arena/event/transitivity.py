"""Whether one number a player explains who beats whom: a test of the one-dimensional model.

The statistic is Pearson's: over all pairings, the squared distance of the points from those that the fitted
ratings expect, by the variance of pairs. Its distribution comes from a parametric bootstrap: pairs are drawn
from the event's own distribution of pair scores, tilted to the mean that the ratings expect, and rated again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.arena.elo import ELO_PER_NAT
from engine.arena.event.result import GameResult

Floats = NDArray[np.float64]

REPLICATES = 500
MAX_TRIPLES = 3
SCORES = np.linspace(0, 1, 5)
SMOOTH = 0.1
"""Pairs of each score that are added to the event's own, so that none is impossible."""


@dataclass(frozen=True)
class Triple:
    """Three players whose results go round: each scores better against the next than the ratings allow.

    elo: by how much the three differences sum to more than 0. z: that in standard errors. is_cycle: whether
    each also has more than half of the points against the next.
    """

    players: tuple[int, int, int]
    elo: float
    z: float
    is_cycle: bool


@dataclass(frozen=True)
class Transitivity:
    """The outcome of the test; a small p_value says that one number a player is not enough."""

    statistic: float
    freedom: int
    p_value: float
    triples: tuple[Triple, ...]


def fit_one_dimension(
    results: Sequence[GameResult], players: int, *, replicates: int = REPLICATES, seed: int = 0
) -> Transitivity | None:
    """Test whole pairs; None where no players could go round."""
    counts = pair_counts(results)
    freedom = _freedom(counts, players)
    if freedom < 1:
        return None
    pairings = list(counts)
    table = np.array([counts[pairing] for pairing in pairings], dtype=np.float64)
    pooled = _pooled(table)
    sizes = table.sum(axis=1)
    first, second = np.array(pairings).T
    scores = table @ SCORES
    nats = _rate(scores[None, :], sizes, first, second, players)[0]
    means = 1 / (1 + np.exp(nats[second] - nats[first]))
    chances = _tilt(pooled, means)
    variance = chances @ SCORES**2 - (chances @ SCORES) ** 2

    def statistic(points: Floats, rated: Floats) -> Floats:
        expected = 1 / (1 + np.exp(rated[:, second] - rated[:, first]))
        terms: Floats = (points - sizes * expected) ** 2 / (sizes * variance)
        return np.asarray(terms.sum(axis=1))

    source = np.random.default_rng(seed)
    drawn = np.stack(
        [
            source.multinomial(int(size), chance, size=replicates) @ SCORES
            for size, chance in zip(sizes, chances, strict=True)
        ],
        axis=1,
    )
    found = float(statistic(scores[None, :], nats[None, :])[0])
    others = statistic(drawn, _rate(drawn, sizes, first, second, players))
    p_value = (1 + int((others >= found * (1 - 1e-9)).sum())) / (1 + replicates)
    return Transitivity(found, freedom, p_value, _worst(counts, variance, pairings))


def pair_counts(results: Sequence[GameResult]) -> dict[tuple[int, int], list[int]]:
    """Whole pairs of each pairing by the points of the player with the lower number: 0, ½, 1, 1½, 2."""
    pairs: dict[int, list[GameResult]] = {}
    for result in results:
        pairs.setdefault(result.number // 2, []).append(result)
    counts: dict[tuple[int, int], list[int]] = {}
    for games in pairs.values():
        if len(games) == 2:
            low, high = sorted(games[0].seats)
            points = sum(game.points(low) for game in games)
            counts.setdefault((low, high), [0] * 5)[round(2 * points)] += 1
    return dict(sorted(counts.items()))


def _freedom(counts: Mapping[tuple[int, int], Sequence[int]], players: int) -> int:
    """Pairings beyond those that join the players: of so many the results could contradict the others."""
    group = list(range(players))
    for first, second in counts:
        old, new = group[second], group[first]
        group = [new if own == old else own for own in group]
    return len(counts) - (players - len(set(group)))


def _pooled(table: Floats) -> Floats:
    """Shares [5] of pair scores in the event, the same whoever is named first."""
    total = table.sum(axis=0)
    shares = total + total[::-1] + SMOOTH
    return np.asarray(shares / shares.sum())


def _tilt(shares: Floats, means: Floats) -> Floats:
    """[N, 5]: shares times exp(x score), of the given mean scores [N]."""
    low, high = np.full(len(means), -80.0), np.full(len(means), 80.0)
    chances = np.tile(shares, (len(means), 1))
    for _ in range(60):
        middle = (low + high) / 2
        chances = shares * np.exp(middle[:, None] * (SCORES - 0.5))
        chances /= chances.sum(axis=1, keepdims=True)
        below = chances @ SCORES < means
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return chances


def _rate(
    points: Floats, sizes: Floats, first: NDArray[np.int64], second: NDArray[np.int64], players: int
) -> Floats:
    """Ratings [R, P] in nats of R events by the points [R, N] of the first players of N pairings.

    sizes: [N] pairs. Half a virtual draw a pairing keeps ratings finite.
    """
    taken, total = points + 0.25, sizes + 0.5
    incidence = np.zeros((len(sizes), players))
    incidence[np.arange(len(sizes)), first] = 1
    incidence[np.arange(len(sizes)), second] -= 1
    nats = np.zeros((len(points), players))
    for _ in range(60):
        expected = 1 / (1 + np.exp(-(nats @ incidence.T)))
        gradient = (taken - total * expected) @ incidence
        weight = total * expected * (1 - expected)
        information = np.einsum("rn,np,nq->rpq", weight, incidence, incidence)
        # The mean is free, and that of players who never met: a little makes the matrix regular.
        regular = information + 1 / players + 1e-9 * np.eye(players)
        step = np.linalg.solve(regular, gradient[..., None])[..., 0]
        nats += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return nats


def _worst(
    counts: Mapping[tuple[int, int], Sequence[int]], variance: Floats, pairings: Sequence[tuple[int, int]]
) -> tuple[Triple, ...]:
    """The triples whose differences sum furthest from 0, in standard errors."""
    logits: dict[tuple[int, int], tuple[float, float]] = {}
    for index, pairing in enumerate(pairings):
        size = sum(counts[pairing])
        score = (float(np.dot(counts[pairing], SCORES)) + 0.25) / (size + 0.5)
        logit = math.log(score / (1 - score))
        error = variance[index] / (size * (score * (1 - score)) ** 2)
        logits[pairing] = (logit, error)
        logits[pairing[::-1]] = (-logit, error)
    found = []
    for a, b, c in itertools.combinations(sorted({player for pairing in pairings for player in pairing}), 3):
        if not all(two in logits for two in ((a, b), (b, c), (c, a))):
            continue
        around = [logits[two] for two in ((a, b), (b, c), (c, a))]
        total, error = sum(each[0] for each in around), math.sqrt(sum(each[1] for each in around))
        names = (a, b, c) if total >= 0 else (a, c, b)
        is_cycle = all(each[0] > 0 for each in around) or all(each[0] < 0 for each in around)
        found.append(Triple(names, abs(total) * ELO_PER_NAT, abs(total) / error, is_cycle))
    return tuple(sorted(found, key=lambda triple: -triple.z)[:MAX_TRIPLES])
