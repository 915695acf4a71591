"""Where the seconds of a caller and of an iteration go: the parts come to the whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from clocks import holds_once
from pexpect import fdpexpect
from pseudo import pseudo

from engine import _core
from engine.cli.progress import _widths, time_line
from engine.config import Config, build_config
from engine.evaluator.network import PolicyValueNetwork
from engine.registry import load_game
from engine.selfplay.actors.inline import InlineActors
from engine.selfplay.actors.process import ProcessActors
from engine.selfplay.caller import PARTS, Caller
from engine.train.summary import Laps, time_summary
from games.tictactoe import TicTacToe, TicTacToeState

GAME = load_game("connect4")
SMALL = {
    "game": "connect4",
    "network": {"channels": 8, "blocks": 1},
    "selfplay": {"games": 16, "simulations": 40},
    "loop": {"callers": 1},
}


def network(config: Config) -> PolicyValueNetwork:
    return PolicyValueNetwork(GAME.planes_shape, GAME.num_actions, config.network).eval()


def parts_of(caller: Caller) -> dict[str, float]:
    stats = caller.stats()
    return {part: stats[f"{part}_s"] for part in PARTS}


@pytest.mark.parametrize("cache_mb", [0, 8])
def test_parts_of_a_caller_come_to_its_wall_time(cache_mb: float) -> None:
    config = build_config(SMALL, {"selfplay": {"cache_mb": cache_mb}})

    def measure() -> None:
        caller = Caller(GAME, config, pseudo, 0, 1)
        start = time.perf_counter()
        caller.play(600, threading.Event())
        caller.play(600, threading.Event())
        wall = time.perf_counter() - start
        parts = parts_of(caller)
        assert all(seconds > 0 for seconds in parts.values()), parts
        assert sum(parts.values()) == pytest.approx(wall, rel=0.03)
        assert caller.stats()["play_s"] == pytest.approx(wall, rel=0.03)

    holds_once(measure)


def test_a_slow_evaluator_is_found() -> None:
    def slow(requests: _core.Requests) -> _core.DenseReply:
        time.sleep(0.01)
        return _core.uniform(requests)

    def measure() -> None:
        caller = Caller(GAME, build_config(SMALL), slow, 0, 1)
        caller.play(200, threading.Event())
        parts = parts_of(caller)
        assert parts["evaluate"] >= 0.01 * caller.batches
        assert parts["evaluate"] > 0.8 * sum(parts.values())
        assert parts["encode"] == 0

    holds_once(measure)


class SlowState(TicTacToeState):
    """Every call of the method that `slow` names takes three milliseconds more."""

    slow = ""

    def clone(self) -> SlowState:
        copy = type(self)()
        copy.cells, copy.plies = self.cells[:], self.plies
        return copy

    def play(self, action: int) -> None:
        self._rest("play")
        super().play(action)

    def encode(self) -> Any:
        self._rest("encode")
        return super().encode()

    def _rest(self, method: str) -> None:
        if self.slow == method:
            time.sleep(0.003)


class SlowGame(TicTacToe):
    def start(self) -> SlowState:
        return SlowState()


@pytest.mark.parametrize(("method", "part"), [("play", "rules"), ("encode", "encode")])
def test_slow_methods_of_a_game_are_found(method: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(requests: _core.Requests) -> _core.DenseReply:
        assert np.isfinite(requests.planes).all()
        return _core.uniform(requests)

    monkeypatch.setattr(SlowState, "slow", method)
    play = {"games": 4, "simulations": 10, "cache_mb": 0, "max_opening_plies": 0}

    def measure() -> None:
        caller = Caller(SlowGame(), build_config(SMALL, {"selfplay": play}), answer, 0, 1)
        caller.play(16, threading.Event())
        parts = parts_of(caller)
        assert parts[part] > 0.6 * sum(parts.values()), parts

    holds_once(measure)


@pytest.mark.parametrize("kind", ["inline", "process"])
def test_parts_of_an_iteration_come_to_its_wall_time(kind: str) -> None:
    config = build_config(SMALL, {"loop": {"callers": 2}})
    make: Callable[[], Any] = {
        "inline": lambda: InlineActors(GAME, config, network(config)),
        "process": lambda: ProcessActors(config, network(config)),
    }[kind]

    def measure() -> None:
        actors = make()
        try:
            actors.play(100)  # processes have begun by now
            before, start, laps = actors.stats(), time.perf_counter(), Laps()
            actors.play(3000)
            laps.mark("play")
            time.sleep(0.1)
            laps.mark("learn")
            wall = time.perf_counter() - start
            stats = {name: value - before.get(name, 0) for name, value in actors.stats().items()}
            values = time_summary(laps, stats, 2)
        finally:
            actors.close()
        parts = {tag: value for tag, value in values.items() if tag.startswith("time/")}
        total = parts.pop("time/total_s")
        assert total == pytest.approx(wall, rel=0.02)
        assert sum(parts.values()) == pytest.approx(total)
        assert set(parts) == {f"time/{name}_s" for name in (*PARTS, "wait", "learn")}
        assert all(value >= 0 for value in parts.values()), parts
        assert parts["time/learn_s"] == pytest.approx(0.1, abs=0.05)
        played = sum(parts[f"time/{name}_s"] for name in PARTS)
        assert parts["time/wait_s"] < 0.35 * (played + parts["time/wait_s"])
        assert 0 < values["machine/cores_busy"] < 4

    holds_once(measure)


def test_a_caller_that_is_done_early_waits() -> None:
    laps = Laps()
    time.sleep(0.05)
    played = laps.mark("play")
    stats = {f"{part}_s": 0.0 for part in PARTS} | {"evaluate_s": 1.5 * played, "play_s": 1.5 * played}
    values = time_summary(laps, stats, 2)
    assert values["time/evaluate_s"] == pytest.approx(0.75 * played)
    assert values["time/wait_s"] == pytest.approx(0.25 * played)


def test_laps_count_every_moment_once() -> None:
    def measure() -> None:
        laps, start = Laps(), time.perf_counter()
        for name in ("learn", "swap", "learn"):
            time.sleep(0.01)
            laps.mark(name)
        taken = laps.take()
        assert sum(taken.values()) == pytest.approx(time.perf_counter() - start, abs=0.005)
        assert taken["learn"] >= 0.02
        assert laps.take() == {}

    holds_once(measure)


def test_a_lap_is_split() -> None:
    laps = Laps()
    time.sleep(0.02)
    turn = laps.mark("turn")
    laps.split("turn", {"play": 0.6 * turn, "learn": 0.3 * turn}, "replay")
    laps.mark("swap")
    taken = laps.take()
    assert taken["replay"] == pytest.approx(0.1 * turn)
    assert sum(taken.values()) == pytest.approx(turn + taken["swap"])
    assert set(taken) == {"play", "learn", "replay", "swap"}


def test_a_line_has_the_largest_first_and_fits() -> None:
    metrics = {
        "time/total_s": 10.0, "time/select_s": 1.0, "time/evaluate_s": 7.8, "time/learn_s": 1.16,
        "time/backup_s": 0.04, "search/batch_size": 121.0, "search/batch_fill": 121 / 128,
        "search/cache_hits": 0.23, "search/evaluations_per_position": 71.2,
    }  # fmt: skip
    whole = "evaluate 78 % · learn 12 % · select 10 % | batch 121/128 · cache 23 % · evals/position 71"
    assert time_line(metrics) == time_line(metrics, 120) == whole
    for width in range(20, 120):
        assert len(time_line(metrics, width)) <= width
    assert time_line(metrics, 80).startswith("evaluate 78 % · learn 12 % · select 10 % | batch")
    assert time_line({"loss/total": 1.0}) == ""


def test_in_a_narrow_terminal_headings_are_broken_first() -> None:
    rows = [{"simulations": "network alone", "trained, optimal moves": "69.7 %"}]
    assert _widths(rows, 200) == {"simulations": 13, "trained, optimal moves": 22}
    assert _widths(rows, 30) == {"simulations": 13, "trained, optimal moves": 10}
    assert _widths(rows, 26) == {"simulations": 13, "trained, optimal moves": 6}
    assert _widths(rows, 25) == {}


def test_a_terminal_shows_where_the_time_goes_beneath_the_bar() -> None:
    code = """
from engine.cli.progress import Reporter
reporter = Reporter()
reporter.start(None, 2)
reporter.iteration({"iteration": 1, "minutes": 0.5, "time/total_s": 2.0, "time/evaluate_s": 1.5,
                    "time/learn_s": 0.5, "search/cache_hits": 0.25})
reporter.close()
input("the end")
"""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    # pexpect's own spawn forks, which a process with threads may not.
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        os.close(slave)
        screen = fdpexpect.fdspawn(master, timeout=60, encoding="utf-8")
        try:
            # The terminal lives until all was read: what a closed one still held may be lost.
            screen.expect_exact("the end")
            text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.before)
        finally:
            process.kill()
            screen.close()
    assert "iteration 1, 30 s" in text
    assert "evaluate 75 % · learn 25 % | cache 25 %" in text
