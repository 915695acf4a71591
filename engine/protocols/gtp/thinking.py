"""Thinking about one position while the client may send more."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.player.background import BackgroundThought
from engine.player.thinking import Ownership, Query, Report, Thinker
from engine.protocols.gtp.inbox import Inbox

POLL_S = 0.005
"""Between two looks at the clock and the input."""

LAST_S = 0.6
"""For a thought when the client has gone already, or waits behind it to go."""

GONE_S = 0.9
"""After so long nobody waits for a thought that does not end."""


class GoneError(Exception):
    """The client goes, and a thought does not end."""


@dataclass(frozen=True)
class Limits:
    """How long to think. soft_s: until the move is clear, hard_s: at most, seconds from `since` of the
    monotonic clock; simulations: None for as many as there is time for."""

    simulations: int | None = None
    soft_s: float = math.inf
    hard_s: float = math.inf
    since: float = 0.0


@dataclass(frozen=True)
class Found:
    """What a thought has found at its end."""

    report: Report
    ownership: Callable[[], Ownership | None]


def think(
    thinker: Thinker,
    query: Query,
    inbox: Inbox,
    limits: Limits,
    until_line: bool = False,
    every_s: float | None = None,
    on_report: Callable[[Report, Callable[[], Ownership | None]], None] | None = None,
) -> Found:
    """Think until a limit, an interrupt or, with `until_line`, until any line comes.

    `on_report` is told every `every_s` seconds, from another thread. Raise GoneError, and what the thinker
    raises.
    """
    ended = threading.Event()
    reports: list[Report] = []
    errors: list[Exception] = []
    begun = threading.Event()

    def end(report: Report) -> None:
        reports.append(report)
        ended.set()

    def fail(error: Exception) -> None:
        errors.append(error)
        ended.set()

    def tell(report: Report) -> None:
        begun.wait()
        if on_report is not None:
            on_report(report, thought.thought.ownership)

    query.simulations = limits.simulations
    query.deadline = None if limits.hard_s == math.inf else limits.since + limits.hard_s
    watch = _Watch(query, inbox, limits, until_line)
    thought = BackgroundThought(thinker, query, every_s, tell, end, fail)
    begun.set()
    while not ended.wait(POLL_S):
        watch.look(thought)
    if errors:
        raise errors[0]
    return Found(reports[0], thought.thought.ownership)


class _Watch:
    """Ends a query when it is time."""

    def __init__(self, query: Query, inbox: Inbox, limits: Limits, until_line: bool) -> None:
        self._query = query
        self._inbox = inbox
        self._limits = limits
        self._until_line = until_line
        self._was_ending = inbox.is_ending
        self._start = time.monotonic()
        self._stopped: float | None = None

    def look(self, thought: BackgroundThought) -> None:
        """Ask the query to end where it has to; raise GoneError where it does not and nobody waits."""
        now = time.monotonic()
        if self._stopped is None and self._must_end(now, thought):
            self._query.stop()
            self._stopped = now
        if self._stopped is not None and now - self._stopped > GONE_S - LAST_S and self._inbox.is_ending:
            raise GoneError

    def _must_end(self, now: float, thought: BackgroundThought) -> bool:
        if self._until_line and self._inbox.is_waiting:
            return True
        if self._inbox.is_interrupted:
            return True
        if self._inbox.is_ending and (not self._was_ending or now - self._start > LAST_S):
            return True
        return now - self._limits.since > self._limits.soft_s and _is_clear(thought)


def _is_clear(thought: BackgroundThought) -> bool:
    """Whether the best move has more than twice the visits of any other."""
    visits = sorted((move.visits for move in thought.thought.report().moves), reverse=True)
    return len(visits) == 1 or visits[0] > 2 * visits[1]
