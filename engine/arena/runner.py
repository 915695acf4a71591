"""Plays the games of an event in parallel: each thread has games side by side, their positions in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from engine._core import Game, State
from engine.arena.caller import Caller
from engine.arena.conduct import Conduct
from engine.arena.game import ArenaGame, GameOrder
from engine.arena.order_queue import OrderQueue
from engine.arena.roster import Roster, results
from engine.errors import UserError
from engine.player import Player


class Runner:
    """Plays games of one event; a context manager, since outside engines stay from one game to the next.

    A game's randomness comes from (seed, number, ply), and which thread plays it from its number. Players
    whose chance runs through the games of a batch, as `mcts` has it, play the same games for the same orders;
    where somebody plays by the clock, or from outside, nothing of that can be said.

    Args:
        openings: positions to start from, none of them over.
        players: of the event; more may be added to the list as long as nothing is played.
        callers: threads, each with players of its own; 0 takes one a core.
    """

    def __init__(
        self,
        game: Game,
        openings: Sequence[State],
        players: list[Player],
        seed: int = 0,
        callers: int = 0,
        conduct: Conduct | None = None,
    ) -> None:
        if not openings:
            raise UserError("an arena needs at least one opening")
        self.callers = callers or len(os.sched_getaffinity(0))
        self._roster = Roster(game, openings, players, seed, conduct or Conduct())

    def check(self) -> list[str]:
        """Start an engine of every outside player: what is wrong with those that do not get ready.

        Raise UserError for options and limits that an engine does not have, and for openings that its
        protocol cannot express. `play` asks for it too.
        """
        return self._roster.check()

    def play(self, orders: Iterable[GameOrder], ended: Callable[[ArenaGame], None]) -> None:
        """Play all games, each as soon as there is room for it, and hand over those that have ended.

        The next order is asked for, and `ended` called, from the threads that play, one at a time. An error
        in either stops all games and is raised here.
        """
        self._roster.resume()
        self._roster.check()
        queue = OrderQueue(orders, self.callers)
        threads = ThreadPoolExecutor(self.callers, thread_name_prefix="arena")
        try:
            callers = [Caller(self._roster, index, queue, ended) for index in range(self.callers)]
            results([threads.submit(self._run, caller) for caller in callers])
        except BaseException:
            self._roster.stop()
            raise
        finally:
            if self._roster.stopped:
                self._roster.abandon()
            threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, caller: Caller) -> None:
        try:
            caller.run()
        except BaseException:
            self._roster.stop()  # the other threads are not waited for
            raise

    def stop(self) -> None:
        """End without the games that are under way; from any thread."""
        self._roster.stop()

    def close(self) -> None:
        """End the outside engines."""
        self._roster.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the outside engines."""
        self.close()
