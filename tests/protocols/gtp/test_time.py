"""Time: a client's clock never falls, and much of it is used."""

from __future__ import annotations

import random
import sys
import time

import pytest
from gtp_client import Client, Engine

from engine.player.clock import TimeControl
from engine.protocols.gtp.session import Settings
from engine.registry import load_game


def game(
    engine: Engine, settings: str, tells: bool, total_s: float, increment_s: float = 0.0
) -> tuple[float, float]:
    """Play against chance; (least time left, share of all time that was used)."""
    generator = random.Random(3)
    engine.ok("clear_board")
    engine.ok(settings)
    state = load_game("go:size=7").initial()
    left_s = least_s = total_s
    while state.outcome() is None:
        if state.player():
            move = state.action_text(generator.choice(state.legal_actions()[:-1] or state.legal_actions()))
            engine.ok(f"play w {move}")
        else:
            if tells:
                engine.ok(f"time_left b {left_s:.2f} 0")
            start = time.monotonic()
            move = engine.ok("genmove b")
            left_s -= time.monotonic() - start
            least_s = min(least_s, left_s)
            left_s += increment_s
        state.play(state.parse_action(move))
    spent = total_s + increment_s * (state.ply() / 2) - left_s
    return least_s, spent / (total_s + increment_s * (state.ply() / 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "tells", "total_s", "increment_s"),
    [
        ("time_settings 4 0 0", True, 4.0, 0.0),
        ("time_settings 4 0 0", False, 4.0, 0.0),
        ("kata-time_settings fischer 1 0.2", True, 1.0, 0.2),
    ],
)
def test_the_clock_does_not_fall(settings: str, tells: bool, total_s: float, increment_s: float) -> None:
    engine = Engine(
        sys.executable, "-m", "engine.cli", "gtp", "mcts:10000000", "--game", "go:size=7", "--lag", "0.05"
    )
    try:
        left_s, used = game(engine, settings, tells, total_s, increment_s)
        print(f"{settings}: least left {left_s:.2f} s, used {used:.0%}")
        assert left_s > 0
    finally:
        engine.end()


def client(settings: str = "", player: str = "mcts:10000000", control: str = "inf") -> Client:
    found = Client(
        "go:size=5", player,
        settings=Settings(version="1", simulations=None, control=TimeControl.parse(control), lag_s=0.0),
    )  # fmt: skip
    if settings:
        found.ok(settings)
    return found


def test_a_game_without_settings_ends_by_simulations() -> None:
    one = client(player="mcts:30")
    one.ok("genmove b")
    choice = one.session.last_choice
    assert choice is not None
    assert choice.found is not None
    assert choice.found.report.simulations == 30


@pytest.mark.parametrize(
    "settings",
    [
        "time_settings 0.5 0 0", "time_settings 0 0.2 1", "time_settings 0 2 20",
        "kgs-time_settings byoyomi 0 0.2 5", "kgs-time_settings canadian 0 1 10",
        "kata-time_settings fischer 0.2 0.05", "time_settings 0 0 0",
    ],
)  # fmt: skip
def test_the_clock_decides_where_nothing_else_does(settings: str) -> None:
    one = client(settings)
    one.ok("genmove b")
    choice = one.session.last_choice
    assert choice is not None
    assert choice.found is not None
    assert 1 <= choice.found.report.simulations < 10_000_000


def test_both_limits_hold() -> None:
    one = Client("go:size=5", "mcts:30", settings=Settings(version="1", simulations=30))
    one.ok("time_settings 1000 0 0")
    one.ok("genmove b")
    choice = one.session.last_choice
    assert choice is not None
    assert choice.found is not None
    assert choice.found.report.simulations == 30


def test_a_clock_of_ones_own_runs_where_the_client_tells_nothing() -> None:
    one = client("time_settings 5 0 0")
    for _ in range(3):
        one.ok("genmove b")
        one.ok("undo")
    assert one.session.clocks[0].remaining_s < 5.0
    assert one.session.clocks[1].remaining_s == 5.0
    one.ok("time_left b 4.5 0")
    assert one.session.clocks[0].remaining_s == 4.5
    one.ok("clear_board")
    assert one.session.clocks[0].remaining_s == 5.0


def test_what_a_client_says_of_a_period() -> None:
    one = client("time_settings 5 10 4")
    one.ok("time_left w 9.5 3")
    assert (one.session.clocks[1].in_period, one.session.clocks[1].period_moves_left) == (True, 3)
    one.ok("kgs-time_settings byoyomi 5 10 4")
    one.ok("time_left b 9.5 2")
    assert (one.session.clocks[0].in_period, one.session.clocks[0].periods_left) == (True, 2)


def test_time_of_the_command_line_until_the_client_sets_another() -> None:
    one = client(control="0.05/move")
    one.ok("genmove b")
    assert one.session.control.move_s == 0.05
    one.ok("time_settings 0 1 0")
    assert not one.session.control.is_limited


def test_a_move_that_is_not_made_costs_no_time() -> None:
    one = client("time_settings 0.5 0 0")
    one.ok("reg_genmove b")
    assert one.session.clocks[0].remaining_s == 0.5
