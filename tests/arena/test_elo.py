import math
from statistics import NormalDist

import pytest

from engine.arena.elo import (
    draw_ratio,
    elo_of_score,
    estimate_elo,
    pairs_ratio,
    pentanomial,
    score_of_elo,
)


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


@pytest.mark.parametrize(
    ("counts", "elo", "width", "nelo", "nelo_width", "los"),
    [
        # wins, losses, draws of single games, and pairs LL, LD, WL, DD, WD, WW; fastchess's own values.
        ((136, 96, 111), 40.70, 30.43, 49.77, 36.77, 99.60),
        ((76, 89, 123), None, None, -20.76, 40.13, 15.53),
        ((34, 356, 0), None, None, -508.44, 34.48, None),
        ((34, 54, 31, 32, 64, 75), 55.58, 27.65, 57.94, 28.28, None),
        ((332, 433, 457, 41, 333, 334), -8.64, 10.33, None, None, 5.05),
        ((7895, 8757, 5485, 200, 568, 9999), -21.04, 2.95, None, None, None),
    ],
)
def test_estimates_are_those_of_fastchess(
    counts: tuple[int, ...],
    elo: float | None,
    width: float | None,
    nelo: float | None,
    nelo_width: float | None,
    los: float | None,
) -> None:
    if len(counts) == 3:
        wins, losses, draws = counts
        found = estimate_elo([losses, draws, wins])
    else:
        lost, behind, split, drawn, ahead, won = counts
        found = estimate_elo([lost, behind, split + drawn, ahead, won])
    got = {
        "elo": (found.elo, elo),
        "width": ((found.high - found.low) / 2, width),
        "nelo": (found.nelo, nelo),
        "nelo_width": (found.nelo_high - found.nelo, nelo_width),
        "los": (100 * found.los, los),
    }
    for name, (value, wanted) in got.items():
        if wanted is not None:
            assert value == pytest.approx(wanted, abs=0.01), name


def test_normalized_elo_of_a_match_won_throughout_has_a_finite_lower_bound() -> None:
    few, many = estimate_elo([0, 0, 0, 0, 5]), estimate_elo([0, 0, 0, 0, 500])
    assert few.nelo == few.nelo_high == math.inf
    assert few.nelo_low < many.nelo_low < math.inf
    # A share q of lost pairs: mean 1 - q, variance q (1 - q), two games a pair.
    q = 1 - 0.025 ** (1 / 500)
    assert many.nelo_low == pytest.approx(800 / math.log(10) * (0.5 - q) / math.sqrt(2 * q * (1 - q)))
    lost = estimate_elo([500, 0, 0, 0, 0])
    assert (lost.nelo, lost.nelo_low) == (-math.inf, -math.inf)
    assert lost.nelo_high == pytest.approx(-many.nelo_low)
    drawn = estimate_elo([0, 30, 0])
    assert drawn.nelo == 0
    assert drawn.nelo_low == pytest.approx(-drawn.nelo_high)


def test_normalized_elo_of_games_and_of_independent_pairs_agree() -> None:
    # Pairs made of independent games with P(loss, draw, win) = 1/4, 1/4, 1/2.
    games = estimate_elo([100, 100, 200])
    pairs = estimate_elo([100, 200, 500, 400, 400])
    assert pairs.nelo == pytest.approx(games.nelo)


def test_ratios_of_pairs() -> None:
    assert draw_ratio([1, 2, 3, 4, 10]) == 3 / 20
    assert draw_ratio([30, 10, 0]) == 0.25
    assert pairs_ratio([1, 2, 3, 4, 10]) == 14 / 3
    assert pairs_ratio([0, 0, 3, 4, 0]) is None
    assert pairs_ratio([1, 2, 3]) is None
    assert draw_ratio([0, 0, 0]) is None
