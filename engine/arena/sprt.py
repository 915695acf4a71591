"""Sequential probability ratio tests of two Elo differences (Wald 1945), from counts of games or of pairs.

The ratio is the generalized one: under each hypothesis the counts follow the likeliest distribution that
keeps to it (M. Van den Bergh, cantate.be/Fishtest/normalized_elo_practical.pdf, sections 1 and 4, whose
statistic fishtest and fastchess stop by). What the hypotheses are, the model says:

    logistic    Elo of the mean score
    normalized  normalized Elo of a game; its score's standard deviation is the sample's own
    bayesian    BayesElo (R. Coulom) at the draw rate of the sample; of single games alone
    cutechess   Elo, turned into BayesElo at that draw rate as cutechess-cli does; of single games alone
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.arena.elo import ELO_PER_NAT, NORMALIZED_PER_SIGMA, moments, score_of_elo
from engine.errors import UserError

Floats = NDArray[np.float64]

MODELS = ("logistic", "normalized", "bayesian", "cutechess")

MAX_ELO = 4000.0
"""Of a hypothesis; beyond it the score is 0 or 1 to a double."""

MIN_ERROR = 1e-15
"""Of a decision; beyond it a bound is lost among the doubles."""

MAX_STEPS = 50
"""Of the iteration to a normalized hypothesis; a handful will do where samples are not extreme."""

EMPTY = 1e-3
"""What a class without a game or pair counts as."""

SMALLEST = 2.0**-53
"""A sample's share over the likeliest one, at least."""

LOOK_EVERY = 4
"""Pairs or games between two looks; by how far a ratio then overshoots, errors are below those stated."""

CHUNK = 256 * LOOK_EVERY
"""Pairs or games that are looked at together."""

HALF_GAME = 0.5
"""Added to wins, draws and losses in the models of BayesElo, Jeffreys' prior."""


@dataclass(frozen=True)
class Sprt:
    """A test of `elo0` against `elo1`.

    alpha: chance of accepting `elo1` where `elo0` holds, beta: the other way round.
    """

    elo0: float
    elo1: float
    alpha: float = 0.05
    beta: float = 0.05
    model: str = "logistic"

    def __post_init__(self) -> None:
        """Refuse hypotheses, errors and models that make no test."""
        if not (math.isfinite(self.elo0) and math.isfinite(self.elo1) and self.elo0 < self.elo1):
            raise UserError(
                f"SPRT {self.elo0:g},{self.elo1:g}: give two finite Elo values, the lower one first"
            )
        if max(abs(self.elo0), abs(self.elo1)) > MAX_ELO:
            raise UserError(f"SPRT {self.elo0:g},{self.elo1:g}: give Elo values within ±{MAX_ELO:g}")
        if not (min(self.alpha, self.beta) >= MIN_ERROR and self.alpha + self.beta < 1):
            raise UserError(
                f"SPRT with alpha {self.alpha:g} and beta {self.beta:g}: give two of {MIN_ERROR:g} or more, "
                "below 1 together"
            )
        if self.model not in MODELS:
            raise UserError(f"SPRT model '{self.model[:60]}'; known: {', '.join(MODELS)}")

    @property
    def is_paired(self) -> bool:
        """Whether it takes pairs."""
        return self.model in ("logistic", "normalized")

    @property
    def bounds(self) -> tuple[float, float]:
        """Log-likelihood ratios at which `elo0` and `elo1` are accepted (Wald)."""
        return math.log(self.beta / (1 - self.alpha)), math.log((1 - self.beta) / self.alpha)

    def ratio(self, counts: Sequence[float]) -> float:
        """Log-likelihood ratio of `elo1` against `elo0`; raise UserError where the model takes no pairs."""
        if len(counts) != 3 and not self.is_paired:
            raise UserError(f"SPRT model '{self.model}' takes wins, draws and losses; pairs it does not")
        return float(log_likelihood_ratio(counts, self.elo0, self.elo1, self.model))

    def state(self, counts: Sequence[float]) -> str:
        """`accept elo0`, `accept elo1` or `continue`."""
        return self.judge(self.ratio(counts))

    def judge(self, ratio: float) -> str:
        """The state at a log-likelihood ratio."""
        low, high = self.bounds
        return "accept elo0" if ratio <= low else "accept elo1" if ratio >= high else "continue"

    def decided_at(self, kinds: Sequence[int], before: Sequence[int]) -> int | None:
        """After how many more pairs or games in order the test is decided; None where it goes on.

        Args:
            kinds: the class of each, 0 the fewest points.
            before: how many of each class came before; LOOK_EVERY divides their sum.

        Looking after every LOOK_EVERY of them, whatever has been played meanwhile, makes the decision
        independent of what ends first.
        """
        low, high = self.bounds
        table, counts = np.eye(len(before)), np.array(before, dtype=np.float64)
        for start in range(0, len(kinds), CHUNK):
            steps = counts + np.cumsum(table[list(kinds[start : start + CHUNK])], axis=0)
            looks = steps[LOOK_EVERY - 1 :: LOOK_EVERY]
            ratios = log_likelihood_ratio(looks, self.elo0, self.elo1, self.model)
            crossed = np.flatnonzero((ratios <= low) | (ratios >= high))
            if len(crossed):
                return start + (int(crossed[0]) + 1) * LOOK_EVERY
            counts = steps[-1]
        return None


