import math
from statistics import NormalDist

import numpy as np
import pytest

from engine.arena.ratings import (
    Sprt,
    bradley_terry,
    elo_of_score,
    estimate_elo,
    is_bounded,
    log_likelihood_ratio,
    normal_log_likelihood_ratio,
    pentanomial,
    score_of_elo,
)
from engine.errors import UserError


def test_elo_of_known_scores() -> None:
    assert elo_of_score(0.5) == 0
    assert elo_of_score(10 / 11) == pytest.approx(400)
    assert elo_of_score(0.75) == pytest.approx(190.8485, abs=1e-4)
    assert elo_of_score(0.76) == pytest.approx(200.24094, abs=1e-4)
    assert (elo_of_score(0), elo_of_score(1)) == (-math.inf, math.inf)
    for elo in (-700.0, -3.0, 0.0, 250.0):
        assert elo_of_score(score_of_elo(elo)) == pytest.approx(elo, abs=1e-9)


def test_pairs_are_counted_by_points() -> None:
    assert pentanomial([0, 0.5, 1, 1, 1.5, 2, 2, 2]) == [1, 1, 2, 1, 3]


def test_an_interval_by_hand() -> None:
    # 4 pairs of 0, 0, 1 and 2 points: mean 3/8 of what there is, variance 11/64.
    estimate = estimate_elo([2, 0, 1, 0, 1])
    error = 1.959963985 * math.sqrt(11 / 64 / 4)
    assert estimate.elo == pytest.approx(-400 * math.log10(5 / 3))
    assert estimate.low == elo_of_score(0.375 - error)
    assert estimate.high == pytest.approx(elo_of_score(0.375 + error))
    assert estimate.los == pytest.approx(NormalDist().cdf(-0.125 / math.sqrt(11 / 256)))


def test_pairs_that_split_every_opening_are_more_certain_than_their_games() -> None:
    # 100 openings, each won by White both times: 100 wins and 100 losses, and no doubt that they are equal.
    paired = estimate_elo([0, 0, 100, 0, 0])
    scattered = estimate_elo([25, 0, 50, 0, 25])
    assert paired.elo == scattered.elo == 0
    assert paired.high < 0.5 * scattered.high


def test_a_match_won_throughout_has_a_finite_lower_bound() -> None:
    small, large = estimate_elo([0, 0, 0, 0, 5]), estimate_elo([0, 0, 0, 0, 100])
    assert small.elo == large.elo == small.high == math.inf
    assert 0 < large.low < math.inf
    assert small.low < large.low
    assert large.low == pytest.approx(elo_of_score(0.025**0.01))
    assert small.los == 1 - 0.5**6
    lost = estimate_elo([5, 0, 0, 0, 0])
    assert (lost.elo, lost.los) == (-math.inf, 0.5**6)
    assert lost.high == pytest.approx(-small.low)


def test_no_games_say_nothing() -> None:
    nothing = estimate_elo([0, 0, 0, 0, 0])
    assert (nothing.elo, nothing.low, nothing.high, nothing.los) == (0, -math.inf, math.inf, 0.5)


def test_likelihood_ratio_of_two_outcomes_in_closed_form() -> None:
    # Pairs of 0 and 2 points alone: the mean is the distribution; the empty classes shift it by a trifle.
    won, lost = 70, 30
    s0, s1 = score_of_elo(0), score_of_elo(20)
    exact = won * math.log(s1 / s0) + lost * math.log((1 - s1) / (1 - s0))
    assert log_likelihood_ratio([lost, 0, 0, 0, won], 0, 20) == pytest.approx(exact, abs=0.02)


def test_likelihood_ratio_agrees_with_the_normal_approximation_near_equality() -> None:
    counts = [1234, 5210, 9870, 5501, 1301]
    exact = log_likelihood_ratio(counts, 0, 5)
    assert exact == pytest.approx(normal_log_likelihood_ratio(counts, 0, 5), rel=2e-3)
    # N (s1 - s0) (2 s - s0 - s1) / (2 variance), by hand.
    pairs = 23116
    mean = (5210 + 2 * 9870 + 3 * 5501 + 4 * 1301) / 4 / pairs
    square = (5210 + 4 * 9870 + 9 * 5501 + 16 * 1301) / 16 / pairs
    s1 = 1 / (1 + 10 ** (-5 / 400))
    by_hand = pairs * (s1 - 0.5) * (2 * mean - 0.5 - s1) / (2 * (square - mean**2))
    assert normal_log_likelihood_ratio(counts, 0, 5) == pytest.approx(by_hand, rel=1e-9)


