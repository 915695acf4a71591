"""Calls all that `engine._core` binds with arguments that it was not made for. Run as a process:

    python hostile_core.py calls START      every function, argument and hostile value, from number START on
    python hostile_core.py walks SEED STEPS a random walk of calls on objects that live on

Before each call its number and a line about it go to stdout, so that the last line names what ended the
process. What is raised must be of `TYPED`; else a line "RAISED ..." follows, and the exit code is 3.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import sys
import warnings
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
from bound_calls import Call, bound_calls
from custom_connect4 import PythonConnect4
from hostile_values import FLOATS_32, damaged_games, hostile
from proposers import Sampler
from rigged_game import RiggedGame

from engine import _core
from engine.errors import UserError
from engine.registry import load_game

TYPED = (TypeError, ValueError, IndexError, OverflowError, MemoryError, UserError)
MEMORY = 6 << 30
CALL_S = 20
"""A call that takes longer ends the process."""

GAMES = [
    "connect4",
    "chess",
    "chess960:start=5",
    "go:size=5",
    "go:size=3x4,rules=japanese",
    "tictactoe",
    "nim",
]
SEARCHES: list[dict[str, Any]] = [
    {}, {"rule": "uct", "proofs": False}, {"rule": "gumbel"}, {"rule": "gumbel-full", "max_in_flight": 3},
    {"transpositions": True, "c_puct_spread": 0.5, "lcb_deviations": 2.0},
    {"noise_fraction": 0.25, "forced_playouts": 2.0, "max_tree_mb": 0.01},
]  # fmt: skip


class Objects:
    """Live objects of every class, in every condition that a caller can bring them to."""

    def __init__(self) -> None:
        self.games = [load_game(name) for name in GAMES] + [PythonConnect4(), load_game("othello")]
        self.states: list[_core.State] = []
        for game in self.games:
            ended = game.initial()
            random = Random(3)
            while legal := ended.legal_actions():
                ended.play(random.choice(legal))
            self.states += [game.initial(), ended]
        self.search = [_core.SearchParams(**fields) for fields in SEARCHES]
        self.play = [_core.PlayParams(simulations=4, fast_simulations=2), _core.PlayParams(simulations=3)]
        self.requests: list[Any] = []
        self.trees: list[Any] = []
        for index, game in enumerate(self.games):
            self._add_trees(game, self.search[index % len(self.search)], cache_mb=float(index % 2))
        self._add_proposed()
        self.pools = [self._pool(game) for game in (self.games[0], self.games[3], self.games[-2])]
        self.windows = [_core.ReplayWindow(game) for game in self.games[:5]]
        self.finished = self._games()
        self.windows[0].append(self.finished)
        self.replies = [_core.uniform(requests) for requests in self.requests if requests.kinds.sum() == 0]
        self.solvers = [_core.Connect4Solver(1)]

    def _add_trees(self, game: _core.Game, search: _core.SearchParams, cache_mb: float) -> None:
        trees = _core.Trees(game, search, seed=1, cache_mb=cache_mb)
        for state in self.states:
            with contextlib.suppress(ValueError):
                trees.add(state)
        for _ in range(3):
            requests = trees.select(5)
            trees.backup(requests, _core.uniform(requests))
        self.trees += [trees, _core.Trees(game, search)]
        self.requests += [requests, trees.select(9)]

    def _add_proposed(self) -> None:
        params = _core.SearchParams(initial_proposals=2, max_proposals=6, max_step_tokens=4)
        trees = _core.Trees(None, params)
        trees.add_proposed()
        trees.add_proposed(1, 50)
        sampler = Sampler()
        for _ in range(3):
            requests = trees.select(9)
            trees.backup(requests, sampler(requests))
        self.trees += [trees, _core.Trees(None, params)]
        self.requests += [requests, trees.select(20)]
        self.proposals = [sampler(self.requests[-1])]

    def _pool(self, game: _core.Game) -> _core.Pool:
        pool = _core.Pool(game, self.search[0], self.play[0], seed=1, slots=3, cache_mb=1)
        pool.start(20)
        for _ in range(4):
            requests = pool.select()
            pool.backup(requests, _core.uniform(requests))
        self.requests.append(pool.select())
        return pool

    def _games(self) -> dict[str, Any]:
        pool = _core.Pool(self.games[0], self.search[0], self.play[0], seed=2, slots=3)
        pool.start(60)
        while requests := pool.select():
            pool.backup(requests, _core.uniform(requests))
        return pool.take_games()

    def of(self, owner: type) -> list[Any]:
        """Instances of a class, and one that has never been initialised."""
        every = [
            *self.games, *self.states, *self.search, *self.play, *self.requests, *self.trees, *self.pools,
            *self.windows, *self.replies, *self.proposals, *self.solvers,
        ]  # fmt: skip
        return [thing for thing in every if isinstance(thing, owner)] + [owner.__new__(owner)]

    def some(self) -> list[Any]:
        """Live objects of every class."""
        return [
            *self.games, *self.states[::3], *self.trees[:2], *self.requests[:2], *self.requests[-3:],
            *self.windows[:1], *self.replies[:2], *self.proposals, self.search[0], self.play[0],
        ]  # fmt: skip

    def fitting(self, call: Call, random: Random) -> list[Any]:
        """Arguments of the types that a signature asks for."""
        if call.owner is _core.Connect4Solver and call.parameters and "str" in call.parameters[0][1]:
            return [LATE]
        return [self._fitting(kind, name, random) for name, kind in call.parameters]

    def _fitting(self, kind: str, name: str, random: Random) -> Any:
        for owner in (value for value in vars(_core).values() if isinstance(value, type)):
            if kind.split(" |")[0] == f"engine._core.{owner.__name__}":
                return random.choice(self.of(owner)[:-1] or [None])
        if name == "games" and "dict" in kind:
            return dict(self.finished)
        if "addresses" in name:
            return {}
        if "NDArray" in kind or "ArrayLike" in kind:
            return self._array(name)
        if name == "planes_shape":
            return (1, 3, 3)
        if "Sequence" in kind or "list[" in kind:
            return [] if name in ("moves", "dead") else [([0], [0])]
        if "bool" in kind:
            return random.random() < 0.5
        if "SupportsInt" in kind:
            return random.choice([0, 1, 2, 5])
        if "SupportsFloat" in kind or "float" in kind:
            return random.choice([0.0, 0.5, 1.0])
        return random.choice(["", "44", "e2e4", "A1", "japanese"]) if "str" in kind else None

    def _array(self, name: str) -> Any:
        reply = self.replies[0]
        arrays = {
            "wdl": reply.wdl, "logits": reply.logits, "offsets": np.array([0, 1, 2], np.int64),
            "player": np.zeros(2, np.int8), "ends": np.zeros(2, np.bool_), "exact": np.zeros(2, np.bool_),
            "prior": np.ones(2, np.float32),
        }  # fmt: skip
        return arrays.get(name, np.arange(2, dtype=np.int32))


def say(number: int, line: str) -> None:
    os.write(1, f"{number} {line[:300]}\n".encode("utf-8", "backslashreplace"))


def shown(value: Any) -> str:
    with contextlib.suppress(Exception):
        return f"{type(value).__name__} {value!r}"[:80]
    return type(value).__name__


def attempt(call: Call, arguments: list[Any]) -> Any:
    """Make a call; an error that is not typed ends the process."""
    faulthandler.dump_traceback_later(CALL_S, exit=True)
    try:
        return call.run(*arguments)
    except TYPED:
        return None
    except KeyError as error:
        if error.args == ("odd",):
            return None
        _raised(error)
    except AttributeError as error:
        if "object has no attribute" in str(error) or "objects is not writable" in str(error):
            return None
        _raised(error)
    except BaseException as error:
        _raised(error)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _raised(error: BaseException) -> None:
    os.write(1, f"RAISED {type(error).__name__}: {error}\n".encode("utf-8", "backslashreplace"))
    os._exit(3)


LATE = "2322317317416563243132464251777714"
"""A position that is solved at once."""

LONG = {"playouts": "games", "State.perft": "depth", "Pool": "slots", "Connect4Solver": "table_mb"}
"""Parameters that make a call long, within their range too."""


def is_long(call: Call, position: int, value: Any) -> bool:
    if call.name.startswith("Connect4Solver."):
        return isinstance(value, str) and not value  # the empty board takes minutes
    wanted = LONG.get(call.name)
    if wanted is None or call.parameters[position][0] != wanted:
        return False
    return isinstance(value, int | float | np.generic) and 100 < value < 2**31


def every_call(objects: Objects) -> Iterator[tuple[Call, list[Any], str]]:
    """All that is bound, on every object: with fitting arguments, then each of them hostile in turn."""
    values = hostile(objects.some())
    for call in bound_calls():
        random = Random(call.name)
        subjects: list[list[Any]] = [[thing] for thing in objects.of(call.owner)] if call.owner else [[]]
        for subject in subjects:
            fitting = objects.fitting(call, random)
            yield call, subject + fitting, "fitting"
            yield call, subject, "nothing"
            yield call, [*subject, *fitting, None, None], "too much"
        for position in range(len(call.parameters)):
            for number, value in enumerate(values):
                if is_long(call, position, value):
                    continue
                subject = subjects[number % len(subjects)]
                fitting = objects.fitting(call, random)
                fitting[position] = value
                yield call, subject + fitting, f"{call.parameters[position][0]}={shown(value)}"
    for call in bound_calls():
        if call.name in ("Pool.restore", "ReplayWindow.append"):
            for what, games in damaged_games(objects.finished):
                subject = objects.pools[0] if "Pool" in call.name else objects.windows[0]
                yield call, [subject, games, 1][: 1 + len(call.parameters)], what


def run_calls(start: int) -> None:
    objects = Objects()
    for number, (call, arguments, what) in enumerate(every_call(objects)):
        if number < start:
            continue
        say(number, f"{call.name} of {shown(arguments[0]) if call.owner else 'module'}: {what}")
        attempt(call, arguments)


def search_on(objects: Objects, random: Random) -> None:
    """A round of one search or pool as its callers make it, with answers of all kinds."""
    trees = random.choice([*objects.trees, *objects.pools])
    if isinstance(trees, _core.Pool):
        trees.start(random.randrange(40))
        requests = trees.select()
    else:
        requests = trees.select(random.randrange(200), random.choice([1, 3, 10**6]), random.random() < 0.5)
    try:
        reply: Any = random.choice([_core.uniform, lambda asked: _core.rollout(asked, 1)])(requests)
        if random.random() < 0.3:
            reply.wdl[...] = random.choice(FLOATS_32)
            reply.logits[...] = random.choice(FLOATS_32)
    except ValueError:
        reply = Sampler(exact=random.random() < 0.5)(requests)
    trees.backup(requests, reply)


def add_rigged_games(objects: Objects, random: Random) -> None:
    """Trees and pools whose rules lie, fail, and use whatever is at hand in the middle of a search."""

    def meddle() -> None:
        thing = random.choice([*objects.trees, *objects.pools, *objects.windows, *objects.requests])
        name = random.choice([name for name in dir(type(thing)) if not name.startswith("_")])
        with contextlib.suppress(*TYPED):
            used = getattr(thing, name)
            if callable(used):
                used(*random.choice([(), (0,), (1,), (0, 0)]))

    for share in (0.001, 0.02):
        game = RiggedGame(share, random.randrange(2**32), meddle)
        trees = _core.Trees(game, random.choice(objects.search), seed=1, cache_mb=random.choice([0, 1]))
        with contextlib.suppress(*TYPED):
            trees.add(game.initial())
        objects.games.append(game)
        objects.trees += [trees] * 3
        with contextlib.suppress(*TYPED):
            objects.pools.append(_core.Pool(game, objects.search[0], objects.play[0], seed=1, slots=2))


SEARCH_ON = Call("a round of search", None, search_on, ())
RIGGED = Call("rigged games", None, add_rigged_games, ())


def run_walk(seed: int, steps: int) -> None:
    """Objects go on from where earlier calls left them, and answers are put to use."""
    random = Random(seed)
    objects = Objects()
    add_rigged_games(objects, random)
    calls, values = bound_calls(), hostile(objects.some())
    for number in range(steps):
        if random.random() < 0.1:
            call = SEARCH_ON if random.random() < 0.97 else RIGGED
            say(number, call.name)
            attempt(call, [objects, random])
            continue
        call = random.choice(calls)
        fitting = [
            random.choice(values) if random.random() < 0.1 else value
            for value in objects.fitting(call, random)
        ]
        if any(is_long(call, position, value) for position, value in enumerate(fitting)):
            continue
        subject = [random.choice(objects.of(call.owner))] if call.owner else []
        say(number, f"{call.name} of {subject and shown(subject[0])}: {[shown(value) for value in fitting]}")
        keep(objects, attempt(call, subject + fitting), random)


def keep(objects: Objects, result: Any, random: Random) -> None:
    """What a call gave takes the place of another of its kind."""
    homes: list[tuple[type, list[Any]]] = [
        (_core.State, objects.states), (_core.Trees, objects.trees), (_core.Requests, objects.requests),
        (_core.Pool, objects.pools), (_core.DenseReply, objects.replies),
        (_core.ReplayWindow, objects.windows),
        (_core.SearchParams, objects.search),
    ]  # fmt: skip
    for kind, home in homes:
        if isinstance(result, kind):
            home[random.randrange(len(home))] = result


def main(kind: str, *numbers: str) -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    run_calls(*map(int, numbers)) if kind == "calls" else run_walk(*map(int, numbers))
    os.write(1, b"SURVIVED\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
