"""One `go`: thought about in a thread of its own, and answered with exactly one `bestmove`."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable

from engine._core import State
from engine.errors import describe_error
from engine.player.thinking import Query, Report, Restriction, Thinker, unsearched_report
from engine.player.thought.background import BackgroundThought
from engine.protocols.uci.info import info_lines, over_line, statistics_lines
from engine.protocols.uci.limit import Limits, is_clear, is_decided, is_deep_enough
from engine.protocols.uci.option import Options
from engine.protocols.uci.output import Output
from engine.protocols.uci.variant import Rules

ANSWER_S = 0.5
"""After `stop` a search that does not end is answered for."""

LATE_S = 0.02
"""After the hard limit likewise."""

REPORT_S = 0.1
"""Between two looks at a search that no clock presses."""

QUIET_S = 1.0
"""Between two `info` lines where nothing has changed."""

BRISK_S = 0.05
"""The least between two of them."""


class Search:
    """A `go` in a position.

    Args:
        state: of the client's, perhaps over.
        limits: that end it.
        restriction: moves at the root, None: all.
        rules: that moves are spelled by.
        options: of the session.
        output: where it is told.
        searches: whether the player does; else it answers at once, and its first answer holds.
    """

    def __init__(
        self,
        state: State,
        limits: Limits,
        restriction: Restriction | None,
        rules: Rules,
        options: Options,
        output: Output,
        searches: bool,
    ) -> None:
        self._state = state
        self._limits = limits
        self._rules = rules
        self._options = options
        self._output = output
        self._searches = searches
        self._lock = threading.RLock()
        self._query = Query(state, restrictions=[restriction] if restriction else [])
        self._thought: BackgroundThought | None = None
        self._thinker: Thinker | None = None
        self._holds = limits.holds
        self._pondering = limits.pondering
        self._soft_at = self._hard_at = math.inf
        self._stopped_at = math.inf
        self._latest: Report | None = None
        self._has_ended = not state.legal_actions() or state.outcome() is not None
        self._told: tuple[float, tuple[int, ...]] = (-math.inf, ())
        self.is_answered = False
        self._begun = self._answered = time.monotonic()
        if not self._pondering:
            self._start_clock()

    @property
    def is_running(self) -> bool:
        """Whether the thinker is still at it, answered or not."""
        return self._thought is not None and self._thought.is_running

    @property
    def overdue_at(self) -> float:
        """When it must be answered for at the latest, of `time.monotonic()`."""
        if self.is_answered:
            return math.inf
        held = math.inf if self._holds else self._hard_at
        return min(held + LATE_S, self._stopped_at + ANSWER_S)

    @property
    def planned_s(self) -> float:
        """How long it has taken to the answer, what went beyond the hard limit left out."""
        return max(0.0, min(self._answered, self._hard_at) - self._begun)

    def begin(self, open_thinker: Callable[[], Thinker]) -> None:
        """Think; where the position is over there is nothing to think about."""
        with self._lock:
            if self._has_ended or self.is_answered:
                self._end()
                return
            if self._stopped_at < math.inf and self._searches:
                self._query.stop()
            try:
                self._thinker = open_thinker()
                soft = min(self._limits.soft_s / 4, REPORT_S)
                self._thought = BackgroundThought(
                    self._thinker, self._query, max(0.002, soft), self._report, self._finish, self._fail
                )
            except Exception as error:
                self._fail(error)

    def stop(self) -> None:
        """Answer with what there is, as soon as the thinker hears of it."""
        with self._lock:
            self._holds = self._pondering = False
            self._stopped_at = min(self._stopped_at, time.monotonic())
            if self._searches:
                self._query.stop()
            if self._has_ended:
                self._end()

    def hit(self) -> None:
        """`ponderhit`: the move pondered on was made, and the clock runs."""
        with self._lock:
            if not self._pondering:
                return
            self._pondering = self._holds = False
            self._start_clock()
            if self._has_ended:
                self._end()

    def give_up(self) -> None:
        """Answer with what there is, now."""
        with self._lock:
            self._query.stop()
            self._answer()

    def _start_clock(self) -> None:
        now = time.monotonic()
        self._soft_at, self._hard_at = now + self._limits.soft_s, now + self._limits.hard_s
        if self._searches:
            self._query.simulations = self._limits.simulations
            self._query.deadline = self._hard_at if self._hard_at < math.inf else None
            if self._limits.is_timed and len(self._state.legal_actions()) == 1:
                self._query.simulations = 1

    def _report(self, report: Report) -> None:
        """A look at what has been found, from the thinker's thread."""
        with self._lock:
            self._latest = report
            if self.is_answered:
                return
            now = time.monotonic()
            last, shown = self._told
            pv = report.moves[0].pv
            if now - last >= (BRISK_S if pv != shown else QUIET_S):
                self._told = (now, pv)
                self._output.send(self._lines(report, live=True))
            if self._is_enough(report, now):
                self._query.stop()

    def _is_enough(self, report: Report, now: float) -> bool:
        if self._pondering:
            return False
        if is_deep_enough(self._limits, report):
            return True
        if now >= self._soft_at and is_clear(report):
            return True
        left = (self._hard_at if self._hard_at < math.inf else math.inf) - now
        return not self._holds and is_decided(self._limits, report, left)

    def _finish(self, report: Report) -> None:
        """The end of the thought, from its thread."""
        if self._searches and not report.simulations and not report.visits:
            report = self._glance(report)
        with self._lock:
            self._latest = report
            self._has_ended = True
            self._end()

    def _glance(self, report: Report) -> Report:
        """At least one evaluation, however short the time is."""
        assert self._thinker is not None
        try:
            thought = self._thinker.begin(
                Query(self._state, simulations=1, restrictions=self._query.restrictions)
            )
            while not thought.ended and not self.is_answered:
                self._thinker.step()
            return thought.report()
        except Exception as error:
            self._tell(error)
            return report

    def _fail(self, error: Exception) -> None:
        self._tell(error)
        with self._lock:
            self._has_ended = True
            self._end()

    def _tell(self, error: Exception) -> None:
        text = describe_error(error)
        print(f"uci: {text}", file=sys.stderr)
        self._output.tell(f"the search failed: {text}")

    def _end(self) -> None:
        if not self._holds:
            self._answer()

    def _answer(self) -> None:
        if self.is_answered:
            return
        self.is_answered = True
        self._answered = time.monotonic()
        self._output.send([*self._lines(self._latest), f"bestmove {self._best()}"])

    def _lines(self, report: Report | None, live: bool = False) -> list[str]:
        outcome = self._state.outcome()
        if outcome is not None:
            return [over_line(outcome)]
        report = report or unsearched_report(self._query)
        lines = info_lines(report, self._options, self._rules)
        if self._options.is_on("LogLiveStats" if live else "VerboseMoveStats"):
            lines = [*statistics_lines(report, self._rules), *lines]
        return lines

    def _best(self) -> str:
        """Behind `bestmove`: the move, and the answer that is expected."""
        legal = self._state.legal_actions()
        if not legal or self._state.outcome() is not None:
            return "(none)"
        best = (self._latest or unsearched_report(self._query)).moves[0]
        line = self._rules.spell(self._state, best.pv)
        return f"{line[0]} ponder {line[1]}" if len(line) > 1 else line[0]
