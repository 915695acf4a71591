"""Several batches in flight: what is found depends on how many there are, never on when they are answered."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from pseudo import pseudo_reply

from engine import _core
from engine.config import build_config
from engine.errors import InputError
from engine.evaluator.evaluator import Pipeline
from engine.search import exchange, search
from engine.selfplay.caller import Caller, StoppedError
from games.connect4 import Connect4

GAME = Connect4()


class FakePipeline:
    """Answers from the planes of the moment of answering; with `delays` in threads and out of order."""

    def __init__(self, depth: int, delays: random.Random | None = None) -> None:
        self.depth = depth
        self.sizes: list[int] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._delays = delays
        self._threads = ThreadPoolExecutor(depth)

    def __call__(self, requests: _core.Requests) -> _core.DenseReply:
        return self.submit(requests)()

    def submit(self, requests: _core.Requests) -> Callable[[], _core.DenseReply]:
        planes = requests.planes
        self.sizes.append(len(planes))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        future: Future[_core.DenseReply] | None = None
        if self._delays is not None:
            future = self._threads.submit(self._slowly, planes, self._delays.uniform(0, 0.002))

        def answer() -> _core.DenseReply:
            self.in_flight -= 1
            return future.result() if future else pseudo_reply(planes)

        return answer

    def _slowly(self, planes: np.ndarray, delay_s: float) -> _core.DenseReply:
        time.sleep(delay_s)
        return pseudo_reply(planes)


def searched(evaluate: Any, leaves: int, simulations: int = 1200, position: str = "44") -> dict[str, Any]:
    trees = _core.Trees(GAME, _core.SearchParams(proofs=False, max_in_flight=leaves))
    trees.add(GAME.parse(position))
    search(trees, evaluate, simulations)
    return trees.root(0)


def play(evaluate: Any, positions: list[int]) -> list[dict[str, Any]]:
    config = build_config({"selfplay": {"games": 12, "simulations": 12, "cache_mb": 1}})
    caller = Caller(GAME, config, evaluate, 0, 1)
    games = [caller.play(count, threading.Event()) for count in positions]
    assert caller.stats()["positions"] == sum(positions)
    stats = caller.stats()
    assert 0.5 < stats["evaluations"] / stats["batch_room"] <= 1
    return [*games, caller.pool.snapshot()]


def assert_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def moves_by_id(games: list[dict[str, Any]]) -> dict[int, list[int]]:
    return {
        int(number): part["moves"][part["move_offsets"][i] : part["move_offsets"][i + 1]].tolist()
        for part in games[:-1]
        for i, number in enumerate(part["game_id"])
    }


@pytest.mark.parametrize("depth", [2, 3])
def test_a_search_is_the_same_whenever_its_batches_are_answered(depth: int) -> None:
    ready, late = FakePipeline(depth), FakePipeline(depth, random.Random(1))
    assert_same(searched(late, 24), searched(ready, 24))
    assert late.most_in_flight == depth
    assert late.in_flight == 0
    assert late.sizes == ready.sizes
    assert max(late.sizes) <= 24 // depth
    assert sum(late.sizes) / len(late.sizes) > 5


def test_one_batch_in_flight_is_a_search_without_a_pipeline() -> None:
    def plain(requests: _core.Requests) -> _core.DenseReply:
        return pseudo_reply(requests.planes)

    assert not isinstance(plain, Pipeline)
    assert isinstance(FakePipeline(1), Pipeline)
    assert_same(searched(FakePipeline(1), 6), searched(plain, 6))


def test_more_leaves_in_flight_than_simulations() -> None:
    root = searched(FakePipeline(3, random.Random(2)), 96, simulations=20)
    assert root["simulations"] == 20


def test_trees_side_by_side_are_those_searched_alone() -> None:
    positions = ["", "4", "44", "1234", "7654321"]
    trees = _core.Trees(GAME, _core.SearchParams())
    for position in positions:
        trees.add(GAME.parse(position))
    evaluate = FakePipeline(3, random.Random(3))
    search(trees, evaluate, 150)
    assert max(evaluate.sizes) == 2
    for index, position in enumerate(positions):
        alone = _core.Trees(GAME, _core.SearchParams())
        alone.add(GAME.parse(position))
        search(alone, FakePipeline(1), 150)
        assert_same(trees.root(index), alone.root(0))


@pytest.mark.parametrize("depth", [2, 3])
def test_games_are_the_same_whenever_their_batches_are_answered(depth: int) -> None:
    ready, late = FakePipeline(depth), FakePipeline(depth, random.Random(4))
    positions = [200, 201, 77]
    for ours, theirs in zip(play(late, positions), play(ready, positions), strict=True):
        assert_same(ours, theirs)
    assert late.in_flight == 0
    assert late.most_in_flight == depth
    assert max(late.sizes) == 12 // depth


def test_a_game_is_the_same_however_many_batches_are_in_flight() -> None:
    one, two = (moves_by_id(play(FakePipeline(depth), [600])) for depth in (1, 2))
    common = one.keys() & two.keys()
    assert len(common) > 10
    assert all(one[number] == two[number] for number in common)


def test_what_is_in_flight_is_waited_for_when_play_ends_early() -> None:
    evaluate, stop = FakePipeline(2, random.Random(5)), threading.Event()
    config = build_config({"selfplay": {"games": 8, "simulations": 12}})
    caller = Caller(GAME, config, evaluate, 0, 1)
    stop.set()
    with pytest.raises(StoppedError):
        caller.play(1000, stop)
    assert evaluate.in_flight == 0


def test_an_error_of_the_evaluator_comes_out_once_the_others_have_ended() -> None:
    class Broken(FakePipeline):
        def submit(self, requests: _core.Requests) -> Callable[[], _core.DenseReply]:
            answer = super().submit(requests)
            if len(self.sizes) == 5:

                def broken() -> _core.DenseReply:
                    answer()
                    raise RuntimeError("out of memory")

                return broken
            return answer

    evaluate = Broken(3, random.Random(6))
    with pytest.raises(RuntimeError, match="out of memory"):
        searched(evaluate, 24)
    assert evaluate.in_flight == 0


def test_a_batch_whose_trees_are_forgotten_is_empty() -> None:
    trees = _core.Trees(GAME, _core.SearchParams())
    for position in ("", "4", "44"):
        trees.add(GAME.parse(position))
    first, second = trees.select(10, 2), trees.select(10, 2)
    assert [len(first), len(second), len(trees.select(10))] == [2, 1, 0]
    assert first.trees.tolist() + second.trees.tolist() == [0, 1, 2]
    trees.backup(second, _core.uniform(second))
    assert [len(first), len(second)] == [2, 0]
    trees.drop()
    assert len(first) == 0
    with pytest.raises(InputError, match="forgotten since"):
        trees.backup(first, _core.DenseReply(np.zeros((2, 3), np.float32), np.zeros((2, 7), np.float32)))


def test_seconds_are_those_of_the_evaluator() -> None:
    class Slow(FakePipeline):
        def submit(self, requests: _core.Requests) -> Callable[[], _core.DenseReply]:
            time.sleep(0.002)
            return super().submit(requests)

    trees = _core.Trees(GAME, _core.SearchParams())
    trees.add(GAME.initial())
    seconds = list(exchange(lambda most: trees.select(20, most), trees.backup, Slow(1), 1))
    assert len(seconds) > 5
    assert min(seconds) >= 0.002
