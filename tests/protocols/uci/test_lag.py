"""Lag that a client's clock shows is reckoned with."""

from __future__ import annotations

import pytest

from engine.player.clock import TimeControl
from engine.protocols.uci.lag import Lag


def see(lag: Lag, readings: list[float], increment: float = 0.1, thought: float = 0.5) -> float:
    for reading in readings:
        lag.begin(TimeControl(reading, increment), lambda: thought)
    return lag.typical_s


def test_none_is_seen_where_the_clock_agrees() -> None:
    assert see(Lag(), [10, 9.6, 9.2, 8.8]) == pytest.approx(0)


def test_what_the_clock_counts_more_is_seen_and_fades() -> None:
    lag = Lag()
    assert see(lag, [10, 9.4]) == pytest.approx(0.15)  # 0.2 s more than was thought
    worst = lag.typical_s
    assert see(lag, [9.0, 8.6, 8.2]) < worst


def test_a_steady_lag_is_known_in_the_end() -> None:
    assert 0.09 < see(Lag(), [100 - 0.5 * number for number in range(80)]) < 0.11


def test_a_clock_that_was_set_anew_is_no_lag() -> None:
    assert see(Lag(), [100, 20]) == 0
    assert see(Lag(), [20, 100]) == 0
    lag = Lag()
    see(lag, [10])
    lag.forget_clock()
    assert see(lag, [9.0]) == 0
