"""Serving a protocol of analysis: lines in, answers out, and thinking in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from engine.protocols.analysis.job import Answer, Job
from engine.protocols.analysis.queue import MAX_WAITING, JobQueue
from engine.protocols.line_reader import Line, LineReader

LINES_A_STEP = 256
"""Lines that are read at most between two batches."""


@dataclass
class Reading:
    """What a line leads to: answers at once, jobs, and a test of the jobs that it ends.

    Where it ends jobs `acknowledge` makes the answer, from their number.
    """

    answers: list[Answer] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    ends: Callable[[Job], bool] | None = None
    acknowledge: Callable[[int], Answer] | None = None


class Dialect(Protocol):
    """How lines of a protocol are read."""

    def read(self, line: Line, number: int) -> Reading:
        """What the line with this number leads to; errors are answers."""


class Outbox:
    """Writes answers as they come or, where that is asked, the last of each line in the order of lines."""

    def __init__(self, write: Callable[[Answer], None], *, in_order: bool) -> None:
        self._write = write
        self._in_order = in_order
        self._held: deque[tuple[int, list[Answer]]] = deque()
        self._open: dict[int, int] = {}  # answers that a line still waits for

    @property
    def is_full(self) -> bool:
        """Whether so many lines wait to be answered that no more should come."""
        return len(self._held) >= MAX_WAITING

    def open(self, line: int, answers: Iterable[Answer], awaited: int) -> None:
        """Take a line's own answers; `awaited` more are to come."""
        if not self._in_order:
            self._write_all(answers)
            return
        self._held.append((line, list(answers)))
        self._open[line] = awaited
        self._flush()

    def put(self, line: int, answer: Answer, *, is_last: bool) -> None:
        """Take a job's answer; partial ones are written at once."""
        if not self._in_order or not is_last:
            self._write(answer)
            return
        self._held[line - self._held[0][0]][1].append(answer)
        self._open[line] -= 1
        self._flush()

    def _flush(self) -> None:
        while self._held and not self._open[self._held[0][0]]:
            line, answers = self._held.popleft()
            del self._open[line]
            self._write_all(answers)

    def _write_all(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            self._write(answer)


def serve(
    lines: LineReader,
    dialect: Dialect,
    write: Callable[[Answer], None],
    *,
    in_order: bool,
    waits_at_end: bool = True,
) -> None:
    """Answer lines until their end, and then, where it `waits_at_end`, what is still thought about."""
    queue, outbox = JobQueue(), Outbox(write, in_order=in_order)
    number, has_ended = 0, False
    while not has_ended or (waits_at_end and not queue.is_idle):
        for _ in range(LINES_A_STEP):
            if has_ended or queue.is_full or outbox.is_full or not (queue.is_idle or lines.is_waiting):
                break
            line = lines.get()
            if line is None:
                has_ended = True
            elif line.strip():
                _take(dialect.read(line, number), number, queue, outbox)
                number += 1
        for found in queue.step():
            outbox.put(found.job.line, found.answer, is_last=found.is_last)


def _take(reading: Reading, number: int, queue: JobQueue, outbox: Outbox) -> None:
    answers = list(reading.answers)
    if reading.ends is not None:
        assert reading.acknowledge is not None
        count, stopped = queue.stop(reading.ends)
        for found in stopped:
            outbox.put(found.job.line, found.answer, is_last=True)
        answers.append(reading.acknowledge(count))
    outbox.open(number, answers, awaited=len(reading.jobs))
    for job in reading.jobs:
        queue.put(job)
