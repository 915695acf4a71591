"""The proof that the sandbox holds on this machine: programs that try to break each limit, watched."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.sandbox.runner import Limits, Program, Result, Runner

ISOLATION = (
    "own user, network, pid, mount, ipc and uts namespaces, an empty root, no capabilities, system calls "
    "filtered; memory: RLIMIT_AS times processes"
)

_LIMITS = Limits(cpu_s=5, wall_s=30, memory_mb=96, disk_mb=2, output_kb=16)
_PROBE = (Path(__file__).parent / "cell/probe.py").read_text(encoding="utf-8")

_DAEMON = """
import os, signal, time
reads, writes = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        os.write(writes, b"x")
        for descriptor in range(64):
            try: os.close(descriptor)
            except OSError: pass
        time.sleep(60)
    os._exit(0)
os.close(writes)
os.wait()
print(os.read(reads, 1))
"""


class BrokenError(Exception):
    """A limit does not hold; the message says which."""


@dataclass(frozen=True)
class Status:
    """Whether programs can be run safely here."""

    usable: bool
    reason: str
    """Why not; where they can, what keeps them apart."""


_status: Status | None = None
_lock = threading.Lock()


def status() -> Status:
    """The verdict of the canary, which takes about two seconds and runs once a process."""
    global _status
    with _lock:
        if _status is None:
            try:
                prove()
                _status = Status(True, ISOLATION)
            except (BrokenError, UserError) as error:
                _status = Status(False, str(error))
        return _status


def prove() -> None:
    """Raise BrokenError naming the first limit that does not hold, UserError where nothing runs at all."""
    if sys.platform != "linux":
        raise BrokenError(f"the sandbox needs Linux; this is {sys.platform}")
    with Runner(_LIMITS, 1) as runner:
        _prove_walls(runner)
        _prove_limits(runner)
        _prove_death(runner)


def _prove_walls(runner: Runner) -> None:
    """Network, files, processes, memory, rights: all attempts in one program."""
    with _listeners() as (port, name, accepted), tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        path = Path(folder, "canary")
        path.write_text("canary", encoding="ascii")
        path.chmod(0o666)
        others = ["/etc", "/proc", "/dev", "/sys", str(Path.home()), str(Path.cwd()), sys.executable]
        inputs: list[list[Any]] = [
            ["reach", port, name],
            ["touch", str(path), [other for other in others if other != "/"]],
            ["signal", [os.getpid(), os.getppid()]],
            ["fork", 8],
            ["fill", 8],
            ["gain"],
            ["allocate", 4 * _LIMITS.memory_mb],
        ]
        reached, touched, seen, forks, filled, gained, allocated = _values(runner, inputs)
        _check("the network can be reached", not reached and not accepted(), reached)
        unchanged = path.read_text(encoding="ascii") == "canary"
        _check("the machine's files can be reached", not touched and unchanged, touched)
    _check("other processes can be seen", not seen, seen)
    _check("processes are not bounded", forks == 0, forks)
    _check("files are not bounded", 1 <= filled <= _LIMITS.disk_mb, f"{filled} MB")
    _check("rights can be gained", not gained, gained)
    _check("memory is not bounded", 1 <= allocated <= _LIMITS.memory_mb, f"{allocated} MB")


def _prove_limits(runner: Runner) -> None:
    """Processor time, wall clock, output, and processes where some are allowed."""
    spin = runner.run(Program("while True: pass"), _LIMITS.model_copy(update={"cpu_s": 0.2}))
    _check("processor time is not bounded", spin.limit == "cpu" and spin.cpu_s < 1.5, _how(spin))
    flood = runner.run(Program("while True: print('x' * 1000)"))
    bounded = flood.limit == "output" and len(flood.stdout) <= _LIMITS.output_kb << 10
    _check("output is not bounded", bounded, _how(flood))
    several = _LIMITS.model_copy(update={"processes": 3, "memory_mb": 3 * 96})
    forks = runner.run(Program(_PROBE, function="probe", inputs=[["fork", 32]]), several).returned[0]
    _check("processes are not bounded", forks.value == 2, forks.value if not forks.error else forks.error)


def _prove_death(runner: Runner) -> None:
    """Nothing outlives a program, be it killed or a daemon's parent."""
    mark = runner.mark()
    slow: list[Result] = []
    limits = _LIMITS.model_copy(update={"wall_s": 0.5})
    sleeper = threading.Thread(
        target=lambda: slow.append(runner.run(Program("import time; time.sleep(60)"), limits))
    )
    started, most = time.monotonic(), 0
    sleeper.start()
    while sleeper.is_alive():
        most = max(most, len(marked(mark)))
        time.sleep(0.05)
    took = time.monotonic() - started
    bound = bool(slow) and slow[0].exit == -9 and took < limits.wall_s + 5
    _check("the wall clock does not bind", bound, f"{took:.1f} s")
    _check("its own processes cannot be seen in /proc", most >= 3, most)
    _check("a killed program lives on", _settled(mark), marked(mark))
    several = _LIMITS.model_copy(update={"processes": 4, "memory_mb": 4 * 96})
    daemon = runner.run(Program(_DAEMON), several)
    _check("a daemon cannot be started to be killed", daemon.stdout == "b'x'\n", _how(daemon))
    _check("a daemon lives on", _settled(mark) and runner.mark() == mark, marked(mark))


def _values(runner: Runner, inputs: list[list[Any]]) -> list[Any]:
    result = runner.run(Program(_PROBE, function="probe", inputs=inputs))
    for (name, *_), returned in zip(inputs, result.returned, strict=True):
        _check(f"the canary's attempt '{name}' did not run", not returned.error, returned.error)
    return [returned.value for returned in result.returned]


def _check(complaint: str, holds: bool, found: object) -> None:
    if not holds:
        raise BrokenError(f"the sandbox does not hold on this machine: {complaint}: {found}")


def _how(result: Result) -> str:
    return f"{result.reason or 'it ended well'} after {result.cpu_s:.2f} s of processor time"


def _settled(mark: str) -> bool:
    """Whether but the warden is left; the keeper that has just answered may be about to go."""
    end = time.monotonic() + 1
    while len(marked(mark)) > 1 and time.monotonic() < end:
        time.sleep(0.01)
    return len(marked(mark)) == 1


def marked(mark: str) -> list[int]:
    """Processes with this mark in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def _listeners() -> Iterator[tuple[int, str, Any]]:
    """A port of this machine and an abstract Unix address that answer, and what tells whether anyone came."""
    name = f"selfplay-canary-{secrets.token_hex(8)}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0" + name)
        local.listen()

        def accepted() -> bool:
            for listener in (server, local):
                listener.settimeout(0)
                with contextlib.suppress(BlockingIOError):
                    listener.accept()[0].close()
                    return True
            return False

        yield server.getsockname()[1], name, accepted
