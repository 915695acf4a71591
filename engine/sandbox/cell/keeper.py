"""The process that sets up one program, watches over its time and output, and tells how it ended."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from . import kernel, namespace, program, wire

SETUP_S = 10.0
CHUNK = 1 << 16


@dataclass
class Watch:
    """One program as its keeper sees it."""

    pid: int
    pidfd: int
    outputs: dict[int, bytearray]
    """What came so far by the end of the pipe: its stdout, its stderr and what its function returned."""
    limits: dict[str, Any]
    started: float
    reason: str = ""
    """The limit that it was killed for."""
    open: set[int] = field(default_factory=set)


def keep(control: socket.socket, warden: int) -> None:
    """Run the job that waits on `control` and answer there. Ends this process."""
    code = 1
    try:
        kernel.die_with_parent()
        if os.getppid() == warden:
            job, started = wire.receive_document(control), time.monotonic()
            watch = _start(job, started)
            _follow(watch, control)
            _answer(watch, control)
            code = 0
    except Exception as error:
        wire.send_document(control, {"error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(code)


def _start(job: dict[str, Any], started: float) -> Watch:
    """Fork the program as process 1 of a pid namespace, with an empty folder, and let it go."""
    limits = job["limits"]
    kernel.unshare(kernel.NEWNS | kernel.NEWPID)
    namespace.mount_home(limits["disk"], limits["files"])
    stdin = os.memfd_create("stdin")
    with open(os.dup(stdin), "wb") as file:
        file.write(job["stdin"].encode("utf-8", "surrogatepass"))
    os.lseek(stdin, 0, os.SEEK_SET)
    pipes = [os.pipe() for _ in range(3)]
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        program.live(job, [stdin, *(write for _, write in pipes), theirs.fileno()])
    for descriptor in (stdin, *(write for _, write in pipes)):
        os.close(descriptor)
    theirs.close()
    try:
        ours.settimeout(SETUP_S)
        failure = ours.recv(1000).decode("utf-8", "replace") or "the program ended before it was set up"
        if failure != program.READY:
            raise OSError(failure)
        kernel.drop_capabilities()
        kernel.die_with_parent()
        ours.send(b"x")
    except OSError:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        ours.close()
    reads = [read for read, _ in pipes]
    for read in reads:
        os.set_blocking(read, False)
    outputs = {read: bytearray() for read in reads}
    return Watch(pid, os.pidfd_open(pid), outputs, limits, started, open=set(reads))


def _follow(watch: Watch, control: socket.socket) -> None:
    """Read what it writes until it has ended or reached a limit; then it is dead, and all it had started."""
    poll = select.poll()
    for descriptor in (watch.pidfd, *watch.open):
        poll.register(descriptor, select.POLLIN)
    poll.register(control, select.POLLRDHUP)
    while not watch.reason:
        ready = {descriptor for descriptor, _ in poll.poll(_patience_ms(watch))}
        if control.fileno() in ready:
            os._exit(1)  # nobody is there to tell; the program dies with this process
        for descriptor in ready & watch.open:
            if _read(watch, descriptor):
                poll.unregister(descriptor)
        if watch.pidfd in ready:
            break
        watch.reason = watch.reason or _overdue(watch)
    if watch.reason:
        os.kill(watch.pid, signal.SIGKILL)


def _patience_ms(watch: Watch) -> float:
    """Until the next limit of time can be reached at the earliest."""
    wall: float = watch.started + watch.limits["wall_s"] - time.monotonic()
    cpu: float = (watch.limits["cpu_s"] - _cpu_s(watch.pid)) / watch.limits["processes"]
    return max(1.0, 1000 * min(wall, cpu))


def _overdue(watch: Watch) -> str:
    if time.monotonic() - watch.started >= watch.limits["wall_s"]:
        return "wall"
    return "cpu" if _cpu_s(watch.pid) >= watch.limits["cpu_s"] else ""


def _cpu_s(pid: int) -> float:
    """Of a process that has not been waited for (its clock's number: linux/posix-timers.h)."""
    seconds: float = time.clock_gettime(~pid << 3 | 2)
    return seconds


def _read(watch: Watch, descriptor: int) -> bool:
    """Take what is there, up to the limit of output; True at the end."""
    limit, kept = watch.limits["output"], watch.outputs[descriptor]
    while True:
        try:
            part = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        kept += part[: limit - len(kept)]
        if not part:
            watch.open.discard(descriptor)
            return True
        if len(kept) >= limit:
            watch.reason = watch.reason or "output"
            return False


def _answer(watch: Watch, control: socket.socket) -> None:
    _, status, usage = os.wait4(watch.pid, 0)
    for descriptor in list(watch.open):
        _read(watch, descriptor)
    wall_s, cpu_s = time.monotonic() - watch.started, usage.ru_utime + usage.ru_stime
    if not watch.reason and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        watch.reason = "cpu" if cpu_s >= watch.limits["cpu_s"] else ""
    wire.send_document(
        control,
        {
            "error": "",
            "exit": os.waitstatus_to_exitcode(status),
            "reason": watch.reason,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
        },
    )
    wire.send(control, *(bytes(kept) for kept in watch.outputs.values()))
