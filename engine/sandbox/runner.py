"""Programs in, results out: a few workers, each running one program at a time."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from engine.config.section import Section
from engine.errors import UserError
from engine.sandbox.value import Returned, printable, read_returned
from engine.sandbox.worker import Answer, LostError, Worker

MAX_LOSSES = 5
"""Programs in a row without any answer after which the fault is taken to be the sandbox's."""

MIN_MB = 40
"""Of memory for each process: the interpreter takes 30."""

_EXPLAINED = {
    "cpu": "out of processor time",
    "wall": "out of time",
    "output": "too much output",
    "lost": "no answer from the sandbox",
}


class Limits(Section):
    """What one program may use."""

    cpu_s: float = Field(1.0, gt=0, le=3600)
    """Processor seconds of its first process; each further one has as many, to the next whole second."""
    wall_s: float = Field(4.0, gt=0, le=3600)
    memory_mb: int = Field(256, ge=1, le=1 << 20)
    """Address space, shared out evenly among `processes`; the files of `disk_mb` come on top."""
    processes: int = Field(1, ge=1, le=64)
    """Processes and threads; with 1 it can start neither."""
    disk_mb: int = Field(4, ge=1, le=4096)
    """All files together, in memory; also the largest file."""
    files: int = Field(128, ge=4, le=100_000)
    output_kb: int = Field(64, ge=1, le=65536)
    """Of standard output, of standard error, and of returned values, each."""

    @model_validator(mode="after")
    def _each_process_has_enough(self) -> Self:
        if self.memory_mb < MIN_MB * self.processes:
            raise ValueError(
                f"memory_mb is {self.memory_mb} for {self.processes} processes; give {MIN_MB} for each"
            )
        return self


@dataclass(frozen=True)
class Program:
    """A text to run as a program; with `function`, as a module whose function is then called."""

    text: str
    stdin: str = ""
    function: str = ""
    inputs: Sequence[Sequence[Any]] = ()
    """Positional arguments of each call, values of JSON."""


@dataclass(frozen=True)
class Result:
    """How a program ended. Whatever it wrote is raw: escape it before showing it (`value.printable`)."""

    stdout: str
    stderr: str
    exit: int | None
    """Exit code, minus the signal that ended it, or None where there was no answer."""
    timed_out: bool
    reason: str
    """Why it did not end well, printable; empty where it did."""
    limit: str
    """The limit that it was stopped for: cpu, wall, output, lost; empty for none."""
    cpu_s: float
    wall_s: float
    returned: tuple[Returned, ...] = ()
    """One for every call asked for."""


class Runner:
    """Up to `workers` processes that run programs; started when first needed, reused, ended by `close`."""

    def __init__(self, limits: Limits, workers: int) -> None:
        self.limits = limits
        self.workers = workers
        self._free = threading.Semaphore(workers)
        self._idle: list[Worker] = []
        self._losses = 0
        self._pid = os.getpid()

    def run(self, program: Program, limits: Limits | None = None) -> Result:
        """Run one program; from any thread. Back within the wall clock and a second once a worker is free.

        limits: for this program instead of those of all.
        """
        limits = limits or self.limits
        job = {
            "program": program.text,
            "stdin": program.stdin,
            "function": program.function,
            "inputs": [json.dumps(list(arguments), allow_nan=False) for arguments in program.inputs],
            "limits": _job_limits(limits),
        }
        started = time.monotonic()
        try:
            with self._worker() as worker:
                answer = worker.ask(job)
        except LostError as error:
            timed_out = time.monotonic() - started >= limits.wall_s
            return self._lost(error, program, timed_out, time.monotonic() - started)
        self._losses = 0
        return _read(answer, len(program.inputs))

    def run_many(self, programs: Sequence[Program]) -> list[Result]:
        """Results in the order of the programs, `workers` at a time."""
        if len(programs) < 2 or self.workers == 1:
            return [self.run(program) for program in programs]
        with ThreadPoolExecutor(min(self.workers, len(programs))) as pool:
            return list(pool.map(self.run, programs))

    def mark(self) -> str:
        """What the command lines of the next worker and of all that come from it have in them."""
        with self._worker() as worker:
            return worker.mark

    def close(self) -> None:
        """End the processes that are idle; a later run starts others."""
        while self._idle:
            self._idle.pop().close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Worker]:
        """A worker for one job; one that has lost it is dead and does not come back."""
        if os.getpid() != self._pid:  # forked: the workers answer to the other process
            self._idle, self._pid, self._free = [], os.getpid(), threading.Semaphore(self.workers)
        with self._free:
            worker = self._take()
            try:
                yield worker
            except BaseException:
                worker.kill()
                raise
            self._idle.append(worker)

    def _take(self) -> Worker:
        with contextlib.suppress(IndexError):
            while True:
                worker = self._idle.pop()
                if worker.process.poll() is None:
                    return worker
                worker.close()
        return Worker()

    def _lost(self, error: LostError, program: Program, timed_out: bool, wall_s: float) -> Result:
        self._losses += 1
        if self._losses >= MAX_LOSSES:
            raise UserError(
                f"the sandbox failed {self._losses} times in a row: {error}; see `selfplay doctor`"
            )
        limit = "wall" if timed_out else "lost"
        reason = _EXPLAINED["wall"] if timed_out else f"{_EXPLAINED['lost']}: {error}"
        returned = (Returned(error=reason),) * len(program.inputs)
        return Result("", "", None, timed_out, reason, limit, 0.0, wall_s, returned)


def _job_limits(limits: Limits) -> dict[str, float]:
    return {
        "cpu_s": limits.cpu_s,
        "wall_s": limits.wall_s,
        "memory": limits.memory_mb << 20,
        "processes": limits.processes,
        "disk": limits.disk_mb << 20,
        "files": limits.files,
        "output": limits.output_kb << 10,
    }


def _read(answer: Answer, calls: int) -> Result:
    head = answer.head
    stdout, stderr = answer.stdout.decode("utf-8", "replace"), answer.stderr.decode("utf-8", "replace")
    reason = _EXPLAINED.get(head["reason"], "") or _explain(head["exit"], stderr)
    return Result(
        stdout=stdout,
        stderr=stderr,
        exit=head["exit"],
        timed_out=head["reason"] in ("cpu", "wall"),
        reason=reason,
        limit=head["reason"],
        cpu_s=head["cpu_s"],
        wall_s=head["wall_s"],
        returned=read_returned(answer.returned, calls, reason or "the program ended early"),
    )


def _explain(code: int, stderr: str) -> str:
    """Why a program that met no limit did not end well; the last line of its stderr where there is one."""
    if code < 0:
        return f"killed by signal {-code}"
    last = stderr.strip().rpartition("\n")[2]
    return (printable(last) or f"exit code {code}") if code else ""
