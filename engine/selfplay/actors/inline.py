"""Actors in this process: one thread a caller, each with a one-thread evaluator of its own."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from engine import _core
from engine.config import Config
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.game.unraised import Unraised
from engine.selfplay.actors import InFlight
from engine.selfplay.caller import Caller, Games
from engine.selfplay.resignation import NEVER


def num_callers(config: Config) -> int:
    """Callers that the settings ask for; one a core by default."""
    return config.loop.callers or len(os.sched_getaffinity(0))


class InlineActors:
    """Callers in threads; the core and the backends release the GIL, so they run side by side."""

    def __init__(self, game: _core.Game, config: Config, network: PolicyValueNetwork) -> None:
        callers = num_callers(config)
        self._stop, self._finish = threading.Event(), threading.Event()
        self.evaluators = [NetworkEvaluator(game, network, config.evaluator) for _ in range(callers)]
        self.callers = [
            Caller(game, config, evaluator, index, callers) for index, evaluator in enumerate(self.evaluators)
        ]
        self._threads = ThreadPoolExecutor(callers, thread_name_prefix="caller")
        self._unraised = Unraised(game)

    def play(self, positions: int) -> list[Games]:
        """Share `positions` among the callers; the games that ended, a batch a caller."""
        share, rest = divmod(positions, len(self.callers))
        self._finish.clear()
        futures = [
            self._threads.submit(caller.play, share + (index < rest), self._stop, self._finish)
            for index, caller in enumerate(self.callers)
        ]
        batches = [future.result() for future in futures]
        self._unraised.check()
        return batches

    def load(self, network: PolicyValueNetwork, checkpoint: int, resign_below: float = NEVER) -> None:
        """Swap the weights of every evaluator, drop trees and caches, and resign below this root value."""
        for evaluator, caller in zip(self.evaluators, self.callers, strict=True):
            evaluator.load(network)
            caller.pool.new_weights(checkpoint, resign_below)

    def snapshot(self) -> InFlight:
        """The games under way."""
        pools = [caller.pool for caller in self.callers]
        return InFlight([pool.snapshot() for pool in pools], [pool.next_id for pool in pools])

    def restore(self, in_flight: InFlight) -> None:
        """Go on from a snapshot taken with as many callers."""
        for caller, games, next_id in zip(self.callers, in_flight.games, in_flight.next_ids, strict=True):
            caller.pool.restore(games, next_id)

    def stats(self) -> dict[str, float]:
        """Counters of all callers."""
        total: Counter[str] = Counter()
        for caller in self.callers:
            total.update(caller.stats())
        return dict(total)

    def played(self) -> int:
        """Searched moves of the `play` under way or the last one, a moment ago."""
        return sum(caller.played for caller in self.callers)

    def finish(self) -> None:
        """Make a `play` under way return after its current batch, with what it has played."""
        self._finish.set()
        self._wake()

    def stop(self) -> None:
        """Make a `play` under way raise StoppedError after its current batch."""
        self._stop.set()
        self._wake()

    def _wake(self) -> None:
        for caller in self.callers:
            caller.end_play()

    def close(self) -> None:
        """End the threads."""
        self.stop()
        self._threads.shutdown(wait=True)
        self._unraised.close()
