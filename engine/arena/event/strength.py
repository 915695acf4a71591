"""How strong the players of an event are: Bradley-Terry with an advantage of the first move, of all games.

P(i scores against j, i moving first) = 1 / (1 + exp(-(r_i - r_j + g))), a draw as half a win (Bradley and
Terry 1952; g as in Ordo and BayesElo). Draws do not change ratings then, only errors: those of the Fisher
information take games for independent and decisive, those of the bootstrap draw whole pairs again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.arena.elo import ELO_PER_NAT, Z95
from engine.arena.event.result import GameResult

Floats = NDArray[np.float64]

FIRST_MOVE_ELO = 400.0
"""Standard deviation of the advantage of the first move before any game; keeps it finite."""

REPLICATES = 200


@dataclass(frozen=True)
class Rating:
    """A player's Elo with its 95 % interval."""

    elo: float
    low: float
    high: float


@dataclass(frozen=True)
class Strengths:
    """Ratings of an event's players.

    nats: [P] ratings in units of ELO_PER_NAT. covariance: [P, P] of them. first_move: advantage and its
    standard error, in Elo. draw_rate: between equal players. groups: [P], players of different groups never
    met, not even through others; each group's mean is 0, where none of it is anchored. virtual: whether
    virtual draws keep ratings finite.
    """

    nats: Floats
    covariance: Floats
    first_move: tuple[float, float]
    draw_rate: float
    groups: tuple[int, ...]
    virtual: bool

    @property
    def elos(self) -> Floats:
        """[P]"""
        return self.nats * ELO_PER_NAT

    @property
    def ratings(self) -> list[Rating]:
        """With the 95 % intervals of the Fisher information."""
        widths = Z95 * ELO_PER_NAT * np.sqrt(np.maximum(0, np.diag(self.covariance)))
        return [Rating(float(e), float(e - w), float(e + w)) for e, w in zip(self.elos, widths, strict=True)]


@dataclass(frozen=True)
class GameTable:
    """Games of P players by who moved first.

    points: [P, P], that the row's player took moving first against the column's. games, draws: likewise.
    """

    points: Floats
    games: Floats
    draws: Floats

    @classmethod
    def of(cls, results: Iterable[GameResult], players: int) -> GameTable:
        """Count games."""
        points, games, draws = (np.zeros((players, players)) for _ in range(3))
        for result in results:
            points[result.seats] += (1 + result.outcome) / 2
            games[result.seats] += 1
            draws[result.seats] += result.outcome == 0
        return cls(points, games, draws)

    def between(self) -> tuple[Floats, Floats]:
        """[P, P] points of the row's player against the column's, whoever moved first, and their games."""
        return self.points + (self.games - self.points).T, self.games + self.games.T

    def fit(self, anchors: Mapping[int, float] | None = None, prior_elo: float | None = None) -> Strengths:
        """The likeliest ratings.

        Args:
            anchors: players whose ratings are given, in Elo; without them the mean of each group is 0.
            prior_elo: standard deviation of all ratings before any game. Without it a virtual draw is added
                to each pairing in which, directly or through others, one side took no point of the other.
        """
        fixed = dict(anchors or {})
        groups = _groups(self.games + self.games.T > 0, fixed)
        extra = np.zeros_like(self.games)
        if prior_elo is None:
            extra = _one_sided(self, fixed) / 2  # each plays first half of the time
        points, games = self.points + extra / 2, self.games + extra
        nats, first_move, information = _newton(points, games, fixed, groups, prior_elo)
        covariance = _covariance(information, fixed)
        error = ELO_PER_NAT * float(np.sqrt(max(0.0, covariance[-1, -1])))
        return Strengths(
            nats,
            covariance[:-1, :-1],
            (ELO_PER_NAT * first_move, error),
            _draw_rate(self, nats, first_move),
            groups,
            bool(extra.any()),
        )


