import math

import numpy as np
import pytest

from engine.arena.elo import elo_of_score
from engine.arena.event.strength import GameTable


def table(*rows: list[float]) -> GameTable:
    """Points of the row's player against the column's, half of them with either moving first."""
    points = np.array(rows, dtype=np.float64) / 2
    return GameTable(points, points + points.T, 0 * points)


def test_two_players_rate_as_their_score() -> None:
    low, high = table([0, 76], [24, 0]).fit(anchors={1: 1000.0}).ratings[::-1]
    assert (low.elo, low.low, low.high) == (1000, 1000, 1000)
    assert high.elo == pytest.approx(1200.24094, abs=1e-3)
    # Fisher information of one rating: games x p (1 - p).
    error = 400 / math.log(10) / math.sqrt(100 * 0.76 * 0.24)
    assert high.high - high.elo == pytest.approx(1.959964 * error, rel=1e-5)
    first, second = table([0, 76], [24, 0]).fit().ratings
    assert [first.elo, second.elo] == pytest.approx([100.1205, -100.1205], abs=1e-3)
    assert first.high - first.elo == pytest.approx(1.959964 * error / 2, rel=1e-5)


def test_a_chain_of_matches_adds_up() -> None:
    # A beats B 3:1, B beats C 3:1, A and C never meet.
    first, second, third = table([0, 3, 0], [1, 0, 3], [0, 1, 0]).fit().ratings
    assert first.elo - second.elo == pytest.approx(190.8485, abs=1e-3)
    assert first.elo - third.elo == pytest.approx(2 * 190.8485, abs=1e-3)


def test_a_player_who_lost_everything_has_a_virtual_draw_with_each() -> None:
    rated = table([0, 5, 10], [5, 0, 10], [0, 0, 0]).fit()
    assert rated.virtual
    first, second, last = rated.ratings
    assert first.elo == pytest.approx(second.elo)
    assert last.elo == pytest.approx(first.elo - elo_of_score(10.5 / 11), abs=1e-3)
    assert not table([0, 5], [0, 0]).fit(anchors={0: 0.0, 1: 5.0}).virtual
