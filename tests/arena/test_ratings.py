import math

import numpy as np
import pytest

from engine.arena.elo import elo_of_score
from engine.arena.ratings import bradley_terry, is_bounded
from engine.errors import UserError


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
