"""What the system says of the processor's time: how long threads waited for it, what other programs took."""

from __future__ import annotations

import os
import resource
from pathlib import Path

_TASKS = Path("/proc/self/task")
_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # idle, iowait; after them irq, softirq, steal; guest time is in user time already
_KINDS = 8


def waited_s() -> float | None:
    """Seconds that threads of this process that live now were ready to run and were not let.

    None where the system does not tell.
    """
    total = 0
    try:
        for task in _TASKS.iterdir():
            try:
                total += int((task / "schedstat").read_text(encoding="ascii").split()[1])
            except FileNotFoundError:  # ended meanwhile, or a system without
                if task.exists():
                    return None
    except (OSError, ValueError, IndexError):
        return None
    return total / 1e9


def others_s() -> float | None:
    """Seconds of processor time that others have taken on the cores that this process may use.

    Whatever is not idle and not of this process: other programs, the system, and a host that runs something
    else. Since the start of the machine, so that only differences tell something. None where it is not told.
    """
    cores = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    ticks = 0
    try:
        for line in _STAT.read_text(encoding="ascii").splitlines():
            name, *counts = line.split()
            if name in cores:
                kinds = [int(count) for count in counts[:_KINDS]]
                ticks += sum(kinds) - sum(kinds[index] for index in _IDLE)
    except (OSError, ValueError, IndexError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK") - own_s() if ticks else None


def own_s() -> float:
    """Seconds of processor time of this process and of those it has waited for."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
