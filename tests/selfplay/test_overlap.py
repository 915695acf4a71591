"""Playing and learning at the same time: one iteration of lag, the same whichever is faster."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from small_training import fingerprint, kill_and_resume, train

from engine.config import build_config
from engine.config.loop import LoopConfig
from engine.errors import UserError
from engine.learner.learner import Learner
from engine.registry import load_game
from engine.replay import Replay
from engine.selfplay.actors.inline import InlineActors
from engine.selfplay.caller import StoppedError
from engine.train.turn import take_turn

GAME = load_game("connect4")
LAG = ("--set", "loop.max_weight_lag=1")


class FakeActors:
    """Plays once `may_play` is set."""

    def __init__(self, games: Any, error: Exception | None = None) -> None:
        self.games = games
        self.error = error
        self.started, self.may_play, self.stopped = threading.Event(), threading.Event(), threading.Event()

    def play(self, positions: int) -> list[Any]:
        assert positions == LoopConfig().positions
        self.started.set()
        deadline = time.monotonic() + 20
        while not self.may_play.wait(0.01):
            if self.stopped.is_set():
                raise StoppedError
            assert time.monotonic() < deadline, "nobody stopped it"
        if self.error:
            raise self.error
        return [self.games]

    def played(self) -> int:
        return 0

    def finish(self) -> None:
        raise AssertionError("there is no limit of time")

    def stop(self) -> None:
        self.stopped.set()


class FakeLearner:
    def __init__(self, actors: FakeActors, delay_s: float = 0.0, error: BaseException | None = None) -> None:
        self.actors, self.delay_s, self.error = actors, delay_s, error
        self.owed = 7
        self.taken: list[int] = []

    def plan_steps(self, new_positions: int) -> int:
        steps, self.owed = self.owed + new_positions, 0
        return steps

    def owe(self, new_positions: int) -> None:
        self.owed += new_positions

    def train(self, window: object, steps: int, go_on: Callable[[int], bool]) -> dict[str, float]:
        assert window is FakeReplay.window
        assert self.actors.started.wait(10), "nobody played meanwhile"
        if self.error:
            raise self.error
        time.sleep(self.delay_s)
        self.actors.may_play.set()
        self.taken.append(steps)
        assert go_on(steps)
        return {}


class FakeReplay:
    window = None

    def add(self, games: Any) -> int:
        return len(games["moves"])


def some_games() -> Any:
    config = build_config({"selfplay": {"games": 4, "simulations": 4}, "loop": {"callers": 1}})
    actors = InlineActors(GAME, config, Learner(GAME, config, 1).playing_network())
    try:
        return actors.play(60)[0]
    finally:
        actors.close()


def turn(actors: Any, learner: Any, lag: int = 1) -> Any:
    replay: Any = FakeReplay()
    return take_turn(actors, learner, replay, LoopConfig(max_weight_lag=lag))


def test_the_learner_takes_the_steps_of_earlier_games_while_the_next_are_played() -> None:
    actors = FakeActors(some_games())
    learner = FakeLearner(actors, delay_s=0.05)
    values = turn(actors, learner).values
    assert learner.taken == [7]
    assert learner.owed == len(actors.games["moves"])
    assert values["speed/weight_lag"] == 1
    assert values["speed/learner_s"] >= 0.05
    assert 0 <= values["speed/learner_wait_s"] < 10


def test_without_lag_the_steps_are_those_of_the_games_just_played() -> None:
    actors = FakeActors(some_games())
    actors.may_play.set()
    learner = FakeLearner(actors, delay_s=0.02)
    learner.owed = 0
    values = turn(actors, learner, lag=0).values
    assert learner.taken == [len(actors.games["moves"])]
    assert values["speed/weight_lag"] == 0
    assert values["speed/actors_wait_s"] == values["speed/learner_s"] >= 0.02


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("loss is not finite")])
def test_an_end_of_the_learner_stops_the_actors(error: BaseException) -> None:
    actors = FakeActors(None)
    with pytest.raises(type(error)):
        turn(actors, FakeLearner(actors, error=error))
    assert actors.stopped.is_set()


def test_an_error_of_the_actors_comes_out() -> None:
    actors = FakeActors(None, UserError("actor 0 died"))
    with pytest.raises(UserError, match="actor 0 died"):
        turn(actors, FakeLearner(actors))


def test_games_are_played_with_the_weights_of_one_iteration_before(tmp_path: Path) -> None:
    """The second games come from untrained weights, while those of a run without lag have learnt."""
    for name, options in (("lag", LAG), ("none", ())):
        train(tmp_path / name, "--iterations", "2", *options)
    first, second = (
        [
            pq.read_table(tmp_path / name / "replay" / f"{iteration:06}.parquet")["moves"].to_pylist()
            for name in ("lag", "none")
        ]
        for iteration in (1, 2)
    )
    assert first[0] == first[1]
    assert second[0] != second[1]
    run = tmp_path / "lag"
    checkpoints = pq.read_table(run / "replay" / "000002.parquet")["checkpoint"].to_pylist()
    assert {number for game in checkpoints for number in game} == {0, 1}
    weights = [fingerprint(run, number)[f"checkpoints/{number:06}/model.safetensors"] for number in (1, 2)]
    assert weights[0] != weights[1]


def test_an_overlapped_run_killed_at_random_moments_ends_bit_equal(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    train(whole, "--iterations", "8", *LAG)
    killed = kill_and_resume(torn, 8, kills=2, longest_s=4, draw=random.Random(7), options=LAG)
    assert killed >= 1
    assert fingerprint(torn, 8) == fingerprint(whole, 8)


def test_the_window_is_not_touched_while_the_learner_reads_it() -> None:
    """All of a turn's steps are drawn from the games of earlier turns."""
    config = build_config(
        {
            "network": {"channels": 8, "blocks": 1},
            "selfplay": {"games": 4, "simulations": 4},
            "learner": {"batch_size": 8, "threads": 1},
            "loop": {"callers": 1, "positions": 60, "max_weight_lag": 1},
        }
    )
    learner = Learner(GAME, config, 1)
    replay = Replay(GAME, config.replay, config.game)
    actors = InlineActors(GAME, config, learner.playing_network())
    seen: list[set[int]] = []
    draw = learner._samples

    def samples(window: Any, steps: int) -> Any:
        seen.append(set())
        for drawn, wait in draw(window, steps):
            seen[-1] |= set(drawn["game_id"].tolist())
            yield drawn, wait

    learner._samples = samples  # type: ignore[method-assign]
    played: set[int] = set()
    try:
        for _ in range(3):
            count = len(seen)
            done = take_turn(actors, learner, replay, config.loop)
            assert (len(seen) > count) == (done.steps > 0)
            assert all(ids <= played for ids in seen[count:])
            played |= set(np.asarray(done.games["game_id"]).tolist())
    finally:
        actors.close()
    assert seen
