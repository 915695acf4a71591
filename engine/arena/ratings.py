"""Ratings of many players from the games between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.arena.elo import ELO_PER_NAT, Z95
from engine.errors import UserError


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
