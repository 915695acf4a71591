"""The queue of jobs: which positions are thought about side by side, and what comes of them."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.errors import is_out_of_memory
from engine.player.thinking import Thinker
from engine.protocols.analysis.job import Answer, Job

SIDE_BY_SIDE = 256
"""Positions of a priority or above that are thought about at a time."""

MOST_BEGUN = 4 * SIDE_BY_SIDE
"""The same for all priorities together."""

MAX_WAITING = 10_000
"""Positions that wait at most; then no more lines are read."""


@dataclass(frozen=True)
class Found:
    """One answer of a job."""

    job: Job
    answer: Answer
    is_last: bool


class JobQueue:
    """Jobs of several thinkers; the highest priority goes first, among equals the earliest."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._heap: list[tuple[int, int]] = []  # negated priority and number, of those gone, too
        self._waiting: dict[int, Job] = {}
        self._begun: list[Job] = []

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to think about."""
        return not self._begun and not self._waiting

    @property
    def is_full(self) -> bool:
        """Whether so many wait that no more should come."""
        return len(self._waiting) >= MAX_WAITING

    def put(self, job: Job) -> None:
        """Add a job at the end of its priority."""
        number = next(self._numbers)
        self._waiting[number] = job
        heapq.heappush(self._heap, (-job.query.priority, number))

    def stop(self, test: Callable[[Job], bool]) -> tuple[int, list[Found]]:
        """End all jobs that pass the test: how many, and the answers of those that had not begun.

        The others answer at the next step.
        """
        gone = {number: job for number, job in self._waiting.items() if test(job)}
        for number in gone:
            del self._waiting[number]
        under_way = [job for job in self._begun if not job.query.stopped and test(job)]
        for job in under_way:
            job.query.stop()
        found = [Found(job, job.answer_nothing(), is_last=True) for job in gone.values()]
        return len(gone) + len(under_way), found

    def step(self) -> Iterator[Found]:
        """Begin what there is room for, answer one batch of the most urgent, and give what is to be said."""
        yield from self._begin()
        top = max((job.query.priority for job in self._begun if not job.query.stopped), default=None)
        for thinker in _distinct(job.thinker for job in self._begun if job.query.priority == top):
            try:
                thinker.step()
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                yield from self._fail(thinker, error)
        yield from self._collect()

    def _begin(self) -> Iterator[Found]:
        while self._heap:
            number = self._heap[0][1]
            job = self._waiting.get(number)
            if job is not None and not self._has_room(job):
                return
            heapq.heappop(self._heap)
            if job is None:
                continue
            del self._waiting[number]
            try:
                job.begin()
                self._begun.append(job)
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                yield Found(job, job.answer_error(error), is_last=True)

    def _has_room(self, job: Job) -> bool:
        if not self._begun:
            return True
        if job.is_alone or any(each.is_alone for each in self._begun):
            return False
        rivals = sum(each.query.priority >= job.query.priority for each in self._begun)
        return len(self._begun) < MOST_BEGUN and rivals < SIDE_BY_SIDE

    def _collect(self) -> Iterator[Found]:
        going = []
        for job in self._begun:
            thought = job.thought
            assert thought is not None
            try:
                is_last, now = thought.ended, time.monotonic()
                if is_last or job.is_due(now):
                    answer = job.answer(thought, is_partial=not is_last)
                    job.postpone(time.monotonic() - now)
                    if answer is not None:
                        yield Found(job, answer, is_last)
                if not is_last:
                    going.append(job)
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                job.query.stop()
                yield Found(job, job.answer_error(error), is_last=True)
        self._begun = going

    def _fail(self, thinker: Thinker, error: Exception) -> Iterator[Found]:
        """One of the positions that were thought about together has failed: each is tried by itself."""
        failed = [job for job in self._begun if job.thinker is thinker]
        self._begun = [job for job in self._begun if job.thinker is not thinker]
        was_stopped = [job.query.stopped for job in failed]
        for job in failed:
            job.query.stop()
        thinker.forget()
        for job, stopped in zip(failed, was_stopped, strict=True):
            if stopped:
                yield Found(job, job.answer_nothing(), is_last=True)
            elif len(failed) == 1:
                yield Found(job, job.answer_error(error), is_last=True)
            else:
                job.restart()
                self.put(job)


def _distinct(thinkers: Iterator[Thinker]) -> list[Thinker]:
    return list({id(thinker): thinker for thinker in thinkers}.values())
