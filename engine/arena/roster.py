"""The players of an event and what the threads that play it share."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

from engine._core import Game, State
from engine.arena.client.error import EngineError
from engine.arena.client.player import EnginePlayer
from engine.arena.client.pool import EnginePool
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.mover import Done, EngineMover, Table
from engine.player import Player
from engine.player.clock import TimeControl
from engine.player.limit import Limit
from engine.player.limited_player import LimitedPlayer
from engine.registry import position_text

MAX_WAITERS = 1024
"""Threads that wait for outside engines."""

WAKE_S = 0.2
"""Between two looks for a signal, while threads are waited for."""

Result = TypeVar("Result")

_RESULTS = {1: "win", 0: "draw", -1: "loss"}


class Roster:
    """Players, openings, engines at work; `players` may grow as long as nothing is played."""

    def __init__(
        self, game: Game, openings: Sequence[State], players: list[Player], seed: int, conduct: Conduct
    ) -> None:
        self.players = players
        self.seed = seed
        self.conduct = conduct
        self._openings = [(position_text(game, state), state) for state in openings]
        self._twins: dict[tuple[int, str], Player] = {}
        self._pools: dict[int, EnginePool] = {}
        self._waiters = ThreadPoolExecutor(MAX_WAITERS, thread_name_prefix="engine")
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether games under way are to be left."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Have everybody leave the games under way."""
        self._stop.set()

    def resume(self) -> None:
        """Games may be played again."""
        if self.stopped:
            self._stop.clear()
            for pool in self._pools.values():
                pool.open()

    def deal(self, order: GameOrder) -> ArenaGame:
        """A game before its first move."""
        text, state = self._openings[order.opening]
        return ArenaGame(order, text, state.clone())

    def limit(self, player: int) -> Limit:
        """Of its moves."""
        one = self.players[player]
        return one.limit if isinstance(one, LimitedPlayer | EnginePlayer) else Limit()

    def control(self, player: int) -> TimeControl:
        """Of its clock."""
        return self.limit(player).time or TimeControl()

    def twin(self, caller: int, player: int) -> Player:
        """The player of one thread; players of the same name share it."""
        original = self.players[player]
        key = (caller, original.name)
        with self._lock:
            if key not in self._twins:
                self._twins[key] = original.twin(derive(self.seed, caller))
            return self._twins[key]

    def engine_mover(self, player: int, done: queue.SimpleQueue[Done]) -> EngineMover:
        """What has an outside player's engines move, for one thread."""
        return EngineMover(self._pool(player), self._waiters, done, self.conduct)

    def check(self) -> list[str]:
        """Start an engine of every outside player that has none yet; what is wrong with those that fail.

        Raise UserError for an option or a limit that an engine does not have, and for an opening that it
        cannot be told.
        """
        new = [
            index
            for index, one in enumerate(self.players)
            if isinstance(one, EnginePlayer) and index not in self._pools
        ]
        found = [self._waiters.submit(self._check, self._pool(index)) for index in new]
        return [complaint for complaint in results(found) if complaint]

    def disclaimed(self, table: Table) -> list[str]:
        """Results that players were certain of when they last moved, and that were not so."""
        game, complaints = table.game, []
        for color, result in enumerate(table.results):
            outcome = (game.outcome or 0.0) * (1 if color == 0 else -1)
            got = int(np.sign(outcome))
            if result is not None and game.termination == "rules" and got != result:
                name = self.players[game.seats[color]].name
                complaints.append(f"{name}: was certain of a {_RESULTS[result]}; it is a {_RESULTS[got]}")
        return complaints

    def abandon(self) -> None:
        """End the engines of games that are left under way."""
        for pool in self._pools.values():
            pool.abandon()

    def close(self) -> None:
        """Let all engines end."""
        self._waiters.shutdown()
        with ThreadPoolExecutor(max(1, len(self._pools))) as closers:
            list(closers.map(EnginePool.close, self._pools.values()))

    def _pool(self, player: int) -> EnginePool:
        one = self.players[player]
        assert isinstance(one, EnginePlayer)
        with self._lock:
            if player not in self._pools:
                self._pools[player] = EnginePool(one, self.conduct.patience_s, self.conduct.max_failures)
            return self._pools[player]

    def _check(self, pool: EnginePool) -> str:
        try:
            engine = pool.lend()
        except EngineError as failure:
            pool.fail(None, failure)
            return f"{pool.player.name}: {failure.kind}: {failure.reason}"
        for _, state in self._openings:
            engine.check(state)
        pool.give_back(engine)
        return ""


def results(futures: Sequence[Future[Result]]) -> list[Result]:
    """What threads give; an error of one is raised at once, and Ctrl-C heard meanwhile."""
    left: set[Future[Result]] = set(futures)
    while left:
        # Without a timeout a signal that comes just before the wait would be heard after it.
        done, left = wait(left, timeout=WAKE_S, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
    return [future.result() for future in futures]


def derive(*path: int) -> int:
    """A seed of its own for each path."""
    return int(np.random.SeedSequence(path).generate_state(1, np.uint64)[0])
