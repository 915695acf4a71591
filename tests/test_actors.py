"""Actors in processes: the games of the inline ones, whatever happens to a process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.actors import process
from engine.actors.inline import InlineActors
from engine.actors.process import ProcessActors
from engine.config import Config, build_config
from engine.errors import UserError
from engine.evaluator import NetworkEvaluator
from engine.learner import Learner
from engine.network import PolicyValueNetwork
from engine.registry import load_game
from engine.selfplay import Caller, Games, StoppedError

pytest.importorskip("openvino", reason="answers that do not depend on the batch need the extra cpu")


def settings(**loop: Any) -> Config:
    return build_config(
        {
            "game": "connect4",
            "seed": 3,
            "network": {"channels": 8, "blocks": 1},
            "selfplay": {"games": 6, "simulations": 12},
            "evaluator": {"backend": "openvino", "precision": "f32"},
            "loop": {"callers": 2, "stall_s": 20.0, **loop},
        }
    )


def network(seed: int) -> PolicyValueNetwork:
    config = settings()
    return Learner(load_game("connect4"), config, seed).playing_network()


@pytest.fixture
def actors() -> Iterator[ProcessActors]:
    running = ProcessActors(settings(), network(1))
    yield running
    running.close()
    assert not multiprocessing.active_children()


def expected(positions: list[int]) -> list[list[Games]]:
    inline = InlineActors(load_game("connect4"), settings(), network(1))
    batches = []
    for number, count in enumerate(positions, start=1):
        batches.append(inline.play(count))
        inline.load(network(1 + number), number)
    inline.close()
    return batches


def assert_same(ours: list[Games], theirs: list[Games]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert np.array_equal(one[name], other[name], equal_nan=name == "outcome"), name


def disturb(actors: ProcessActors, number: int, what: signal.Signals, delay_s: float) -> threading.Thread:
    pid = actors.actors[number].process.pid

    def act() -> None:
        time.sleep(delay_s)
        os.kill(pid, what)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def test_the_same_games_as_in_threads(actors: ProcessActors) -> None:
    first, second = expected([300, 301])
    assert_same(actors.play(300), first)
    actors.load(network(2), 1)
    snapshot = actors.snapshot()
    assert_same(actors.play(301), second)
    assert actors.stats()["positions"] == 601
    assert actors.stats()["batches"] > 10
    actors.restore(snapshot)
    actors.load(network(2), 1)
    assert_same(actors.play(301), second)


def test_a_killed_actor_plays_its_games_again(actors: ProcessActors) -> None:
    first, second = expected([300, 20_000])
    assert_same(actors.play(300), first)
    actors.load(network(2), 1)
    thread = disturb(actors, 1, signal.SIGKILL, 0.05)
    assert_same(actors.play(20_000), second)
    thread.join()
    stats = actors.stats()
    assert stats["restarts"] == 1
    assert stats["positions"] == 20_300


def test_a_stopped_actor_is_replaced() -> None:
    actors = ProcessActors(settings(stall_s=1.5), network(1))
    try:
        wanted = expected([20_000])[0]
        actors.snapshot()  # all of them are up
        thread = disturb(actors, 0, signal.SIGSTOP, 0.05)
        assert_same(actors.play(20_000), wanted)
        thread.join()
        assert actors.stats()["restarts"] == 1
    finally:
        actors.close()


def test_a_crash_loop_ends_with_the_last_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_DEATHS", 1)
    actors = ProcessActors(settings(), network(1))
    try:
        threads = [disturb(actors, 0, signal.SIGKILL, 0.0)]
        restart = actors._restart

        def restart_and_kill(actor: Any) -> None:
            restart(actor)
            os.kill(actor.process.pid, signal.SIGKILL)

        monkeypatch.setattr(actors, "_restart", restart_and_kill)
        with pytest.raises(UserError, match=r"actor 0 died 2 times over one command; at last: .* code -9"):
            actors.play(100)
        for thread in threads:
            thread.join()
    finally:
        actors.close()


def test_stop_ends_a_play_under_way(actors: ProcessActors) -> None:
    actors.snapshot()
    threading.Timer(0.3, actors.stop).start()
    started = time.monotonic()
    with pytest.raises(StoppedError):
        actors.play(10**9)
    assert time.monotonic() - started < 5


def test_a_play_that_finishes_early_is_one_of_fewer_moves(actors: ProcessActors) -> None:
    seen: list[int] = []
    stop = threading.Event()

    def finish() -> None:
        while not stop.wait(0.05):
            seen.append(actors.played())
            if all(actor.moves.value > 0 for actor in actors.actors):
                actors.finish()

    thread = threading.Thread(target=finish)
    thread.start()
    batches = actors.play(10**9)
    stop.set()
    thread.join()
    assert any(0 < count <= actors.stats()["positions"] for count in seen)
    game, config = load_game("connect4"), settings()
    for actor, games in zip(actors.actors, batches, strict=True):
        played = int(actor.stats["positions"])
        assert 0 < played < 10**9
        evaluator = NetworkEvaluator(game, network(1), config.evaluator)
        alone = Caller(game, config, evaluator, actor.index, len(actors.actors))
        assert_same([games], [alone.play(played, threading.Event())])
        assert actor.memory.games is not None
        assert_same([actor.memory.games], [alone.pool.snapshot()])
    before = actors.stats()["positions"]
    actors.play(50)
    assert actors.stats()["positions"] == before + 50


def test_what_the_user_can_mend_is_said_at_once() -> None:
    broken = settings().model_copy(update={"game": "nosuch"})
    actors = ProcessActors(broken, network(1))
    try:
        with pytest.raises(UserError, match="unknown game 'nosuch'"):
            actors.play(10)
    finally:
        actors.close()
