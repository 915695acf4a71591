"""Plays the games of an event in parallel: each thread has games side by side, their positions in batches."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from engine._core import Game, State
from engine.arena.game import ArenaGame, GameOrder
from engine.errors import UserError
from engine.player import Player
from engine.registry import position_text

MAX_NODES = 1_000_000
"""Simulations of players under way in one thread, all games together; bounds the memory of trees."""

MAX_GAMES = 512
"""Games side by side in one thread."""


class Runner:
    """Plays games of one event.

    A game's randomness comes from (seed, number, ply), and which thread plays it from its number. Players
    whose chance runs through the games of a batch, as `mcts` has it, play the same games for the same orders.

    Args:
        openings: positions to start from, none of them over.
        players: of the event; more may be added to the list as long as nothing is played.
        callers: threads, each with players of its own; 0 takes one a core.
    """

    def __init__(
        self, game: Game, openings: Sequence[State], players: list[Player], seed: int = 0, callers: int = 0
    ) -> None:
        if not openings:
            raise UserError("an arena needs at least one opening")
        self.players = players
        self.callers = callers or len(os.sched_getaffinity(0))
        self.seed = seed
        self._openings = [(position_text(game, state), state) for state in openings]
        self._twins: dict[tuple[int, str], Player] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def play(self, orders: Iterable[GameOrder], ended: Callable[[ArenaGame], None]) -> None:
        """Play all games, each as soon as there is room for it, and hand over those that have ended.

        The next order is asked for, and `ended` called, from the threads that play, one at a time. An error
        in either stops all games and is raised here.
        """
        self._stop.clear()
        queue = _Queue(orders, self.callers)
        threads = ThreadPoolExecutor(self.callers, thread_name_prefix="arena")
        try:
            work = [threads.submit(_Caller(self, index, queue, ended).run) for index in range(self.callers)]
            for future in work:
                future.result()
        except BaseException:
            self._stop.set()
            raise
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """End without the games that are under way; from any thread."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether games under way are to be left."""
        return self._stop.is_set()

    def deal(self, order: GameOrder) -> ArenaGame:
        """A game before its first move."""
        text, state = self._openings[order.opening]
        return ArenaGame(order, text, state.clone())

    def twin(self, caller: int, player: int) -> Player:
        """The player of one thread; players of the same name share it."""
        original = self.players[player]
        key = (caller, original.name)
        with self._lock:
            if key not in self._twins:
                self._twins[key] = original.twin(_derive(self.seed, caller))
            return self._twins[key]


class _Queue:
    """Orders on their way to the threads that play them: the two games of a pair to the same one."""

    def __init__(self, orders: Iterable[GameOrder], callers: int) -> None:
        self._orders: Iterator[GameOrder] = iter(orders)
        self._waiting: list[deque[GameOrder]] = [deque() for _ in range(callers)]
        self.lock = threading.Lock()

    def next(self, caller: int) -> GameOrder | None:
        """What the caller is to play next; None where nothing is left."""
        own = self._waiting[caller]
        with self.lock:
            while not own:
                order = next(self._orders, None)
                if order is None:
                    return None
                self._waiting[order.number // 2 % len(self._waiting)].append(order)
            return own.popleft()


class _Caller:
    """One thread and its games."""

    def __init__(self, runner: Runner, index: int, queue: _Queue, ended: Callable[[ArenaGame], None]) -> None:
        self._runner = runner
        self._index = index
        self._queue = queue
        self._ended = ended
        self._games: list[ArenaGame] = []
        self._next: GameOrder | None = None

    def run(self) -> None:
        """Play until there are no more orders."""
        while self._fill():
            for player in range(len(self._runner.players)):
                if self._runner.stopped:
                    return
                turn = [game for game in self._games if game.outcome is None and game.to_move == player]
                if turn:
                    self._move(turn, self._runner.twin(self._index, player))
            self._hand_over()

    def _fill(self) -> bool:
        """Take orders as long as there is room; whether there are games to play."""
        while not self._runner.stopped:
            self._next = self._next or self._queue.next(self._index)
            if self._next is None or not self._has_room(self._next):
                break
            self._games.append(self._runner.deal(self._next))
            self._next = None
        return bool(self._games) and not self._runner.stopped

    def _has_room(self, order: GameOrder) -> bool:
        """A pair always has."""
        seats = [order.seats, *(game.seats for game in self._games)]
        nodes = [max(1, *(self._runner.players[seat].simulations for seat in pair)) for pair in seats]
        return len(seats) <= 2 or (len(seats) <= MAX_GAMES and sum(nodes) <= MAX_NODES)

    def _hand_over(self) -> None:
        over = [game for game in self._games if game.outcome is not None]
        self._games = [game for game in self._games if game.outcome is None]
        for game in over:
            with self._queue.lock:
                self._ended(game)

    def _move(self, games: list[ArenaGame], player: Player) -> None:
        seeds = [_derive(self._runner.seed, game.number, game.state.ply()) for game in games]
        try:
            actions = player.choose([game.state.clone() for game in games], seeds)
            if len(actions) != len(games):
                raise ValueError(f"{len(actions)} moves for {len(games)} positions")
        except Exception as error:
            if len(games) == 1:
                games[0].lose("crash", f"{type(error).__name__}: {error}")
            else:
                for game in games:
                    self._move([game], player)
            return
        for game, action in zip(games, actions, strict=True):
            game.play(action)


def _derive(*path: int) -> int:
    return int(np.random.SeedSequence(path).generate_state(1, np.uint64)[0])
