"""Controls of time, the clock of a side, and what a move gets of it."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.player import clock as module
from engine.player.clock import Clock, TimeControl, allot, expected_plies
from engine.registry import load_game

SECONDS = st.floats(0.001, 1e5)
CONTROLS = st.one_of(
    st.builds(TimeControl, main_s=SECONDS, increment_s=st.floats(0, 60), moves=st.integers(0, 60)),
    st.builds(TimeControl, main_s=st.floats(0, 1e4), period_s=SECONDS, periods=st.integers(1, 10)),
    st.builds(TimeControl, main_s=st.floats(0, 1e4), period_s=SECONDS, period_moves=st.integers(1, 30)),
    st.builds(TimeControl, move_s=SECONDS),
)


@pytest.mark.parametrize(
    ("text", "control"),
    [
        ("60", TimeControl(60)),
        ("1+0.01", TimeControl(1, 0.01)),
        ("40/60+0.5", TimeControl(60, 0.5, moves=40)),
        ("40/1:30", TimeControl(90, moves=40)),
        ("5x30", TimeControl(0, period_s=30, periods=5)),
        ("300+5x30", TimeControl(300, period_s=30, periods=5)),
        ("300+25/600", TimeControl(300, period_s=600, period_moves=25)),
        ("0+25/10:00", TimeControl(0, period_s=600, period_moves=25)),
        (".5/move", TimeControl(move_s=0.5)),
        ("0+3", TimeControl(0, 3)),
        ("inf", TimeControl()),
    ],
)
def test_a_control_is_read_and_written(text: str, control: TimeControl) -> None:
    assert TimeControl.parse(text) == control
    assert TimeControl.parse(str(control)) == control


@given(CONTROLS)
def test_every_control_is_read_as_it_is_written(control: TimeControl) -> None:
    again = TimeControl.parse(str(control))
    for name in ("main_s", "increment_s", "period_s", "move_s"):
        assert getattr(again, name) == pytest.approx(getattr(control, name), abs=1e-8)
    assert (again.moves, again.periods, again.period_moves) == (
        control.moves,
        control.periods,
        control.period_moves,
    )


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "1+", "+1", "x30", "5x", "1+-1", "1e9", "nan", "5x0", "0/move", "/60", "1/2/3", "1 + 1",
     "1++1", "१", "9" * 30, "1+5x30+1"],
)  # fmt: skip
def test_what_is_no_control_is_refused_by_name(text: str) -> None:
    with pytest.raises(UserError, match="time control"):
        TimeControl.parse(text)


def test_no_number_is_refused() -> None:
    for name in ("main_s", "increment_s", "period_s", "move_s"):
        with pytest.raises(UserError, match="nan"):
            TimeControl(**{name: math.nan})
    with pytest.raises(UserError, match="period"):
        TimeControl(10, period_s=5)
    assert TimeControl(10**400).main_s == module.MAX_S
    assert TimeControl(-3).main_s == 0


def test_an_increment_follows_the_move_and_a_session_brings_its_time() -> None:
    clock = Clock(TimeControl(10, 1, moves=2))
    assert not clock.charge(4)
    assert (clock.remaining_s, clock.moves_left) == (7, 1)
    assert not clock.charge(7)
    assert (clock.remaining_s, clock.moves_left) == (11, 2)
    assert clock.charge(11.5)


def test_byo_yomi_periods_that_are_used_up_are_lost() -> None:
    clock = Clock(TimeControl(10, period_s=5, periods=3))
    assert clock.flag_s == 25
    assert not clock.charge(9)
    assert not clock.in_period
    assert not clock.charge(4)  # one of main time, three of the first period
    assert (clock.in_period, clock.remaining_s, clock.periods_left) == (True, 5, 3)
    assert not clock.charge(5)
    assert clock.periods_left == 3
    assert not clock.charge(9)
    assert (clock.periods_left, clock.flag_s) == (2, 10)
    assert not clock.charge(10)
    assert clock.periods_left == 1
    assert clock.charge(5.01)


def test_canadian_stones_start_the_period_anew() -> None:
    clock = Clock(TimeControl(1, period_s=10, period_moves=2))
    assert clock.flag_s == 11
    assert not clock.charge(3)
    assert (clock.in_period, clock.remaining_s, clock.period_moves_left) == (True, 8, 1)
    assert not clock.charge(8)
    assert (clock.remaining_s, clock.period_moves_left) == (10, 2)
    assert not clock.charge(6)
    assert clock.charge(4.5)


def test_time_for_each_move_does_not_add_up() -> None:
    clock = Clock(TimeControl(move_s=2))
    assert not any(clock.charge(1.9) for _ in range(5))
    assert clock.charge(2.1)


def test_what_a_controller_says_is_taken() -> None:
    clock = Clock(TimeControl(60, period_s=10, periods=5))
    clock.set_left(12.5)
    assert (clock.remaining_s, clock.in_period) == (12.5, False)
    clock.set_left(9, 3)
    assert (clock.remaining_s, clock.in_period, clock.periods_left) == (9, True, 3)
    clock.set_left(-5, 1)
    assert clock.remaining_s == 0
    canadian = Clock(TimeControl(60, period_s=100, period_moves=20))
    canadian.set_left(40, 7)
    assert (canadian.remaining_s, canadian.period_moves_left) == (40, 7)


def test_a_running_clock_tells_what_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count(100.0, 0.5)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    clock = Clock(TimeControl(1))
    assert clock.elapsed_s == 0
    clock.start()
    assert clock.elapsed_s == 0.5
    assert not clock.stop()
    assert clock.remaining_s == 0  # 100.0 started, 100.5 looked at, 101.0 stopped
    clock.start()
    assert clock.stop()


def play(
    control: TimeControl, moves: int, expected: int, said: float, real: float, share: float
) -> tuple[bool, float]:
    """A side that takes a part of what lies between soft and hard: (flag fell, time used by its clock).

    said: the lag that is reserved. real: what there is.
    """
    clock, used = Clock(control), 0.0
    for move in range(moves):
        soft, hard = allot(clock, 2 * move, expected, said)
        assert 0 <= soft <= hard
        taken = soft + share * (hard - soft) + real
        used += taken
        if clock.charge(taken):
            return True, used
    return False, used


@given(CONTROLS, st.integers(1, 300), st.floats(0, 0.1), st.floats(0, 1))
def test_the_flag_never_falls(control: TimeControl, moves: int, lag: float, share: float) -> None:
    """Whatever is taken between soft and hard, in a game half as long again as expected, where a move's lag
    is as said and a twentieth at most of what a move has, a fifth of that where nothing comes in."""
    per_move = control.move_s or control.period_s / max(1, control.period_moves) or control.increment_s
    if not per_move:
        per_move = control.main_s / (control.moves or 5 * max(moves, 18))
    if control.increment_s:
        per_move = min(per_move, control.main_s)
    lag = min(lag, per_move / 20)
    fell, _ = play(control, moves, round(2 * moves / 1.5), lag, lag, share)
    assert not fell


@pytest.mark.parametrize("length", [0.9, 1.0, 1.5])
@pytest.mark.parametrize("text", ["2+0.02", "60+0.6", "180+2", "40/60", "10/5+0.01", "600+30"])
def test_nine_tenths_of_the_time_are_used(text: str, length: float) -> None:
    control, expected = TimeControl.parse(text), 80
    moves = control.moves or round(expected / 2 * length)
    for share in (0.0, 0.3):
        fell, used = play(control, moves, expected, 0.01, 0.002, share)
        assert not fell
        assert used >= 0.9 * (control.main_s + control.increment_s * moves)


@pytest.mark.parametrize(("length", "least"), [(0.5, 0.35), (1.0, 0.7), (1.5, 0.85), (2.0, 0.9)])
def test_sudden_death_uses_most_by_the_end(length: float, least: float) -> None:
    for main in (1.0, 60.0, 3600.0):
        lag = min(0.01, main / 2000)
        fell, used = play(TimeControl(main), round(40 * length), 80, lag, lag, 0.0)
        assert not fell
        assert used >= least * main


@pytest.mark.parametrize(("text", "most"), [("5x30", 0.97), ("0+25/600", 0.97), ("0.5/move", 0.95)])
def test_periods_and_time_a_move_are_used(text: str, most: float) -> None:
    control = TimeControl.parse(text)
    fell, used = play(control, 50, 80, 0.02, 0.01, 0.0)
    assert not fell
    assert used >= most * 50 * (control.move_s or control.period_s / max(1, control.period_moves))


def test_main_time_goes_first_and_then_the_periods() -> None:
    clock = Clock(TimeControl(300, period_s=30, periods=5))
    soft, _ = allot(clock, 0, 80, 0.05)
    assert 30 < soft < 60
    clock.set_left(30, 5)
    soft, hard = allot(clock, 60, 80, 0.05)
    assert 29 < soft <= hard < 30


@given(
    st.one_of(st.floats(allow_nan=False), st.integers(-(10**400), 10**400)),
    st.one_of(st.floats(allow_nan=False), st.integers(-(10**400), 10**400)),
    st.integers(-(10**30), 10**30),
    st.integers(-(10**30), 10**30),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False),
)
def test_any_numbers_give_a_time_within_what_is_left(
    main: float, increment: float, moves: int, ply: int, expected: int, lag: float
) -> None:
    control = TimeControl(module.seconds(main), increment, moves=moves)
    soft, hard = allot(Clock(control), ply, expected, lag)
    assert 0 <= soft <= hard <= control.main_s
    assert hard < control.main_s or control.main_s == 0 or lag <= 1e-6


def test_without_a_limit_there_is_none() -> None:
    assert allot(Clock(TimeControl()), 0, 80, 0.1) == (math.inf, math.inf)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("tictactoe", 9, 9), ("connect4", 42, 42), ("chess", 60, 120), ("go:size=19", 200, 361)],
)
def test_how_long_a_game_lasts(name: str, least: int, most: int) -> None:
    assert least <= expected_plies(load_game(name)) <= most


def test_a_second_for_a_game_is_used_by_a_player_that_takes_what_it_may() -> None:
    for share in (0.2, 0.5):
        fell, used = play(TimeControl(1, 0.01), 40, 80, 0.01, 0.002, share)
        assert not fell
        assert used >= 0.9 * 1.4
