"""Moves of games that do not come at once: of players that think by the clock, and of outside engines."""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from engine._core import State
from engine.arena.client.engine import Answer, Engine, Turn
from engine.arena.client.error import EngineError
from engine.arena.client.pool import EnginePool
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame
from engine.player import Player
from engine.player.clock import Clock, allot, expected_plies
from engine.player.limit import Limit
from engine.player.thinking import Query, Thought

LAG_S = 0.01
"""That pass unseen a move of a player that thinks by the clock, at least."""

LAST_MOVES = 40
"""Whose lag is looked at."""


@dataclass
class Table:
    """A game with its clocks, by colour, and the outside engines that play it.

    is_waiting: whether a move, or a last word, is on its way.
    """

    game: ArenaGame
    clocks: tuple[Clock, Clock]
    engines: dict[int, Engine] = field(default_factory=dict)
    results: list[int | None] = field(default_factory=lambda: [None, None])
    is_waiting: bool = False

    @property
    def clock(self) -> Clock:
        """Of the player to move."""
        return self.clocks[self.game.state.player()]

    def take(self, answer: Answer, seconds: float, margin_s: float) -> None:
        """The answer of the player to move, which took so many seconds."""
        color, clock = self.game.state.player(), self.clock
        self.is_waiting = False
        self.game.seconds[color] += seconds
        self.game.nodes[color] += answer.nodes
        self.results[color] = answer.result
        left = clock.flag_s
        if seconds > left + margin_s:
            self.game.lose("time", f"the move took {seconds:.3f} s; there were {left:.3f} s")
            return
        clock.charge(min(seconds, left))
        if answer.action is None:
            self.game.resign()
        else:
            self.game.play(answer.action)

    def dismiss(self, color: int, claim: str) -> None:
        """An engine has said its last word and is no longer of this game."""
        del self.engines[color]
        self.is_waiting = bool(self.engines)
        if claim:
            self.game.claims.append(claim)

    def fail(self, failure: EngineError, color: int) -> None:
        """A player broke the game off."""
        self.is_waiting = False
        if self.game.outcome is None:
            self.game.lose(failure.kind, failure.reason, color)


Done = Callable[[], None]
"""What is left to do in the thread of the games once something has come."""


class ThoughtMover:
    """Has one of our players think about positions by the clock, those of all its games side by side."""

    def __init__(self, player: Player, limit: Limit, conduct: Conduct) -> None:
        self._thinker = player.thinker()
        self._limit = limit
        self._conduct = conduct
        self._plies = expected_plies(player.game)
        self._over: deque[float] = deque(maxlen=LAST_MOVES)
        self._running: list[tuple[Table, Thought, float]] = []
        with contextlib.suppress(Exception):  # it is told once a move is asked for
            self._warm_up(player.game.initial())

    def _warm_up(self, state: State) -> None:
        """Have the search made ready, as a network has to be compiled, before a clock runs."""
        thought = self._thinker.begin(Query(state, simulations=1))
        while not thought.ended and self._thinker.step():
            pass
        self._thinker.forget()

    def ask(self, table: Table) -> None:
        """Begin to think about the position of a game."""
        begun = time.monotonic()
        state = table.game.state.clone()
        mean = sum(self._over) / max(1, len(self._over))
        worst = max(self._over, default=0.0)
        soft, _ = allot(table.clock, state.ply(), self._plies, max(LAG_S, mean), worst)
        query = Query(state, self._limit.simulations, begun + soft)
        try:
            self._running.append((table, self._thinker.begin(query), begun))
            table.is_waiting = True
        except Exception as error:
            table.fail(_crash(error), state.player())

    def step(self) -> bool:
        """Think a little and make the moves that are found; whether any are being thought about."""
        try:
            self._thinker.step()
        except Exception as error:
            for table, _, _ in self._running:
                table.fail(_crash(error), table.game.state.player())
            self._running.clear()
        still: list[tuple[Table, Thought, float]] = []
        for table, thought, begun in self._running:
            if not thought.ended:
                still.append((table, thought, begun))
                continue
            report = thought.report()
            answer = Answer(report.best, report.simulations)
            ended = time.monotonic()
            if thought.query.deadline is not None:
                self._over.append(max(0.0, ended - thought.query.deadline))
            table.take(answer, ended - begun, self._conduct.margin_s)
        self._running = still
        return bool(still)


class EngineMover:
    """Has the engines of one outside player move, each in a thread of its own while it does.

    Args:
        pool: of its engines.
        threads: that wait for engines.
        done: takes what is to be done with an answer in the thread of the games.
    """

    def __init__(
        self, pool: EnginePool, threads: Executor, done: queue.SimpleQueue[Done], conduct: Conduct
    ) -> None:
        self._pool = pool
        self._threads = threads
        self._done = done
        self._conduct = conduct

    def ask(self, table: Table) -> None:
        """Have an engine think about the position of a game."""
        table.is_waiting = True
        state = table.game.state.clone()
        self._threads.submit(self._move, table, state)

    def settle(self, table: Table, color: int) -> None:
        """Hear what an engine says of the result of a game that is over, and take it back."""
        table.is_waiting = True
        self._threads.submit(self._close, table, color)

    def _move(self, table: Table, state: State) -> None:
        color = state.player()
        try:
            engine = table.engines.get(color)
            if engine is None:
                engine = table.engines[color] = self._pool.lend()
                engine.begin(state)
            begun = time.monotonic()
            answer = engine.choose(self._turn(table, state, begun))
            seconds = time.monotonic() - begun
            self._done.put(lambda: table.take(answer, seconds, self._conduct.margin_s))
        except EngineError as failure:
            self._break_off(table, color, failure)
        except BaseException as error:
            self._done.put(_raise(error))

    def _turn(self, table: Table, state: State, begun: float) -> Turn:
        clock = table.clocks[state.player()]
        limited = clock.control.is_limited
        allowed = clock.flag_s + self._conduct.margin_s if limited else self._conduct.patience_s
        return Turn(state, table.clocks, begun + allowed)

    def _break_off(self, table: Table, color: int, failure: EngineError) -> None:
        self._pool.fail(table.engines.pop(color, None), failure)
        self._done.put(lambda: table.fail(failure, color))

    def _close(self, table: Table, color: int) -> None:
        engine, game = table.engines[color], table.game
        claim = ""
        try:
            if game.termination == "rules":
                claim = engine.judge(game.state.clone())
            self._pool.give_back(engine)
        except EngineError as failure:
            claim = f"no last word: {failure.reason}"
            self._pool.fail(engine, failure)
        except BaseException as error:
            self._done.put(_raise(error))
        self._done.put(lambda: table.dismiss(color, claim and f"{self._pool.player.name}: {claim}"))


def _raise(error: BaseException) -> Done:
    def again() -> None:
        raise error

    return again


def _crash(error: Exception) -> EngineError:
    return EngineError("crash", f"{type(error).__name__}: {error}")