def bootstrap(
    results: Sequence[GameResult],
    players: int,
    anchors: Mapping[int, float] | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> list[tuple[float, float]]:
    """The 95 % percentile interval of each rating, drawing whole pairs of each pairing again (Efron 1979)."""
    strata: dict[frozenset[int], dict[int, list[GameResult]]] = {}
    for result in results:
        strata.setdefault(frozenset(result.seats), {}).setdefault(result.number // 2, []).append(result)
    tables = [[GameTable.of(games, players) for games in pairs.values()] for pairs in strata.values()]
    stacked = [
        tuple(np.stack([getattr(table, name) for table in pairs]) for name in ("points", "games", "draws"))
        for pairs in tables
    ]
    source = np.random.default_rng(seed)
    elos = np.zeros((replicates, players))
    for replicate in range(replicates):
        sums = [np.zeros((players, players)) for _ in range(3)]
        for pairs in stacked:
            counts = np.bincount(source.integers(len(pairs[0]), size=len(pairs[0])), minlength=len(pairs[0]))
            for total, part in zip(sums, pairs, strict=True):
                total += np.tensordot(counts.astype(np.float64), part, axes=1)
        elos[replicate] = GameTable(*sums).fit(anchors).elos
    low, high = np.quantile(elos, [0.025, 0.975], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _newton(
    points: Floats, games: Floats, fixed: Mapping[int, float], groups: Sequence[int], prior_elo: float | None
) -> tuple[Floats, float, Floats]:
    """Ratings [P] and advantage in nats, and the information [P + 1, P + 1] of both."""
    players = len(points)
    free = [index for index in range(players) if index not in fixed] + [players]
    unknowns = np.zeros(players + 1)
    unknowns[list(fixed)] = [elo / ELO_PER_NAT for elo in fixed.values()]
    precision = np.zeros(players + 1)
    precision[-1] = (ELO_PER_NAT / FIRST_MOVE_ELO) ** 2
    if prior_elo is not None:
        precision[:-1] = (ELO_PER_NAT / prior_elo) ** 2
    for _ in range(200):
        gradient, information = _derivatives(unknowns, points, games)
        gradient -= precision * unknowns
        information += np.diag(precision)
        step = np.linalg.pinv(information[np.ix_(free, free)], hermitian=True) @ gradient[free]
        # Steps of at most one nat keep Newton's method from overshooting where the curve is flat.
        unknowns[free] += np.clip(step, -1, 1)
        _centre(unknowns, groups, fixed)
        if np.abs(step).max(initial=0) < 1e-10:
            break
    _, information = _derivatives(unknowns, points, games)
    return unknowns[:-1], float(unknowns[-1]), information + np.diag(precision)


def _derivatives(unknowns: Floats, points: Floats, games: Floats) -> tuple[Floats, Floats]:
    """Gradient [P + 1] and information [P + 1, P + 1] of the log-likelihood."""
    ratings = unknowns[:-1]
    expected = 1 / (1 + np.exp(ratings[None, :] - ratings[:, None] - unknowns[-1]))
    surplus = points - games * expected
    weight = games * expected * (1 - expected)
    first, second = weight.sum(axis=1), weight.sum(axis=0)
    gradient = np.append(surplus.sum(axis=1) - surplus.sum(axis=0), surplus.sum())
    information = np.zeros((len(unknowns), len(unknowns)))
    information[:-1, :-1] = np.diag(first + second) - weight - weight.T
    information[:-1, -1] = information[-1, :-1] = first - second
    information[-1, -1] = weight.sum()
    return gradient, information


def _centre(unknowns: Floats, groups: Sequence[int], fixed: Mapping[int, float]) -> None:
    for group in set(groups):
        members = [index for index, own in enumerate(groups) if own == group]
        if not any(index in fixed for index in members):
            unknowns[members] -= unknowns[members].mean()


def _covariance(information: Floats, fixed: Mapping[int, float]) -> Floats:
    free = [index for index in range(len(information)) if index not in fixed]
    covariance = np.zeros_like(information)
    covariance[np.ix_(free, free)] = np.linalg.pinv(information[np.ix_(free, free)], hermitian=True)
    return covariance


def _reach(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[P, P]: whether a way leads from the row to the column."""
    found = edges | np.eye(len(edges), dtype=bool)
    for _ in range(max(1, len(edges)).bit_length()):
        found = (found.astype(np.float64) @ found.astype(np.float64)) > 0
    return found


def _groups(met: NDArray[np.bool_], fixed: Mapping[int, float]) -> tuple[int, ...]:
    """Of each player the lowest one that it has met through others; anchors have met each other."""
    linked = met.copy()
    linked[np.ix_(list(fixed), list(fixed))] = True
    return tuple(int(row.argmax()) for row in _reach(linked))


def _one_sided(table: GameTable, fixed: Mapping[int, float]) -> Floats:
    """[P, P], 1 where two met and one took no point of the other, not even through others (Ford 1957)."""
    points, games = table.between()
    takes = points > 0
    takes[np.ix_(list(fixed), list(fixed))] = True
    reach = _reach(takes)
    one_sided = (games > 0) & ~(reach & reach.T)
    return one_sided.astype(np.float64)


def _draw_rate(table: GameTable, nats: Floats, first_move: float) -> float:
    """Between equal players, by P(draw) = v / (2 cosh(d / 2) + v) of Davidson (1970)."""
    games, draws = table.games[table.games > 0], table.draws[table.games > 0]
    if not len(games):
        return 0.0
    spread = (2 * np.cosh((nats[:, None] - nats[None, :] + first_move) / 2))[table.games > 0]
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        expected = float((games * np.exp(middle) / (spread + np.exp(middle))).sum())
        low, high = (middle, high) if expected < float(draws.sum()) else (low, middle)
    return float(np.exp(low) / (2 + np.exp(low)))
