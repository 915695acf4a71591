"""Lag that a client's clock shows is reckoned with."""

from __future__ import annotations

import random

import pytest

from engine.player.clock import Clock, TimeControl, allot
from engine.protocols.uci.lag import Lag


def see(lag: Lag, readings: list[float], increment: float = 0.1, thought: float = 0.5) -> float:
    for reading in readings:
        lag.begin(TimeControl(reading, increment), lambda: thought)
    return lag.worst_s


def test_none_is_seen_where_the_clock_agrees() -> None:
    assert see(Lag(), [10, 9.6, 9.2, 8.8]) == pytest.approx(0)


def test_what_the_clock_counts_more_is_seen_and_fades() -> None:
    lag = Lag()
    assert see(lag, [10, 9.4]) == pytest.approx(0.2)  # 0.2 s more than was thought
    assert see(lag, [9.0 - 0.4 * number for number in range(20)]) < 0.2


def test_a_steady_lag_is_known_in_the_end() -> None:
    lag = Lag()
    see(lag, [100 - 0.5 * number for number in range(80)])
    assert lag.mean_s == pytest.approx(0.1, abs=0.001)
    assert lag.worst_s > 0.5  # a machine that is so busy stalls


def test_a_clock_that_was_set_anew_is_no_lag() -> None:
    assert see(Lag(), [100, 20]) == 0
    assert see(Lag(), [20, 100]) == 0
    lag = Lag()
    see(lag, [10])
    lag.forget_clock()
    assert see(lag, [9.0]) == 0


def play(drawn: random.Random, moves: int, busy: bool) -> tuple[bool, float]:
    """A game of a second and a hundredth a move: (whether the flag fell, share of the time used).

    A move takes from soft to hard, and a lag that our processes have shown: 1 to 5 ms, and 20 to 60 for one
    in fifty; on a busy machine 3 to 12 ms, and up to 90.
    """
    control, lag = TimeControl(1, 0.01), Lag()
    clock, used, thoughts = Clock(control), 0.0, [0.0]
    for move in range(moves):
        lag.begin(TimeControl(clock.remaining_s, control.increment_s), lambda: thoughts[-1])
        soft, hard = allot(clock, 2 * move, 60, max(0.01, lag.mean_s), lag.worst_s)
        thoughts.append(soft + drawn.random() ** 3 * (hard - soft))
        late = drawn.uniform(0.003, 0.012) if busy else drawn.uniform(0.001, 0.005)
        if drawn.random() < 0.02:
            late = drawn.uniform(0.02, 0.09 if busy else 0.06)
        used += thoughts[-1] + late
        if clock.charge(thoughts[-1] + late):
            return True, 1.0
    return False, used / (control.main_s + control.increment_s * moves)


@pytest.mark.parametrize("busy", [False, True])
def test_five_hundred_games_are_not_lost_on_time_and_use_it(busy: bool) -> None:
    drawn, shares = random.Random(5), []
    for _ in range(500):
        moves = drawn.randint(10, 60)
        fell, share = play(drawn, moves, busy)
        assert not fell
        shares += [share] * (moves >= 30)
    assert sum(shares) / len(shares) >= (0.85 if busy else 0.9)
