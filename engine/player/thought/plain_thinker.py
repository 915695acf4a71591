"""Thinking of players without a search: one answer, at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from engine import _core
from engine.player.thinking import (
    NOT_PROVEN,
    MoveReport,
    Ownership,
    Query,
    Report,
    check_query,
    unsearched_report,
)

_WDL = {1: (1.0, 0.0, 0.0), 0: (0.0, 1.0, 0.0), -1: (0.0, 0.0, 1.0), None: (0.0, 1.0, 0.0)}


class PlainThought:
    """A query that is answered at the next step of its thinker."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._report = unsearched_report(query)
        self._ended = False

    @property
    def query(self) -> Query:
        """What was asked."""
        return self._query

    @property
    def ended(self) -> bool:
        """Whether it has been answered, or stopped before."""
        return self._ended or self._query.stopped

    def report(self) -> Report:
        """The answer; before it the legal moves."""
        return self._report

    def ownership(self, action: int | None = None) -> Ownership | None:
        """None: nothing is known of cells."""
        del action
        return None

    def answer(self, report: Callable[[Query], Report]) -> None:
        """Ask, and be done."""
        self._ended = True
        if not self._query.stopped:
            self._report = report(self._query)


class PlainThinker:
    """Answers queries by a function, those of the highest priority first.

    Args:
        game: whose positions these are.
        report: an answer; what it raises ends its thought.
    """

    def __init__(self, game: _core.Game, report: Callable[[Query], Report]) -> None:
        self._game = game
        self._make_report = report
        self._waiting: list[PlainThought] = []

    def begin(self, query: Query) -> PlainThought:
        """Take a query; see Thinker."""
        check_query(query, self._game)
        thought = PlainThought(query)
        self._waiting.append(thought)
        return thought

    def step(self) -> bool:
        """Answer one; False where none waits."""
        self._waiting = [each for each in self._waiting if not each.ended]
        if not self._waiting:
            return False
        first = max(self._waiting, key=lambda each: each.query.priority)
        self._waiting.remove(first)
        first.answer(self._make_report)
        return bool(self._waiting)

    def forget(self) -> None:
        """Nothing is kept."""


def plain_report(
    state: _core.State, moves: Sequence[tuple[int, float, int | None]], proof: int | None
) -> Report:
    """A report without a search. moves: action, share of the choice and outcome, the best first."""
    start = time.monotonic()
    reports = tuple(
        MoveReport(
            action, 0, share, _value(outcome), _WDL[outcome], _value(outcome), _proof(outcome), (action,)
        )
        for action, share, outcome in moves
    )
    outcome = moves[0][2]
    return Report(
        state=state, moves=reports, value=_value(outcome), wdl=_WDL[outcome], simulations=0, visits=0,
        seconds=time.monotonic() - start, depth=0.0, max_depth=0, proof=_proof(proof), raw_wdl=None, nodes=0,
        memory=0.0,
    )  # fmt: skip


def _value(outcome: int | None) -> float:
    return 0.0 if outcome is None else float(outcome)


def _proof(outcome: int | None) -> int:
    return NOT_PROVEN if outcome is None else outcome
