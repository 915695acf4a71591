"""An engine's process: lines in, lines out, nothing without a limit, and nothing left of it in the end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence

from engine.arena.client import keeper
from engine.arena.client.error import EngineError, shown

MAX_LINE = 1 << 20
"""Bytes of a line of its output."""

MAX_OUTPUT = 1 << 24
"""Bytes of output between two lines that it is sent."""

TAIL_LINES, TAIL_WIDTH = 5, 200
"""What is kept of its standard error."""

_CHUNK = 1 << 16


class EngineProcess:
    """A command that is spoken with line by line; one thread at a time, but for `abandon`.

    Output is read while something is waited for; else the engine waits, once its pipe is full.
    """

    def __init__(self, words: Sequence[str]) -> None:
        read_end, self._lifeline = os.pipe()
        try:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(read_end), *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(read_end,),
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._lifeline)
            raise EngineError("start", f"{words[0]}: {error.strerror}") from error
        finally:
            os.close(read_end)
        self._lock = threading.Lock()
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._output = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._tail_rest = b""
        self._ended = False
        self._has_errors = True
        for descriptor in self._descriptors():
            os.set_blocking(descriptor, False)

    def send(self, line: str, deadline: float) -> None:
        """Send one line; raise EngineError where the engine does not take it."""
        assert "\n" not in line
        rest = line.encode() + b"\n"
        self._output = len(self._rest) + sum(map(len, self._lines))
        stdin, _, _ = self._descriptors()
        while rest:
            try:
                rest = rest[os.write(stdin, rest) :]
            except BlockingIOError:
                self._wait(deadline, is_writing=True)
            except OSError:
                raise self.crash() from None

    def receive(self, deadline: float) -> str:
        """The next line of its output; raise EngineError."""
        while not self._lines:
            if self._ended:
                raise self.crash()
            self._wait(deadline)
        return self._lines.popleft().decode("utf-8", "replace").rstrip("\r")

    def unasked(self) -> list[str]:
        """What has come by now without being waited for; raise EngineError."""
        _, stdout, _ = self._descriptors()
        if not self._ended:
            self._read_output(stdout)
        return [self.receive(0.0) for _ in range(len(self._lines))]

    def crash(self) -> EngineError:
        """What is told of an engine whose output has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=0.5)
        self._read_errors()
        code = self._popen.returncode
        if code is None:
            what = "closed its output"
        elif code > 128:
            what = f"died of {signal.Signals(code - 128).name}" if code - 128 in set(signal.Signals) else ""
        else:
            what = f"ended with exit code {code}"
        return EngineError("crash", (what or f"ended with exit code {code}") + self.last_words())

    def last_words(self) -> str:
        """The end of its standard error as part of a message."""
        words = " | ".join([*self._tail, *([_text(self._tail_rest)] if self._tail_rest else [])]).strip()
        return f"; it said {shown(words, 300)}" if words else ""

    @property
    def is_alive(self) -> bool:
        """Whether it has neither ended nor closed its output."""
        with contextlib.suppress(EngineError):
            self._wait(time.monotonic() + 0.001)
        return not self._ended and self._popen.poll() is None

    def abandon(self) -> None:
        """Have it ended, from any thread; whoever waits for it gets an EngineError."""
        with self._lock:
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1

    def close(self, farewell: str | None = None, grace_s: float = 2.0) -> None:
        """End it: let it say goodbye where there is a farewell, then end whatever is left of it."""
        deadline = time.monotonic() + grace_s
        with contextlib.suppress(EngineError, OSError):
            if farewell is not None:
                self.send(farewell, deadline)
                self._popen.stdin.close()  # type: ignore[union-attr]
                while not self._ended:
                    self._wait(deadline)
                    self._lines.clear()
                    self._output = 0
                self._popen.wait(max(0.0, deadline - time.monotonic()))
        self.abandon()
        try:
            self._popen.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _descriptors(self) -> tuple[int, int, int]:
        pipes = self._popen.stdin, self._popen.stdout, self._popen.stderr
        assert all(pipe is not None for pipe in pipes)
        return tuple(-1 if pipe.closed else pipe.fileno() for pipe in pipes)  # type: ignore[union-attr,return-value]

    def _wait(self, deadline: float, is_writing: bool = False) -> None:
        """Wait until something has come, or may be written."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise EngineError("hang", f"no answer in time{self.last_words()}")
        stdin, stdout, stderr = self._descriptors()
        poll = select.poll()
        if not self._ended:
            poll.register(stdout, select.POLLIN)
        if self._has_errors:
            poll.register(stderr, select.POLLIN)
        if is_writing:
            poll.register(stdin, select.POLLOUT)
        elif self._ended:
            return
        ready = {descriptor for descriptor, _ in poll.poll(min(left, 3600) * 1000)}
        if stderr in ready:
            self._read_errors()
        if stdout in ready:
            self._read_output(stdout)

    def _read_output(self, stdout: int) -> None:
        chunk = _read(stdout)
        if chunk is None:
            return
        self._ended = not chunk
        self._output += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._ended and self._rest:
            lines, self._rest = [self._rest], b""
        self._lines.extend(lines)
        if self._output > MAX_OUTPUT:
            raise EngineError("flood", f"more than {MAX_OUTPUT} bytes of output without an answer")
        if len(self._rest) > MAX_LINE or any(len(line) > MAX_LINE for line in lines):
            raise EngineError("flood", f"a line of more than {MAX_LINE} bytes")

    def _read_errors(self) -> None:
        _, _, stderr = self._descriptors()
        if stderr < 0 or not self._has_errors:
            return
        chunk = _read(stderr)
        if chunk is None:
            return
        self._has_errors = bool(chunk)
        *lines, rest = (self._tail_rest + chunk).split(b"\n")
        self._tail.extend(_text(line) for line in lines[-TAIL_LINES:] if line.strip())
        self._tail_rest = rest[-TAIL_WIDTH:]


def _read(descriptor: int) -> bytes | None:
    """What is there, empty at the end; None where nothing is."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _text(line: bytes) -> str:
    return line[:TAIL_WIDTH].decode("utf-8", "replace").strip()
