"""A position that a line asks about, from the line to its last answer."""

from __future__ import annotations

import abc
import dataclasses
import math
import time
from dataclasses import dataclass, field
from typing import Any

from engine.player.thinking import Query, Thinker, Thought

Answer = dict[str, Any]
"""One line of the output."""


@dataclass(eq=False)
class Job(abc.ABC):
    """A position to be thought about; a protocol says how it is answered.

    thinker: whose batches it shares. line: number of the line that it came with. seconds: how long to think
    from when it begins. every_s, first_s: between partial answers, and before the first; None without.
    """

    query: Query
    thinker: Thinker
    line: int
    seconds: float | None = None
    every_s: float | None = None
    first_s: float | None = None
    thought: Thought | None = field(default=None, init=False)
    is_alone: bool = field(default=False, init=False)
    """Whether it is thought about with no other: one of those that failed together."""
    _next_s: float = field(default=math.inf, init=False)

    @abc.abstractmethod
    def answer(self, thought: Thought, *, is_partial: bool) -> Answer | None:
        """What has been found; None where there is nothing to tell before the last answer."""

    @abc.abstractmethod
    def answer_nothing(self) -> Answer:
        """That it was stopped before anything was found."""

    @abc.abstractmethod
    def answer_error(self, error: Exception) -> Answer:
        """That it could not be thought about."""

    def begin(self) -> None:
        """Start thinking; raise InputError where no move is left to think about."""
        now = time.monotonic()
        if self.seconds is not None:
            self.query.deadline = now + self.seconds
        first = self.every_s if self.first_s is None else self.first_s
        self._next_s = math.inf if first is None else now + first
        self.thought = self.thinker.begin(self.query)

    def restart(self) -> None:
        """Make it wait again, to be thought about alone."""
        self.query, self.thought, self.is_alone = dataclasses.replace(self.query, deadline=None), None, True

    def is_due(self, now: float) -> bool:
        """Whether it is time for a partial answer, of `time.monotonic()`."""
        return now >= self._next_s

    def postpone(self, took: float) -> None:
        """Set the time of the next partial answer: answering takes half of the time at most."""
        self._next_s = math.inf if self.every_s is None else time.monotonic() + max(self.every_s, took)
