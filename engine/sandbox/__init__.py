"""Runs programs that a model wrote, on Linux, each shut off from the machine and bounded in all it uses.

A program gets namespaces of its own (user, network, pid, mount, ipc, uts), another uid than root's, an empty
size-capped folder, the interpreter's library read-only and nothing else, no capabilities, and a filter of
system calls. None of its text runs in this process. Values that its functions return are data to be compared
outside: what is expected never goes in, and its printing says nothing of it.

    with Sandbox(Limits(cpu_s=1)) as sandbox:
        result = sandbox.run(Program("def f(x): return x + 1", function="f", inputs=[[1], [2]]))
        right = [same(returned.value, expected) for returned, expected in zip(result.returned, [2, 3])]
"""

from __future__ import annotations

import os

from engine.errors import UserError
from engine.sandbox.canary import Status, status
from engine.sandbox.runner import Limits, Program, Result, Runner
from engine.sandbox.value import Returned, printable, same

__all__ = ["Limits", "Program", "Result", "Returned", "Sandbox", "Status", "printable", "same", "status"]


class Sandbox(Runner):
    """Runs programs under limits; raises UserError where a canary run has not proved that they hold here.

    Args:
        limits: of each program.
        workers: programs side by side; None: one a core. Each has a process of its own that is reused and
            ends with `close`, with this object or with this process.
    """

    def __init__(self, limits: Limits | None = None, workers: int | None = None) -> None:
        found = status()
        if not found.usable:
            raise UserError(f"programs written by a model are not run here: {found.reason}")
        super().__init__(limits or Limits(), workers or len(os.sched_getaffinity(0)))
