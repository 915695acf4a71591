"""One warden as this process sees it: jobs go in, answers come out, and it can always be killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.sandbox.cell import wire

START_S = 20.0
KILL_S = 5.0
"""What the system may take to end a process that is killed."""

GRACE_S = 0.7
"""What an answer may take beyond the program's wall clock."""

CELL_FOLDER = str(Path(__file__).parent)
"""Holds the package `cell`."""

_REMEDY = (
    "it needs Linux 5.3 or later and the right to make user namespaces (user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, a container's profile)"
)

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from cell import warden; del sys.path[0]; warden.main()"
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "PYTHONHOME")
"""Without these some interpreters do not start. Programs do not see them."""


class LostError(Exception):
    """A worker gave no answer; the message says why."""


@dataclass(frozen=True)
class Answer:
    """How a job ended, and what its program wrote."""

    head: dict[str, Any]
    stdout: bytes
    stderr: bytes
    returned: bytes


class Worker:
    """A process that runs one job at a time. Raise UserError where it cannot be confined."""

    def __init__(self) -> None:
        self.mark = secrets.token_hex(16)
        """In the command line of its process and of all that come from it."""
        self._stream, theirs = socket.socketpair()
        with theirs:
            try:
                self.process = self._start(theirs)
            except OSError as error:
                self._stream.close()
                raise UserError(f"the sandbox cannot start {sys.executable!r}: {error.strerror}") from error
        self._finalizer = weakref.finalize(self, _end, self._stream, self.process)
        try:
            self._deadline(time.monotonic() + START_S)
            failure = wire.receive_document(self._stream)["error"]
        except (EOFError, OSError, ValueError) as error:
            self.kill()
            code = self.process.returncode
            raise UserError(f"the sandbox's process did not start (exit code {code})") from error
        if failure:
            self.close()
            raise UserError(f"the sandbox cannot be set up: {failure}; {_REMEDY}")

    def ask(self, job: dict[str, Any]) -> Answer:
        """Run a job. Raise LostError, with the process dead, where no answer comes in time."""
        end = time.monotonic() + job["limits"]["wall_s"] + GRACE_S
        try:
            self._deadline(end)
            wire.send_document(self._stream, job)
            self._deadline(end)
            head = wire.receive_document(self._stream)
            blocks = [] if head["error"] else [wire.receive(self._stream) for _ in range(3)]
        except TimeoutError as error:
            self.kill()
            raise LostError("no answer in time") from error
        except (EOFError, OSError, ValueError) as error:
            self.kill()
            raise LostError("the sandbox's process ended") from error
        if head["error"]:
            self.kill()
            raise LostError(str(head["error"]))
        return Answer(head, *blocks)

    def close(self) -> None:
        """End the process; it has a moment to do so by itself."""
        self._finalizer()

    def kill(self) -> None:
        """End the process at once, and with it all that comes from it."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self._finalizer()

    def _start(self, stream: socket.socket) -> subprocess.Popen[bytes]:
        options = ["-P", "-s", "-S", "-B", "-X", "utf8"]  # as -I, but heeding PYTHONHASHSEED
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return subprocess.Popen(
            [sys.executable, *options, "-c", _BOOT, CELL_FOLDER, self.mark],
            stdin=stream.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PYTHONHASHSEED": "0", **kept},
            start_new_session=True,
        )

    def _deadline(self, end: float) -> None:
        """Of each wait for the other end; a whole answer is sent at once."""
        self._stream.settimeout(max(0.01, end - time.monotonic()))


def _end(stream: socket.socket, process: subprocess.Popen[bytes]) -> None:
    stream.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=KILL_S)
