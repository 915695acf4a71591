"""Runs as a program in the sandbox and tries what no program there may do; says what it could."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Callable
from typing import Any

_LIBC = ctypes.CDLL(None)
_NEW_USER = 0x10000000
_MB = 1 << 20


def probe(name: str, *arguments: Any) -> Any:
    """Run one of the attempts."""
    return _ATTEMPTS[name](*arguments)


def _reach(port: int, name: str) -> list[str]:
    """Addresses of this machine and kinds of socket that can be had."""
    reached = []
    targets: list[tuple[socket.AddressFamily, Any]] = [
        (socket.AF_INET, ("127.0.0.1", port)),
        (socket.AF_INET6, ("::1", port)),
        (socket.AF_UNIX, "\0" + name),
    ]
    for family, address in targets:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as stream:
            stream.settimeout(1)
            stream.connect(address)
            reached.append(f"{family.name} {address}")
    return reached


def _touch(path: str, others: list[str]) -> list[str]:
    """Files and folders of the machine that can be read or written, and what else is at the root."""
    touched = []
    for target in (path, *others):
        with contextlib.suppress(OSError):
            os.stat(target)
            touched.append(f"sees {target}")
    with contextlib.suppress(OSError), open(path, "a", encoding="ascii") as file:
        file.write("x")
        touched.append(f"writes {path}")
    for folder in ("/", "/python", "/python/0"):
        with contextlib.suppress(OSError):
            os.mkdir(f"{folder}/canary")
            touched.append(f"writes in {folder}")
    return touched + [f"sees /{name}" for name in os.listdir("/") if name not in ("python", "tmp")]


def _fork(count: int) -> int:
    """How many processes can be started side by side."""
    reads, writes = os.pipe()
    started = 0
    for _ in range(count):
        try:
            pid = os.fork()
        except OSError:
            break
        if pid == 0:
            os.close(writes)
            os.read(reads, 1)
            os._exit(0)
        started += 1
    return started


def _allocate(megabytes: int) -> int:
    """Megabytes of memory that can be had and used."""
    kept = []
    with contextlib.suppress(MemoryError):
        for _ in range(megabytes):
            kept.append(b"x" * _MB)  # noqa: PERF401
    count = len(kept)
    del kept
    return count


def _fill(megabytes: int) -> int:
    """Megabytes that can be put into files."""
    written = 0
    for index in range(megabytes):
        try:
            with open(f"/tmp/{index}", "wb", buffering=0) as file:
                written += file.write(bytes(_MB)) == _MB
        except OSError:
            break
    return written


def _signal(pids: list[int]) -> list[int]:
    """Processes besides its own that can be seen."""
    seen = []
    for pid in {*pids, *range(2, 3000)} - {os.getpid()}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        except PermissionError:
            pass
        seen.append(pid)
    return seen


def _gain() -> list[str]:
    """System calls that let it out, let it hide memory, or give it rights."""
    gained = []
    attempts: dict[str, tuple[Any, ...]] = {
        "unshare": (_NEW_USER,),
        "setns": (0, 0),
        "mount": (b"none", b"/tmp", b"tmpfs", 0, None),
        "umount2": (b"/python/0", 2),
        "chroot": (b"/tmp",),
        "ptrace": (0, 0, 0, 0),
        "memfd_create": (b"x", 0),
        "shmget": (0, _MB, 0o1600),
        "setuid": (0,),
        "personality": (0x0400000,),
        "sethostname": (b"x", 1),
    }
    for name, arguments in attempts.items():
        if getattr(_LIBC, name)(*arguments) != -1:
            gained.append(name)
    for number, name in ((425, "io_uring_setup"), (434, "pidfd_open"), (442, "mount_setattr")):
        if _LIBC.syscall(ctypes.c_long(number), 1, 0) != -1:
            gained.append(name)
    if 0 in (*os.getresuid(), *os.getresgid()):
        gained.append("uid 0")
    if os.environ:
        gained.append("an environment")
    return gained


_ATTEMPTS: dict[str, Callable[..., Any]] = {
    "reach": _reach,
    "touch": _touch,
    "fork": _fork,
    "allocate": _allocate,
    "fill": _fill,
    "signal": _signal,
    "gain": _gain,
}
