"""The clock within an iteration: what is cut short is kept, and goes on as if it had been asked for."""

from __future__ import annotations

import math
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pseudo import pseudo_reply
from puzzle_window import PuzzleWindow, assert_same_state, settings
from small_training import command, fingerprint, game_ids, kill_and_resume, newest, train

from engine import _core
from engine.config import Config, build_config
from engine.config.loop import LoopConfig
from engine.learner.learner import Learner
from engine.registry import load_game
from engine.replay import Replay
from engine.selfplay.actors.inline import InlineActors
from engine.selfplay.caller import Caller, Games
from engine.selfplay.game_table import num_positions
from engine.train import turn
from engine.train.turn import Deadline, Limit, Pace, take_turn

GAME = load_game("connect4")


def small(**loop: Any) -> Config:
    return build_config(
        {
            "network": {"channels": 8, "blocks": 1},
            "selfplay": {"games": 6, "simulations": 10, "cache_mb": 1},
            "learner": {"batch_size": 32, "threads": 1},
            "evaluator": {"precision": "f32"},
            "loop": {"callers": 2, "positions": 300, **loop},
        }
    )


class Finishing:
    """Answers from the planes, and has the play end after so many batches."""

    def __init__(self, batches: int, finish: threading.Event) -> None:
        self.left, self.finish = batches, finish

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        self.left -= 1
        if self.left == 0:
            self.finish.set()
        return pseudo_reply(requests.planes)


def assert_same(ours: Games, theirs: Games) -> None:
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.mark.parametrize("batches", [1, 40, 333])
def test_a_play_that_ends_early_is_one_of_fewer_moves(batches: int) -> None:
    finish, stop = threading.Event(), threading.Event()
    cut = Caller(GAME, small(), Finishing(batches, finish), 0, 1)
    whole = Caller(GAME, small(), Finishing(0, finish), 0, 1)
    games = cut.play(10**6, stop, finish)
    played = cut.played
    assert played == cut.stats()["positions"]
    assert (played > 0) == (batches > 10)
    assert_same(games, whole.play(played, stop))
    assert_same(cut.pool.snapshot(), whole.pool.snapshot())
    for caller in (cut, whole):
        caller.pool.new_weights(1)
    assert_same(cut.play(200, stop), whole.play(200, stop))
    assert cut.played == 200


def test_actors_finish_once() -> None:
    actors = InlineActors(GAME, small(), Learner(GAME, small(), 1).playing_network())
    try:
        timer = threading.Timer(0.1, actors.finish)
        timer.start()
        actors.play(10**9)
        timer.join()
        assert actors.played() == actors.stats()["positions"]
        actors.play(50)
        assert actors.played() == 50
    finally:
        actors.close()


@pytest.mark.parametrize("stop_at", [0, 1, 3])
def test_steps_that_were_not_taken_are_owed(stop_at: int) -> None:
    cut, whole = (Learner(GAME, settings(), 1) for _ in range(2))
    windows = PuzzleWindow(), PuzzleWindow()
    seen: list[int] = []

    def go_on(taken: int) -> bool:
        seen.append(taken)
        return taken < stop_at

    for learner in (cut, whole):
        learner.owe(5 * 16 / 6 + 0.1)
    planned = [learner.plan_steps(0) for learner in (cut, whole)]
    assert planned == [5, 5]
    cut.train(windows[0], 5, go_on)
    assert seen == list(range(stop_at + 1))
    assert cut.step == stop_at
    left = cut.plan_steps(0)
    assert left == 5 - stop_at
    cut.train(windows[0], left)
    whole.train(windows[1], 5)
    ours, theirs = cut.state(), whole.state()
    assert ours.numbers.pop("owed_steps") == pytest.approx(theirs.numbers.pop("owed_steps"))
    assert_same_state(ours, theirs)


@pytest.mark.parametrize(
    ("limit", "iteration", "seconds", "reached"),
    [
        (Limit(None, None), 10**6, 1e9, False),
        (Limit(None, 3), 2, 1e9, False),
        (Limit(None, 3), 3, 0, True),
        (Limit(1, None), 0, 0, False),
        (Limit(1, None), 5, 56.9, False),
        (Limit(1, None), 5, 57.0, True),
        (Limit(60, None), 5, 3589.9, False),
        (Limit(60, None), 5, 3590.0, True),
        (Limit(0.01, None), 1, 0.5, False),
        (Limit(0.01, None), 1, 0.6, True),
    ],
)
def test_when_a_run_is_finished(limit: Limit, iteration: int, seconds: float, reached: bool) -> None:
    assert limit.reached(iteration, seconds) is reached


