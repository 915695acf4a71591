"""Verdicts on what a model wrote, from a task's `verify`, which may hang, crash or be wrong itself."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from engine.errors import UserError
from engine.language.problem.verifier_worker import complain, describe_failure
from engine.language.task import Kind, Prompt, Task, VerifyResult
from engine.sandbox.cell import wire

CHUNK = 32
"""Pairs that a process is given at a time."""

START_S = 120.0
"""What loading a task may take."""

KILL_S = 5.0
"""What the system may take to end a process that is killed."""

BEAT_S = 0.2
"""How long answers are waited for at a time; a longer wait says that this process has been paused."""

FEW = 10
"""Failures that are borne whatever their share."""

Pair = tuple[Prompt, str]


class Verifier(ABC):
    """Called with pairs of a prompt and a completion; one verdict a pair, in order.

    `counts` has `verified` and, of those, `failed` and `timeout`. More failures than `max_failures` of all,
    and a verdict that is none, raise UserError.
    """

    def __init__(self, name: str, kind: Kind, max_failures: float) -> None:
        self.counts: Counter[str] = Counter()
        self.name = name
        self.kind: Kind = kind
        self.max_failures = max_failures

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @abstractmethod
    def __call__(self, pairs: Sequence[Pair]) -> list[VerifyResult]:
        """Judge completions."""

    def close(self) -> None:
        """End what it holds."""
        return

    def fail(self, reason: str, *flags: str) -> VerifyResult:
        """The verdict where none was given."""
        self.counts.update(("verified", "failed", *flags))
        failed, verified = self.counts["failed"], self.counts["verified"]
        if failed > max(FEW, self.max_failures * verified):
            raise UserError(
                f"task '{self.name}': `verify` failed on {failed} of {verified} completions, "
                f"at last with: {reason}"
            )
        return VerifyResult(0.0, reason=reason, flags=flags, kind=self.kind)


class InlineVerifier(Verifier):
    """Verdicts in this process, for tasks whose `verify` returns soon whatever the text (`Task.inline`)."""

    def __init__(self, task: Task, max_failures: float = 0.05) -> None:
        super().__init__(task.name, task.kind, max_failures)
        self._task = task

    def __call__(self, pairs: Sequence[Pair]) -> list[VerifyResult]:
        """All at once; where that raises, one by one."""
        try:
            results = self._task.verify_all(pairs)
        except UserError:
            raise
        except (Exception, SystemExit):
            return [self._judge(prompt, completion) for prompt, completion in pairs]
        if not isinstance(results, list) or len(results) != len(pairs):
            raise UserError(f"task '{self.name}': `verify_all` must return a list of {len(pairs)} verdicts")
        checked = [self._check(prompt, result) for (prompt, _), result in zip(pairs, results, strict=True)]
        self.counts["verified"] += len(pairs)
        return checked

    def _judge(self, prompt: Prompt, completion: str) -> VerifyResult:
        try:
            result = self._task.verify(prompt, completion)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            return self.fail(describe_failure(error))
        checked = self._check(prompt, result)
        self.counts["verified"] += 1
        return checked

    def _check(self, prompt: Prompt, result: VerifyResult) -> VerifyResult:
        complaint = complain(result)
        if complaint:
            raise UserError(f"task '{self.name}': `verify` of prompt {prompt.id!r}: {complaint}")
        return result if type(result.score) is float else replace(result, score=float(result.score))


@dataclass
class Process:
    """One process as the pool sees it."""

    stream: socket.socket
    popen: subprocess.Popen[bytes]
    chunk: deque[int] = field(default_factory=deque)
    """Pairs that it has been given and not answered, in their order."""
    waited_s: float = 0.0
    """How long the first of them has been waited for."""
    dead: bool = False


class VerifierPool(Verifier):
    """Verdicts from processes that are killed and replaced where one hangs, dies, or takes too long.

    A hang scores 0 with the flag `timeout`; a death or an exception scores 0 with its reason.

    Args:
        spec: names the task, for each process to load by itself; `options` go over those written there.
        kind: of the task, for the verdicts that it could not give.
        deadline_s: seconds for one verdict.
        max_failures: share of verdicts beyond which the run stops.
    """

    def __init__(
        self,
        spec: str,
        options: Mapping[str, Any] | None = None,
        *,
        kind: Kind = "exact",
        deadline_s: float = 10.0,
        workers: int = 2,
        max_failures: float = 0.05,
    ) -> None:
        super().__init__(spec, kind, max_failures)
        self.workers = workers
        self._setup = {"spec": spec, "options": dict(options or {}), "deadline_s": deadline_s}
        self._deadline_s = deadline_s
        self._processes: list[Process] = []
        self._excused: set[int] = set()  # pairs whose process a pause has ended

    def __call__(self, pairs: Sequence[Pair]) -> list[VerifyResult]:
        """In chunks, to processes that are started when first needed. UserError for a task that cannot be."""
        results: list[VerifyResult | None] = [None] * len(pairs)
        waiting = deque(range(len(pairs)))
        self._excused.clear()
        try:
            while len(self._processes) < min(self.workers, len(pairs)):
                self._processes.append(self._start())
            while waiting or any(process.chunk for process in self._processes):
                for place, process in enumerate(self._processes):
                    if waiting and not process.chunk:
                        self._give(place, waiting, pairs)
                self._collect(results)
                self._replace_late(waiting, results)
        except BaseException:
            self.close()
            raise
        found = [result for result in results if result is not None]
        assert len(found) == len(pairs)
        return found

    def close(self) -> None:
        """End the processes; a later call starts others."""
        while self._processes:
            _kill(self._processes.pop())

    def _start(self) -> Process:
        try:
            stream, popen = self._open()
        except OSError as error:
            raise UserError(
                f"task '{self.name}': its verifier's process cannot be started: {error.strerror}; end other "
                "programs, or raise the limits (ulimit -a)"
            ) from error
        process = Process(stream, popen)
        try:
            stream.settimeout(START_S)
            wire.send_document(stream, {**self._setup, "path": sys.path})
            unloadable = wire.receive_document(stream)["unloadable"]
        except (EOFError, OSError) as error:
            _kill(process)
            raise UserError(f"task '{self.name}': its verifier's process did not start") from error
        if unloadable:
            _kill(process)
            raise UserError(unloadable)
        return process

    def _open(self) -> tuple[socket.socket, subprocess.Popen[bytes]]:
        stream, theirs = socket.socketpair()
        with theirs:
            popen = subprocess.Popen(
                [sys.executable, "-m", "engine.language.problem.verifier_worker"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    "OMP_NUM_THREADS": "1",
                },
            )
        return stream, popen

    def _give(self, place: int, waiting: deque[int], pairs: Sequence[Pair]) -> None:
        process = self._processes[place]
        if select.select([process.stream], [], [], 0)[0]:  # idle, so it has nothing to say but that it ended
            _kill(process)
            process = self._processes[place] = self._start()
        share = max(1, min(CHUNK, len(waiting) // len(self._processes)))
        process.chunk = deque(waiting.popleft() for _ in range(share))
        process.waited_s = 0.0
        given = [(_fields(pairs[index][0]), pairs[index][1]) for index in process.chunk]
        process.stream.settimeout(self._deadline_s)
        try:
            wire.send_document(process.stream, {"pairs": given})
        except OSError:
            process.dead = True

    def _collect(self, results: list[VerifyResult | None]) -> None:
        """Wait for answers for a beat, and take those there are."""
        with selectors.DefaultSelector() as selector:
            busy = [process for process in self._processes if process.chunk]
            for process in busy:
                selector.register(process.stream, selectors.EVENT_READ, process)
            began = time.monotonic()
            ready = selector.select(min(BEAT_S, self._deadline_s))
            # While this process itself is stopped, nobody is waited for.
            waited = min(time.monotonic() - began, 2 * BEAT_S)
            for process in busy:
                process.waited_s += waited
            for key, _ in ready:
                self._take(key.data, results)

    def _take(self, process: Process, results: list[VerifyResult | None]) -> None:
        try:
            answer = wire.receive_document(process.stream)
        except (EOFError, OSError, ValueError):
            process.dead = True
            return
        if "refused" in answer:
            raise UserError(f"task '{self.name}': {answer['refused']}")
        index, process.waited_s = process.chunk.popleft(), 0.0
        if "failed" in answer:
            results[index] = self.fail(answer["failed"])
            return
        score, parsed, reason, flags, kind, path = answer["result"]
        results[index] = VerifyResult(score, parsed, reason, tuple(flags), kind, path)
        self.counts["verified"] += 1

    def _replace_late(self, waiting: deque[int], results: list[VerifyResult | None]) -> None:
        """Kill processes that are late or dead, judge the pair they were at, and put the others back."""
        for place, process in enumerate(self._processes):
            late = process.chunk and process.waited_s >= self._deadline_s
            if not (process.dead or late):
                continue
            _kill(process)
            index, *others = process.chunk
            waiting.extendleft(reversed(others))
            code = process.popen.returncode
            if code == -signal.SIGALRM and not late and index not in self._excused:
                self._excused.add(index)  # its own clock has run through a pause of all processes
                waiting.appendleft(index)
            elif process.dead:
                results[index] = self.fail(f"the verifier's process ended with code {code}")
            else:
                results[index] = self.fail(f"no verdict within {self._deadline_s:g} s", "timeout")
            self._processes[place] = self._start()


def open_verifier(
    task: Task,
    spec: str,
    options: Mapping[str, Any] | None = None,
    *,
    deadline_s: float = 10.0,
    workers: int = 2,
    max_failures: float = 0.05,
) -> Verifier:
    """What verifies a task's completions: here where that is safe, else processes that load it by `spec`."""
    if task.inline:
        return InlineVerifier(task, max_failures)
    return VerifierPool(
        spec, options, kind=task.kind, deadline_s=deadline_s, workers=workers, max_failures=max_failures
    )


def _fields(prompt: Prompt) -> tuple[str, str, str, str]:
    return prompt.id, prompt.text, prompt.key, prompt.stratum


def _kill(process: Process) -> None:
    """End a process and its session, whose number is its own until it is waited for."""
    time.sleep(0.05 if process.dead else 0)  # that it may end by itself, and its code be its own
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.popen.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.popen.wait(KILL_S)
    process.stream.close()
