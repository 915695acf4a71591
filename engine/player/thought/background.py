"""Thinking about one position in a thread of its own, while whoever asked does something else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from engine.errors import describe_error
from engine.player.thinking import Query, Report, Thinker


class BackgroundThought:
    """A query that a thinker works on until it has ended; the thinker serves nobody else until then.

    `on_report`, `on_end` and `on_error` are called from its thread: in the end exactly one of the latter two
    is, and nothing after that.

    Args:
        thinker: InputError where it does not take the query.
        query: changed and stopped from any thread.
        every_s: seconds between two reports, None: none before the end.
        on_report: told what has been found so far.
        on_end: told what has been found when it has ended.
        on_error: told what was raised instead, by the thinker or by `on_report`.
    """

    def __init__(
        self,
        thinker: Thinker,
        query: Query,
        every_s: float | None,
        on_report: Callable[[Report], None],
        on_end: Callable[[Report], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._thinker = thinker
        self._every_s = every_s
        self._on_report = on_report
        self._on_end = on_end
        self._on_error = on_error
        self.thought = thinker.begin(query)
        self._thread = threading.Thread(target=self._run, name="thinking", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether its end has not been told yet."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask it to end, and wait until it has told so; from within a callback it is asked alone."""
        self.thought.query.stop()
        self.wait()

    def wait(self) -> None:
        """Until its end has been told; from within a callback not at all."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._think()
            report = self.thought.report()
        except BaseException as error:  # of a user's rules, too: whoever waits must be told
            self.thought.query.stop()
            told = error if isinstance(error, Exception) else RuntimeError(describe_error(error))
            self._on_error(told)
        else:
            self._on_end(report)

    def _think(self) -> None:
        last = time.monotonic()
        while not self.thought.ended:
            self._thinker.step()
            now = time.monotonic()
            if self._every_s is not None and now - last >= self._every_s and not self.thought.ended:
                last = now
                self._on_report(self.thought.report())
