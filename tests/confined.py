"""The sandbox as its tests take it: whether the kernel can isolate at all, and what a program leaves."""

import ctypes
import functools
import os
import sys
import time
from collections.abc import Callable

import pytest

from engine.language.sandbox import Limits, Program, Result, Sandbox
from engine.language.sandbox.canary import marked

LIMITS = Limits(cpu_s=0.4, wall_s=20, memory_mb=128, disk_mb=2, files=32, output_kb=16)
SEVERAL = LIMITS.model_copy(update={"processes": 4, "memory_mb": 512})
NAMESPACES = 0x7E020000  # user, mount, pid, network, ipc, uts, cgroup

Run = Callable[..., Result]


@functools.cache
def missing() -> str:
    """What of the kernel the sandbox needs is not there; asked of the kernel itself, not of the sandbox."""
    if sys.platform != "linux":
        return f"{sys.platform} has no namespaces"
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        os._exit(ctypes.get_errno() if libc.unshare(NAMESPACES) else 0)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return f"unshare(2) of namespaces fails here: {os.strerror(number)}" if number else ""


def require_isolation() -> None:
    if missing():
        pytest.skip(missing())


def watched(sandbox: Sandbox) -> Run:
    """Run a program's text; back in time, alone, with the worker as before and able to work."""

    def run(text: str, limits: Limits = LIMITS, stdin: str = "", **call: object) -> Result:
        mark, started = sandbox.mark(), time.monotonic()
        result = sandbox.run(Program(text, stdin, **call), limits)  # type: ignore[arg-type]
        assert time.monotonic() - started < limits.wall_s + 1
        assert wait_for(lambda: len(marked(mark)) == 1), "a process is left"
        assert sandbox.mark() == mark, "the worker was lost"
        assert sandbox.run(Program("print(6 * 7)")).stdout == "42\n"
        return result

    return run


def wait_for(holds: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()