def test_likelihood_ratio_is_antisymmetric_and_adds_up() -> None:
    counts = [3, 10, 20, 12, 5]
    assert log_likelihood_ratio(counts, 0, 10) == pytest.approx(-log_likelihood_ratio(counts, 10, 0))
    assert log_likelihood_ratio(counts, 0, 10) == pytest.approx(log_likelihood_ratio(counts[::-1], 0, -10))
    twice = [2 * count for count in counts]
    assert log_likelihood_ratio(twice, 0, 10) == pytest.approx(2 * log_likelihood_ratio(counts, 0, 10))


def test_a_few_won_pairs_decide_nothing() -> None:
    test = Sprt(0, 10)
    assert test.bounds == pytest.approx((-2.94444, 2.94444), abs=1e-5)
    assert test.state([0, 0, 0, 0, 3]) == "continue"
    assert test.state([0, 0, 0, 0, 150]) == "accept elo1"
    assert test.state([150, 0, 0, 0, 0]) == "accept elo0"
    assert test.state([0, 0, 0, 0, 0]) == "continue"


@pytest.mark.parametrize(("low", "high"), [(5, 5), (10, 0), (math.nan, 1), (0, math.inf)])
def test_sprt_hypotheses_must_ascend(low: float, high: float) -> None:
    with pytest.raises(UserError, match="lower one first"):
        Sprt(low, high)


def test_sprt_errs_as_rarely_as_it_says() -> None:
    source = np.random.default_rng(5)
    test, wrong = Sprt(0, 100), 0
    for _ in range(100):
        counts, state = np.zeros(5), "continue"
        while state == "continue":
            counts += source.multinomial(8, [0.15, 0.2, 0.3, 0.2, 0.15])
            state = test.state(list(counts))
        wrong += state == "accept elo1"
    assert wrong <= 12


def matrix(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float64)


def test_two_players_rate_as_their_score() -> None:
    points = matrix([0, 76], [24, 0])
    low, high = bradley_terry(points, points + points.T, anchors={1: 1000.0})[::-1]
    assert (low.elo, low.low, low.high) == (1000, 1000, 1000)
    assert high.elo == pytest.approx(1200.24094, abs=1e-3)
    # Fisher information of one rating: games x p (1 - p).
    error = 400 / math.log(10) / math.sqrt(100 * 0.76 * 0.24)
    assert high.high - high.elo == pytest.approx(1.959964 * error, rel=1e-5)
    first, second = bradley_terry(points, points + points.T)
    assert [first.elo, second.elo] == pytest.approx([100.1205, -100.1205], abs=1e-3)
    assert first.high - first.elo == pytest.approx(1.959964 * error / 2, rel=1e-5)


def test_ratings_are_recovered_from_expected_points() -> None:
    truth = np.array([0.0, 120.0, -250.0, 333.0])
    games = 40 * (1 - np.eye(4))
    points = games / (1 + 10 ** ((truth[None, :] - truth[:, None]) / 400))
    found = bradley_terry(points, games, anchors={0: 0.0})
    assert [rating.elo for rating in found] == pytest.approx(list(truth), abs=1e-6)
    free = bradley_terry(points, games)
    assert [rating.elo for rating in free] == pytest.approx(list(truth - truth.mean()), abs=1e-6)


def test_a_chain_of_matches_adds_up() -> None:
    # A beats B 3:1, B beats C 3:1, A and C never meet.
    points = matrix([0, 3, 0], [1, 0, 3], [0, 1, 0])
    first, second, third = bradley_terry(points, points + points.T)
    assert first.elo - second.elo == pytest.approx(190.8485, abs=1e-3)
    assert first.elo - third.elo == pytest.approx(2 * 190.8485, abs=1e-3)


def test_a_player_who_lost_everything_needs_virtual_draws() -> None:
    points = matrix([0, 5, 10], [5, 0, 10], [0, 0, 0])
    games = points + points.T
    assert not is_bounded(points)
    with pytest.raises(UserError, match="unbounded"):
        bradley_terry(points, games)
    ratings = bradley_terry(points, games, virtual_draws=1)
    assert ratings[0].elo == pytest.approx(ratings[1].elo)
    assert ratings[2].elo == pytest.approx(ratings[0].elo - elo_of_score(10.5 / 11), abs=1e-3)
    assert is_bounded(matrix([0, 5], [0, 0]), anchors={0: 0.0, 1: 5.0})