def test_minutes_that_the_clock_has_ended_are_over() -> None:
    assert Limit(5, None).reached(3, 270, ended_minutes=5)
    assert not Limit(6, None).reached(3, 270, ended_minutes=5)
    assert not Limit(None, 4).reached(3, 270, ended_minutes=5)


def test_when_the_minutes_will_be_over() -> None:
    assert Limit(1, None).is_over(54, Pace(), is_cut=True)
    assert not Limit(1, None).is_over(54, Pace(), is_cut=False)
    assert not Limit(1, None).is_over(53, Pace(), is_cut=True)
    assert Limit(1, None).is_over(54, Pace(commit_s=3), is_cut=False)
    assert not Limit(1, None).is_over(54, Pace(commit_s=2.9), is_cut=False)
    assert not Limit(None, 3).is_over(1e9, Pace(), is_cut=True)


def test_the_time_left_is_shared_between_play_and_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn.time, "monotonic", lambda: 1000.0)
    pace = Pace(play_s=30, learn_s=10, rest_s=4)
    assert Limit(None, 7).deadline(5, pace) == Deadline(math.inf, math.inf)
    assert Limit(1, None).deadline(16, pace) == Deadline(1030, 1040)
    assert Limit(1, None).deadline(16, pace, lag=1) == Deadline(1040, 1040)
    assert Limit(1, None).deadline(0, Pace()) == Deadline(1040, 1060)
    assert Limit(1, None).deadline(59, pace) == Deadline(1000, 1000)


class Shown:
    """What a reporter is told of the phases of a turn."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, int, str]] = []
        self.counts: list[float] = []

    @contextmanager
    def __call__(self, title: str, total: int, unit: str = "") -> Iterator[Callable[[float], None]]:
        self.phases.append((title, total, unit))
        yield self.counts.append


@pytest.mark.parametrize("lag", [0, 1])
def test_a_turn_ends_when_the_time_is_up(lag: int) -> None:
    config = small(positions=10**8, max_weight_lag=lag)
    learner = Learner(GAME, config, 1)
    replay = Replay(GAME, config.replay, config.game)
    actors = InlineActors(GAME, config, learner.playing_network())
    shown = Shown()
    try:
        learner.owe(1000)
        owed = learner.state().numbers["owed_steps"]
        now = time.monotonic()
        done = take_turn(actors, learner, replay, config.loop, Deadline(now + 1.0, now), shown)
    finally:
        actors.close()
    played = actors.stats()["positions"]
    assert 0 < played < 10**8
    assert done.positions == num_positions(done.games) <= played
    assert done.steps == 0 < done.planned  # the time to learn was up at once
    ratio = config.learner.samples_per_position / config.learner.batch_size
    assert learner.state().numbers["owed_steps"] == pytest.approx(owed + ratio * done.positions)
    titles = [("playing", 10**8, "positions"), ("learning", done.planned, "steps")]
    assert shown.phases == (titles if lag == 0 else [("playing and learning", 10**8, "positions")])
    assert any(0 < count <= played for count in shown.counts)


def test_a_turn_without_a_limit_is_whole() -> None:
    config = small()
    learner = Learner(GAME, config, 1)
    actors = InlineActors(GAME, config, learner.playing_network())
    try:
        done = take_turn(actors, learner, Replay(GAME, config.replay, config.game), config.loop)
    finally:
        actors.close()
    assert actors.stats()["positions"] == config.loop.positions == 300
    assert done.steps == done.planned == learner.step > 0
    assert LoopConfig().positions == 0


def test_a_run_that_the_clock_has_cut_goes_on_bit_equal(tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    slow = ("--set", "selfplay.simulations=150", "--set", "loop.positions=600")
    words = command(cut, "--minutes", "0.008", *slow)
    result = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    done = newest(cut)
    assert done >= 1
    assert f"the clock has cut iteration {done} short: " in result.stderr
    assert " of 600 positions played" in result.stderr
    assert result.stderr.count("the clock has cut") >= 1
    words = command(cut, "--minutes", "0.008", "--resume")
    again = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert f"run {cut} is finished: iteration {done} after " in again.stderr
    assert newest(cut) == done
    whole, torn = (Path(shutil.copytree(cut, tmp_path / name)) for name in ("whole", "torn"))
    train(whole, "--iterations", str(done + 3), "--resume")
    assert kill_and_resume(torn, done + 3, 2, 6.0, random.Random(3)) >= 1
    assert fingerprint(torn, done + 3) == fingerprint(whole, done + 3)
    ids = game_ids(whole)
    assert len(ids) == len(set(ids))
