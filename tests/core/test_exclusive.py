"""Searches, pools and windows that rules and threads meddle with: refused, and whole afterwards."""

from __future__ import annotations

import ctypes
import math
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from rigged_game import WRONG, RiggedGame

from engine import _core
from engine.errors import InputError
from engine.registry import load_game
from games.tictactoe import TicTacToe, TicTacToeState

CONNECT4 = load_game("connect4")
PLAN = np.array([[0, 5, 5, 1, 1 << 20]], np.int64)


def meddlers(trees: _core.Trees) -> dict[str, Callable[[], Any]]:
    return {
        "select": lambda: trees.select(1),
        "clear": trees.clear,
        "drop": trees.drop,
        "len": lambda: len(trees),
        "root": lambda: trees.root(0),
        "advance": lambda: trees.advance(0, 0),
        "max_in_flight": lambda: setattr(trees, "max_in_flight", 5),
        "add": lambda: trees.add(TicTacToe().initial()),
        "remove": lambda: trees.remove(0),
        "renew": lambda: trees.renew(0),
        "abandon": trees.abandon,
        "progress": lambda: trees.progress(PLAN),
        "select_each": lambda: trees.select_each(PLAN),
        "line_visits": lambda: trees.line_visits(0, [0]),
        "most_visited": lambda: trees.most_visited(0, 5),
    }


@pytest.mark.parametrize("what", meddlers(_core.Trees(None, _core.SearchParams())))
def test_rules_may_not_use_the_trees_that_search_them(what: str) -> None:
    game = RiggedGame(0.05, meddle=lambda: meddlers(trees)[what]())
    trees = _core.Trees(game, _core.SearchParams())
    game.share = 0
    trees.add(game.initial())
    game.share = 0.5
    with pytest.raises(InputError, match="these trees are in use by a call that has not returned"):
        search(trees, 50)
    game.share = 0
    searched_as_if_nothing_had_happened(trees, game)


def search(trees: _core.Trees, simulations: int) -> None:
    while requests := trees.select(simulations):
        trees.backup(requests, _core.uniform(requests))


def searched_as_if_nothing_had_happened(trees: _core.Trees, game: _core.Game) -> None:
    fresh = _core.Trees(game, _core.SearchParams())
    fresh.add(game.initial())
    for each in (trees, fresh):
        while requests := each.select(50):
            each.backup(requests, _core.rollout(requests, 1))
    assert trees.root(0)["visits"].tolist() == fresh.root(0)["visits"].tolist()


@pytest.mark.parametrize(
    "method", [name for name in WRONG if name not in ("text", "winning_action", "score")]
)
@pytest.mark.parametrize("transpositions", [False, True])
def test_wrong_answers_of_rules_end_the_call_and_leave_the_trees_whole(
    method: str, transpositions: bool
) -> None:
    game = RiggedGame()
    for wrong in WRONG[method]:
        trees = _core.Trees(game, _core.SearchParams(transpositions=transpositions), cache_mb=1)
        trees.add(game.initial())
        requests = trees.select(3)
        trees.backup(requests, _core.uniform(requests))
        game.once = (method, wrong)
        try:
            for _ in range(20):
                requests = trees.select(30)
                _ = requests.planes
                trees.backup(requests, _core.uniform(requests))
        except (TypeError, ValueError, AttributeError):
            pass
        finally:
            game.once = None
        trees.drop()
        searched_as_if_nothing_had_happened(trees, game)


def test_a_pool_that_stopped_in_a_move_says_so() -> None:
    game = RiggedGame()
    play = _core.PlayParams(simulations=1, fast_simulations=1, max_opening_plies=0)
    pool = _core.Pool(game, _core.SearchParams(), play, seed=1, games=1, cache_mb=0)
    pool.start(5)
    requests = pool.select()
    pool.backup(requests, _core.uniform(requests))  # the search is done; what follows is a move
    game.once = ("clone", None)
    with pytest.raises(AttributeError):
        pool.select()
    game.once = None
    for call in (pool.select, pool.snapshot, lambda: pool.start(1)):
        with pytest.raises(InputError, match="stopped this pool in the middle of a move; make a new one"):
            call()


