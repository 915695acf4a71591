"""System calls that the standard library of Python 3.11 does not have."""

from __future__ import annotations

import ctypes
import errno
import os

_LIBC = ctypes.CDLL(None, use_errno=True)

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x00020000,
    0x02000000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
READ_ONLY, NO_SUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
"""Flags of mount(2)."""

_CAPABILITY_VERSION = 0x20080522
_SET_KEEP, _SET_DUMPABLE, _SET_DEATH_SIGNAL, _DROP_BOUNDING, _AMBIENT, _NO_NEW_PRIVS = 8, 4, 1, 24, 47, 38


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones."""
    _call("unshare", flags)


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2)."""
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    _call("mount", *words, ctypes.c_ulong(flags), options.encode() if options is not None else None)


def pivot_root_here() -> None:
    """Make the current folder, a mount, the root, and let go of all that was there before."""
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    _call("syscall", ctypes.c_long(number), b".", b".")
    _call("umount2", b".", 2)  # MNT_DETACH: the old root lies on the new one
    os.chdir("/")


def set_host_name(name: str) -> None:
    """Of this UTS namespace."""
    _call("sethostname", name.encode(), ctypes.c_size_t(len(name)))


def prctl(option: int, *arguments: int) -> None:
    """prctl(2)."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    _call("prctl", option, *(ctypes.c_ulong(argument) for argument in padded))


def die_with_parent() -> None:
    """SIGKILL for this process once its parent ends. Lost by a change of uid."""
    prctl(_SET_DEATH_SIGNAL, 9)


def drop_capabilities() -> None:
    """Give up every capability for good; no core dump, no ptrace by others."""
    prctl(_SET_KEEP, 0)
    prctl(_AMBIENT, 4)  # PR_CAP_AMBIENT_CLEAR_ALL
    for capability in range(64):
        try:
            prctl(_DROP_BOUNDING, capability)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            break  # past the last one
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _call("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    prctl(_NO_NEW_PRIVS, 1)
    prctl(_SET_DUMPABLE, 0)


def _call(name: str, *arguments: object) -> None:
    ctypes.set_errno(0)
    if getattr(_LIBC, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
