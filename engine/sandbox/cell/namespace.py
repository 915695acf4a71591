"""A root of its own for this process, with the interpreter's library and nothing else of the machine."""

from __future__ import annotations

import os
import stat
import sys

from . import kernel

INSIDE_ID = 65534
"""The uid and gid of programs, inside; for root outside too, for others their own outside."""

_BASE = "/dev"
"""Where the new root is put together: a folder that every machine has."""

_OWN = kernel.NEWUSER | kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP

LIBRARY = "/python"
HOME = "/tmp"


def enter() -> None:
    """Move this process, single-threaded, into its own namespaces and root; raise OSError with the step."""
    outside = (INSIDE_ID, INSIDE_ID) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    if os.geteuid() == 0:
        try:
            os.setgroups([])
        except OSError as error:
            raise OSError(f"root may not change its groups here: {error.strerror}") from error
    ready, done = os.pipe(), os.pipe()
    mapper = os.fork()
    if mapper == 0:
        _map_ids(os.getppid(), ready, done, *outside)
    kernel.unshare(_OWN)
    os.write(ready[1], b"x")
    os.close(done[1])
    failure = os.read(done[0], 1000).decode()
    os.waitpid(mapper, 0)
    for end in (*ready, done[0]):
        os.close(end)
    if failure:
        raise OSError(failure)
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # where the machine runs out of memory, programs go first
    outer = [path for path in sys.path if os.path.exists(path)]
    libraries = [os.open(path, os.O_PATH) for path in outer]
    os.setresgid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
    os.setresuid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
    _rename_library(dict(zip(outer, _build_root(libraries), strict=True)))
    kernel.set_host_name("sandbox")


def mount_home(size: int, files: int) -> None:
    """An empty folder for one program, in a mount namespace of its own: so many bytes and files."""
    kernel.mount(None, "/", None, kernel.RECURSIVE | kernel.PRIVATE)
    options = f"size={size},nr_inodes={files},mode=0700,uid={INSIDE_ID},gid={INSIDE_ID}"
    kernel.mount("none", HOME, "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, options)


def _map_ids(pid: int, ready: tuple[int, int], done: tuple[int, int], uid: int, gid: int) -> None:
    """Life of a process outside, which may write what INSIDE_ID stands for."""
    failure = ""
    try:
        os.close(ready[1])
        if os.read(ready[0], 1):
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{INSIDE_ID} {uid} 1"),
                ("gid_map", f"{INSIDE_ID} {gid} 1"),
            ):
                with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                    file.write(text)
    except OSError as error:
        failure = f"writing {name}: {error.strerror}"
    finally:
        os.write(done[1], failure.encode())
        os._exit(0)


def _build_root(libraries: list[int]) -> list[str]:
    """Mount the new root and go there; the folders of the library inside."""
    quiet = kernel.NO_SUID | kernel.NO_DEVICES
    kernel.mount(None, "/", None, kernel.RECURSIVE | kernel.PRIVATE)
    kernel.mount("none", _BASE, "tmpfs", quiet, "size=64k,nr_inodes=64,mode=0755")
    os.mkdir(_BASE + LIBRARY)
    os.mkdir(_BASE + HOME)
    paths = []
    for index, source in enumerate(libraries):
        paths.append(f"{LIBRARY}/{index}")
        _bind(source, _BASE + paths[-1], stat.S_ISDIR(os.fstat(source).st_mode))
        os.close(source)
    os.chdir(_BASE)
    kernel.pivot_root_here()
    kernel.mount(None, "/", None, kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY | quiet)
    return paths


def _rename_library(inner: dict[str, str]) -> None:
    """Let the interpreter find its library where it is now; `inner` by outer folder."""
    sys.path[:] = inner.values()
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        folders = getattr(module, "__path__", None)
        if isinstance(folders, list):
            folders[:] = [_renamed(folder, inner) for folder in folders]


def _renamed(path: str, inner: dict[str, str]) -> str:
    for outer in sorted(inner, key=len, reverse=True):
        if path.startswith(f"{outer}/"):
            return inner[outer] + path[len(outer) :]
    return path


def _bind(source: int, target: str, is_folder: bool) -> None:
    """Bind an open path read-only, without the packages that were installed into the library."""
    if is_folder:
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    kernel.mount(f"/proc/self/fd/{source}", target, None, kernel.BIND)
    locked = os.statvfs(target).f_flag & os.ST_NOEXEC
    flags = kernel.REMOUNT | kernel.BIND | kernel.READ_ONLY | kernel.NO_SUID | kernel.NO_DEVICES | locked
    kernel.mount(None, target, None, flags)
    for name in ("site-packages", "dist-packages"):
        if os.path.isdir(f"{target}/{name}"):
            kernel.mount("none", f"{target}/{name}", "tmpfs", kernel.READ_ONLY, "size=4k,mode=0755")