def test_a_pool_whose_rules_failed_in_a_search_plays_on() -> None:
    def play_on(pool: _core.Pool) -> list[int]:
        while requests := pool.select():
            pool.backup(requests, _core.uniform(requests))
        moves: list[int] = pool.take_games()["moves"].tolist()
        return moves

    game = RiggedGame()
    play = _core.PlayParams(simulations=8)
    one, other = (_core.Pool(game, _core.SearchParams(), play, seed=1, games=2, cache_mb=0) for _ in range(2))
    for pool in (one, other):
        pool.start(12)
    requests = one.select()
    one.backup(requests, _core.uniform(requests))
    game.once = ("legal_actions", [9])
    with pytest.raises(InputError, match="legal_actions"):
        one.select()
    game.once = None
    assert play_on(one) == play_on(other)


class WaitingState(TicTacToeState):
    """Stands still in its rules as long as its game says so."""

    inside = threading.Event()
    go_on = threading.Event()
    waits = False

    def clone(self) -> WaitingState:
        copy = WaitingState()
        copy.cells, copy.plies = self.cells[:], self.plies
        return copy

    def legal_actions(self) -> list[int]:
        if WaitingState.waits and threading.current_thread() is not threading.main_thread():
            WaitingState.inside.set()
            assert WaitingState.go_on.wait(300)
        return super().legal_actions()


class WaitingGame(TicTacToe):
    def start(self) -> TicTacToeState:
        return WaitingState()


