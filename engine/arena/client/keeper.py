"""Stands between a program and an engine that it has started, so that nothing of the engine stays behind.

    python -I -S keeper.py LIFELINE COMMAND…

Runs COMMAND, which inherits standard input, output and error, in a process group of its own. Once the command
has ended, or the other end of the pipe LIFELINE is closed, as it is by any death of the program, everything
that the command has started is ended too. The exit status is the command's; 128 and the signal's number
where it died of one.

It imports nothing of the package: an engine starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

GRACE_S = 0.5
"""Between the request to end and the end."""

_SET_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36
_ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the command to its end."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _ASKED:
        signal.signal(number, signal.SIG_IGN)
    _control(_SET_CHILD_SUBREAPER, 1)  # whoever loses its parent below us becomes our child
    child = os.fork()
    if child == 0:
        _become(command, lifeline)
    for descriptor in (0, 1):
        os.close(descriptor)
    status = _watch(child, lifeline, wake)
    if status is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGTERM)
        status = _reap(child, time.monotonic() + GRACE_S)
    swept = _sweep(child)
    final = swept if status is None else status
    return os.waitstatus_to_exitcode(final) if os.WIFEXITED(final) else 128 + os.WTERMSIG(final)


def _become(command: list[str], lifeline: int) -> None:
    os.setsid()
    _control(_SET_DEATH_SIGNAL, signal.SIGKILL)
    os.close(lifeline)
    for number in (*_ASKED, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _watch(child: int, lifeline: int, wake: int) -> int | None:
    """Wait for the child's status; None once the lifeline is cut."""
    poll = select.poll()
    for descriptor in (lifeline, wake):
        poll.register(descriptor, select.POLLIN)
    while True:
        status = _reap(child, 0.0)
        if status is not None:
            return status
        ready = {descriptor for descriptor, _ in poll.poll()}
        if lifeline in ready:
            return None
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 4096)


def _reap(child: int, until: float) -> int | None:
    """The child's status, where it ends by then; whoever else has ended is forgotten."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid == child:
            return status
        if pid == 0:
            if time.monotonic() >= until:
                return None
            time.sleep(0.005)


def _sweep(child: int) -> int:
    """End all that is left, whatever group it is in; the child's status, where it is reaped here."""
    found = 0
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        for pid in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return found
        if pid == child:
            found = status


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _control(option: int, value: int) -> None:
    """prctl(2), where there is one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
