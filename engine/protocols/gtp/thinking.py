"""Thinking about one position while the client may send more."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.player.thinking import Ownership, Query, Report, Thinker
from engine.player.thought.background import BackgroundThought
from engine.protocols.gtp.inbox import Inbox

POLL_S = 0.005
"""Between two looks at the clock and the input."""

LAST_S = 0.6
"""For a thought when the client has gone already, or waits behind it to go."""

GONE_S = 0.9
"""After so long nobody waits for a thought that does not end."""


LEAST_TICK_S, MOST_TICK_S = 0.02, 0.2
"""Between two looks at whether the move has become clear."""

OwnersOf = Callable[..., Ownership | None]
"""Finds who will own what, after a move of the root where one is given; see Thought.ownership."""

OnReport = Callable[[Report, OwnersOf], None]
"""Told what has been found so far, and what finds who will own what."""


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


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Found:
    """What a thought has found at its end."""

    report: Report
    ownership: OwnersOf


def think(
    thinker: Thinker,
    query: Query,
    inbox: Inbox,
    limits: Limits,
    until_line: bool = False,
    every_s: float | None = None,
    on_report: OnReport | None = None,
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
        ticker.tick(report, thought.thought.ownership)

    query.simulations = limits.simulations
    query.deadline = None if limits.hard_s == math.inf else limits.since + limits.hard_s
    ticker = _Ticker(query, limits, every_s, on_report)
    watch = _Watch(query, inbox, until_line)
    thought = BackgroundThought(thinker, query, ticker.every_s, tell, end, fail)
    begun.set()
    while not ended.wait(POLL_S):
        watch.look()
    if errors:
        raise errors[0]
    return Found(reports[0], thought.thought.ownership)


class _Ticker:
    """What is done now and then in the thread that thinks: reports, and to end what has become clear."""

    def __init__(
        self, query: Query, limits: Limits, every_s: float | None, on_report: OnReport | None
    ) -> None:
        self._query = query
        self._limits = limits
        self._told_s = every_s
        self._on_report = on_report
        self._last = time.monotonic()
        is_soft = limits.soft_s < limits.hard_s
        own_s = min(max(limits.soft_s / 5, LEAST_TICK_S), MOST_TICK_S) if is_soft else None
        times = [each for each in (every_s, own_s) if each is not None]
        self.every_s = min(times, default=None)

    def tick(self, report: Report, ownership: OwnersOf) -> None:
        """Look at what has been found so far."""
        now = time.monotonic()
        if now - self._limits.since > self._limits.soft_s and _is_clear(report):
            self._query.stop()
        if self._on_report is not None and self._told_s is not None and now - self._last >= self._told_s:
            self._last = now
            self._on_report(report, ownership)


class _Watch:
    """Ends a query when the client wants it."""

    def __init__(self, query: Query, inbox: Inbox, until_line: bool) -> None:
        self._query = query
        self._inbox = inbox
        self._until_line = until_line
        self._was_ending = inbox.is_ending
        self._start = time.monotonic()
        self._stopped: float | None = None

    def look(self) -> None:
        """Ask the query to end where it has to; raise GoneError where it does not and nobody waits."""
        now = time.monotonic()
        if self._stopped is None and self._must_end(now):
            self._query.stop()
            self._stopped = now
        if self._stopped is not None and now - self._stopped > GONE_S - LAST_S and self._inbox.is_ending:
            raise GoneError

    def _must_end(self, now: float) -> bool:
        if (self._until_line and self._inbox.is_waiting) or self._inbox.is_interrupted:
            return True
        return self._inbox.is_ending and (not self._was_ending or now - self._start > LAST_S)


def _is_clear(report: Report) -> bool:
    """Whether the best move has more than twice the visits of any other."""
    visits = sorted((move.visits for move in report.moves), reverse=True)
    return len(visits) == 1 or visits[0] > 2 * visits[1]