def log_likelihood_ratio(counts: ArrayLike, elo0: float, elo1: float, model: str = "logistic") -> Floats:
    """Generalized log-likelihood ratio [...] of `elo1` against `elo0`, natural logarithm.

    Args:
        counts: [..., 3] or [..., 5], going up with the points. Without any the ratio is 0.
        elo0: the hypothesis in the model's unit.
        elo1: the other one.
        model: of MODELS.
    """
    given = np.asarray(counts, dtype=np.float64)
    if model in ("bayesian", "cutechess"):
        ratio = _bayesian_ratio(given, elo0, elo1, model == "cutechess")
    else:
        shares = np.where(given > 0, given, EMPTY)
        weights = shares / shares.sum(axis=-1, keepdims=True)
        likeliest = _likeliest_of_sigma if model == "normalized" else _likeliest_of_score
        ratio = np.sum(shares * (likeliest(weights, elo0) - likeliest(weights, elo1)), axis=-1)
    return np.where(given.sum(axis=-1) > 0, ratio, 0.0)


def _likeliest_of_score(weights: Floats, elo: float) -> Floats:
    """Logarithm of a sample's shares `weights` [..., K] over the likeliest ones with the mean of an Elo."""
    gaps = np.linspace(0, 1, weights.shape[-1]) - score_of_elo(elo)
    return np.log1p(_tilt(np.broadcast_to(gaps, weights.shape), weights))


def _likeliest_of_sigma(weights: Floats, elo: float) -> Floats:
    """The same with mean ½ + t sigma, t that of a normalized Elo.

    The gradient of mean - ½ - t sigma in the shares, taken where the last step ended, stands for the gaps of
    the mean; repeated until nothing moves (section 4.1 of the paper). The first step starts from losses and
    wins alone that keep to the hypothesis: there the gradient has both signs whatever t is.
    """
    classes = weights.shape[-1]
    scores = np.linspace(0, 1, classes)
    t = elo / NORMALIZED_PER_SIGMA * math.sqrt((classes - 1) // 2)
    shares = np.zeros_like(weights)
    shares[..., -1] = 0.5 + t / 2 / math.hypot(1, t)
    shares[..., 0] = 1 - shares[..., -1]
    tilt = np.zeros_like(weights)
    for step in range(MAX_STEPS):
        mean = np.sum(shares * scores, axis=-1, keepdims=True)
        sigma = np.sqrt(np.sum(shares * (scores - mean) ** 2, axis=-1, keepdims=True))
        tilt = _tilt(scores - 0.5 - t * sigma * (1 + ((scores - mean) / sigma) ** 2) / 2, weights)
        new = weights / (1 + tilt)
        moved = np.abs(new - shares).max(initial=0)
        shares = new if step < MAX_STEPS / 2 else (new + shares) / 2
        if moved < 1e-12:
            break
    return np.log1p(tilt)


def _tilt(gaps: Floats, weights: Floats) -> Floats:
    """x gaps [..., K] where `weights` / (1 + that) is the likeliest distribution with mean gap 0."""
    low, high = -1 / gaps.max(axis=-1, keepdims=True), -1 / gaps.min(axis=-1, keepdims=True)
    for _ in range(64):
        x = (low + high) / 2
        # Falls from plus to minus infinity between the bounds.
        with np.errstate(divide="ignore", invalid="ignore"):  # at a bound itself, where doubles end
            rises = np.sum(weights * gaps / (1 + x * gaps), axis=-1, keepdims=True) > 0
        low, high = np.where(rises, x, low), np.where(rises, high, x)
    tilt: Floats = np.maximum(x * gaps, SMALLEST - 1)
    return tilt


def _bayesian_ratio(counts: Floats, elo0: float, elo1: float, scaled: bool) -> Floats:
    """Of losses, draws and wins [..., 3]: P(win) = 1 / (1 + 10^((drawelo - elo) / 400)), losses likewise."""
    games = counts + HALF_GAME
    shares = games / games.sum(axis=-1, keepdims=True)
    # 10^(drawelo / 200) is (1 - lost) (1 - won) / (lost won), this and 1.
    odds = shares[..., 1] / (shares[..., 0] * shares[..., 2])
    draw_nats = np.log1p(odds) / 2
    # 4 x / (1 + x)^2 for x = 10^(-drawelo / 400): by so much BayesElo counts less than Elo.
    scale = np.cosh(draw_nats / 2) ** -2 if scaled else np.ones_like(odds)

    def logarithms(elo: float) -> Floats:
        nats = elo / scale / ELO_PER_NAT
        win, loss = -np.logaddexp(0, draw_nats - nats), -np.logaddexp(0, draw_nats + nats)
        return np.stack([loss, np.log(odds) + win + loss, win], axis=-1)

    ratio: Floats = np.sum(games * (logarithms(elo1) - logarithms(elo0)), axis=-1)
    return ratio


def normal_log_likelihood_ratio(counts: Sequence[float], elo0: float, elo1: float) -> float:
    """Normal approximation of `log_likelihood_ratio` (cantate.be/Fishtest/GSPRT_approximation.pdf)."""
    score, variance = moments([count or EMPTY for count in counts])
    score0, score1 = score_of_elo(elo0), score_of_elo(elo1)
    return sum(counts) * (score1 - score0) * (2 * score - score0 - score1) / (2 * variance)