@pytest.fixture
def waiting() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Runs a call in a thread until it stands still in the rules of a WaitingGame."""
    threads: list[threading.Thread] = []

    def start(call: Callable[[], Any]) -> None:
        WaitingState.inside.clear()
        WaitingState.go_on.clear()
        WaitingState.waits = True
        threads.append(threading.Thread(target=call))
        threads[-1].start()
        assert WaitingState.inside.wait(300)

    yield start
    WaitingState.waits = False
    WaitingState.go_on.set()
    for thread in threads:
        thread.join()


def test_two_threads_do_not_share_trees(waiting: Any) -> None:
    game = WaitingGame()
    trees = _core.Trees(game, _core.SearchParams())
    trees.add(game.initial())
    waiting(lambda: trees.select(10))
    for call in (
        lambda: trees.select(10),
        trees.clear,
        trees.stats,
        lambda: trees.root(0),
        lambda: len(trees),
    ):
        with pytest.raises(InputError, match="these trees are in use by a call that has not returned"):
            call()


def test_two_threads_do_not_share_a_batch(waiting: Any) -> None:
    game = WaitingGame()
    trees = _core.Trees(game, _core.SearchParams())
    trees.add(game.initial())
    requests = trees.select(10)
    waiting(lambda: requests.legal)
    for call in (
        lambda: trees.backup(requests, None),
        lambda: requests.planes,
        lambda: _core.uniform(requests),
    ):  # type: ignore[arg-type]
        with pytest.raises((InputError, TypeError)):
            call()


def test_two_threads_do_not_share_a_pool(waiting: Any) -> None:
    pool = _core.Pool(WaitingGame(), _core.SearchParams(), _core.PlayParams(), seed=1, games=2)
    pool.start(5)
    waiting(pool.select)
    for call in (pool.select, pool.stats, pool.snapshot, pool.take_games, lambda: pool.new_weights(1)):
        with pytest.raises(InputError, match="this pool is in use by a call that has not returned"):
            call()


def games_of(game: _core.Game, positions: int = 40) -> dict[str, Any]:
    pool = _core.Pool(game, _core.SearchParams(), _core.PlayParams(simulations=4), seed=3, games=3)
    pool.start(positions)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    return pool.take_games()


def test_two_threads_do_not_share_a_window(waiting: Any) -> None:
    game = WaitingGame()
    games = games_of(game)
    window = _core.ReplayWindow(game)
    window.append(games)
    waiting(lambda: window.sample(5, 1))
    for call in (
        lambda: window.sample(1, 1),
        lambda: window.append(games),
        lambda: window.trim(0),
        lambda: window.games,
    ):
        with pytest.raises(InputError, match="this window is in use by a call that has not returned"):
            call()


def test_threads_that_hammer_one_search_meet_errors_only() -> None:
    trees = _core.Trees(CONNECT4, _core.SearchParams(), cache_mb=1)
    for _ in range(64):
        trees.add(CONNECT4.initial())
    strange: list[BaseException] = []

    def hammer(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(300):
            try:
                requests = trees.select(int(random.integers(1000)))
                trees.backup(requests, _core.uniform(requests))
                if random.random() < 0.05:
                    trees.drop()
            except ValueError:
                pass
            except BaseException as error:
                strange.append(error)

    threads = [threading.Thread(target=hammer, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert strange == []


class OnTimeError(Exception):
    """A timer has rung."""


@pytest.mark.parametrize("work", ["search", "play_random_games", "perft"])
def test_signals_come_through_to_long_calls(work: str) -> None:
    def ring(*_: object) -> None:
        raise OnTimeError

    game = load_game("nim")
    trees = _core.Trees(game, _core.SearchParams(proofs=False, rule="uct"))
    trees.add(game.initial())
    calls = {
        "search": lambda: search(trees, 2**30),
        "play_random_games": lambda: _core.play_random_games(CONNECT4, 1, 2**31 - 1),
        "perft": lambda: load_game("chess").initial().perft(9),
    }
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(OnTimeError):
            calls[work]()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Functions:
    """A game of one position, as C functions that Python answers for: each as wrong as wanted."""

    RIGHT: ClassVar[dict[str, Any]] = {"player": 0, "legal_actions": list(range(9)), "outcome": math.nan}

    def __init__(self, **wrong: Any) -> None:
        answers = self.RIGHT | wrong

        def legal_actions(_: Any, out: Any) -> int:
            actions = answers["legal_actions"]
            for index, action in enumerate(actions[:9]):
                out[index] = action
            return len(actions)

        state, out = ctypes.c_void_p, ctypes.POINTER(ctypes.c_int32)
        self.functions = {
            "start": ctypes.CFUNCTYPE(None, state)(lambda _: None),
            "legal_actions": ctypes.CFUNCTYPE(ctypes.c_int32, state, out)(legal_actions),
            "play": ctypes.CFUNCTYPE(None, state, ctypes.c_int32)(lambda *_: None),
            "player": ctypes.CFUNCTYPE(ctypes.c_int32, state)(lambda _: answers["player"]),
            "outcome": ctypes.CFUNCTYPE(ctypes.c_float, state)(lambda _: answers["outcome"]),
            "encode": ctypes.CFUNCTYPE(None, state, state)(lambda *_: None),
        }

    def game(self) -> _core.FunctionGame:
        identity = (list(range(9)), list(range(9)))
        pointers = {name: ctypes.cast(call, ctypes.c_void_p) for name, call in self.functions.items()}
        return _core.FunctionGame(
            name="functions", num_actions=9, planes_shape=(1, 3, 3), max_plies=9,
            action_names=[str(cell) for cell in range(9)], symmetries=[identity], has_score=False,
            state_bytes=8, addresses={name: at.value or 0 for name, at in pointers.items()}, text=None,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"player": 7}, r"player\(\) gives 7; expected 0 or 1"),
        ({"legal_actions": [3, 1]}, r"legal_actions\(\) gives 2 actions, not ascending or out of range"),
        ({"legal_actions": [0, 9]}, "ascending actions from 0 to 8"),
        ({"legal_actions": [-1]}, "ascending actions from 0 to 8"),
        ({"legal_actions": [0] * 12}, r"legal_actions\(\) gives 12 actions; expected"),
        ({"outcome": 2.0}, r"outcome\(\) gives 2; expected -1 to 1"),
        ({"outcome": math.inf}, r"outcome\(\) gives inf"),
        ({"legal_actions": []}, "has a position with neither a legal action nor an outcome"),
    ],
)
def test_wrong_answers_of_compiled_rules_are_named(wrong: dict[str, Any], message: str) -> None:
    functions = Functions(**wrong)
    game = functions.game()
    trees = _core.Trees(game, _core.SearchParams())
    trees.add(game.initial())
    with pytest.raises(InputError, match=message):
        search(trees, 20)
