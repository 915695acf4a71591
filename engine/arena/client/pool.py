"""The processes of one outside engine: lent to games, used again, started anew after a failure."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from engine.arena.client.engine import Engine
from engine.arena.client.error import EngineError
from engine.arena.client.player import EnginePlayer

BROKEN = frozenset({"start", "crash", "hang", "flood", "protocol"})
"""Kinds of failures after which nothing more is expected of a process."""


class EnginePool:
    """Lends engines of one player, from any thread.

    Args:
        player: whose engines these are.
        patience_s: how long an engine may take for what no clock counts.
        max_failures: games in a row that it may break off before no further one is started.
    """

    def __init__(self, player: EnginePlayer, patience_s: float, max_failures: int) -> None:
        self.player = player
        self._patience_s = patience_s
        self._max_failures = max_failures
        self._idle: list[Engine] = []
        self._all: set[Engine] = set()
        self._failures = 0
        self._last = ""
        self._closed = False
        self._lock = threading.Lock()

    def lend(self) -> Engine:
        """An engine that has been greeted; raise EngineError, or UserError for what it cannot do."""
        gone: list[Engine] = []
        try:
            return self._lend(gone)
        finally:
            for engine in gone:
                self._end(engine)

    def _lend(self, gone: list[Engine]) -> Engine:
        """An idle engine or a new one; gone: is given those that have ended since their last game."""
        with self._lock:
            if self._closed:
                raise EngineError("crash", "the event has ended")
            while self._idle:
                engine = self._idle.pop()
                if engine.is_alive:
                    return engine
                gone.append(engine)
            if self._failures >= self._max_failures:
                raise EngineError(
                    "given up", f"failed in {self._failures} games in a row, the last time: {self._last}"
                )
            engine = self.player.new_engine(self._patience_s)
            self._all.add(engine)
        try:
            engine.start()
        except BaseException:
            engine.abandon()
            self._end(engine)
            raise
        return engine

    def give_back(self, engine: Engine) -> None:
        """After a game that the engine did not break off."""
        with self._lock:
            self._failures = 0
            if not self._closed:
                self._idle.append(engine)
                return
        self._end(engine)

    def fail(self, engine: Engine | None, failure: EngineError) -> None:
        """After a game that it did break off; None: it did not start."""
        if engine is not None:
            engine.abandon()
            self._end(engine)
        with self._lock:
            if failure.kind in BROKEN:
                self._failures += 1
                self._last = f"{failure.kind}: {failure.reason}"

    def open(self) -> None:
        """Lend again, after games that were left under way: their engines are ended first."""
        with self._lock:
            self._closed = False
            left = self._all.difference(self._idle)
        for engine in left:
            engine.abandon()
            self._end(engine)

    def abandon(self) -> None:
        """Have those ended at once that are lent, and lend no more: whoever waits for one is told so."""
        with self._lock:
            self._closed = True
            for engine in self._all.difference(self._idle):
                engine.abandon()

    def close(self) -> None:
        """End all of them; nobody uses one any more."""
        with self._lock:
            self._closed = True
            self._idle = []
            left = list(self._all)
        with ThreadPoolExecutor(max(1, len(left))) as closers:  # each may take its time to say goodbye
            list(closers.map(self._end, left))

    def _end(self, engine: Engine) -> None:
        engine.close()
        with self._lock:
            self._all.discard(engine)
