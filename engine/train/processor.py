"""What the system says of the processor's time: how long threads waited for it, what other programs took."""

from __future__ import annotations

import os
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


def busy_s() -> float | None:
    """Seconds for which the cores that this process may use were not idle, since the machine was started.

    Whoever used them: this process, other programs, the system, or a host that runs something else. Only
    differences tell something. None where the system does not say.
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
    return ticks / os.sysconf("SC_CLK_TCK") if ticks else None
