"""The only door to what keeps a run: files that are whole or absent, checked by SHA-256.

Whatever a run directory holds is read and written by these functions. Their keys are paths, of which they
alone ask the disk anything. What a store of objects would have to offer in its place:

                    after a crash on the way        once it returns
    atomic_write    the old content or the new      survives a power cut
    append          the old, or more of the new     survives a power cut
    truncate        the old length or the new       survives a power cut
    remove          there or not                    is swept again where it comes back
    move_aside      at one place, or at both        survives a power cut
    copy_aside      as atomic_write                 survives a power cut
    write_mark      may be there and no mark        survives a power cut, and holds for no copy
    make_folder     there or not                    survives a power cut; nothing where there are no folders

    exists  is_file  is_folder  list_folder  is_mark  read_checked      change nothing

Of no two calls is the second on disk before the first: an order of writing holds after a power cut, too.
The others need a local disk, for the system's own locks or for libraries that write by themselves:

    Lock            one writer a run
    local_stream    TensorBoard's events, which may be cut anywhere
    local_folder    the files of a model, whole or absent together
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import CorruptFileError, MissingFileError, UserError, WriteError

TEMPORARY = ".tmp"
"""Ending of a file that is being written."""

fault_hook: Callable[[str], None] | None = None
"""Called with the name of each step that changes the disk, before it is taken; tests stop there."""


@dataclass(frozen=True)
class Digest:
    """What a file must hold."""

    sha256: str
    num_bytes: int

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """The digest of `data`."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))


def atomic_write(path: Path, data: bytes) -> Digest:
    """Write `data` so that after a crash at any moment `path` is whole, as it was before, or absent.

    Raises UserError where the disk is full or cannot be written; `path` is then as it was before.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        _step("open")
        with temporary.open("wb") as file:
            half = len(data) // 2
            for part in (data[:half], data[half:]):
                _step("write")
                file.write(part)
                file.flush()
            _step("fsync")
            os.fsync(file.fileno())
        _step("rename")
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _not_written(path, error) from error
    return Digest.of(data)


def write_mark(path: Path) -> None:
    """Make a file that holds its own inode number, so that a copy of it is told from it by `is_mark`.

    After a crash before this returns `path` may be there and no mark. Raises UserError like `atomic_write`.
    """
    try:
        _step("open")
        with path.open("wb") as file:
            _step("write")
            file.write(str(os.fstat(file.fileno()).st_ino).encode())
            file.flush()
            _step("fsync")
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        raise _not_written(path, error) from error


def append(path: Path, data: bytes) -> None:
    """Write `data` at the end of a file, which is made where there is none.

    After a crash before this returns a part of `data` may be there. Raises UserError like `atomic_write`.
    """
    is_new = not path.exists()
    try:
        _step("append")
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            _step("fsync")
            os.fsync(file.fileno())
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error


def truncate(path: Path, num_bytes: int) -> None:
    """Cut off what a file has after `num_bytes`. Raises UserError like `atomic_write`."""
    try:
        _step("truncate")
        with path.open("r+b") as file:
            file.truncate(num_bytes)
            os.fsync(file.fileno())
    except OSError as error:
        raise _not_written(path, error) from error


def exists(path: Path) -> bool:
    """Whether there is a file or a folder."""
    return path.exists()


def is_file(path: Path) -> bool:
    """Whether there is a file."""
    return path.is_file()


def is_folder(path: Path) -> bool:
    """Whether there is a folder; in a store without folders, a file below it."""
    return path.is_dir()


def list_folder(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where there is none.

    Raises UserError where the system does not let it be read, which says nothing about what is there.
    """
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"folder '{folder}' cannot be read: {error.strerror}; allow it") from error


def is_mark(path: Path) -> bool:
    """Whether `write_mark` has made this file, here."""
    try:
        return path.is_file() and path.read_bytes() == str(path.stat().st_ino).encode()
    except OSError:
        return False


def make_folder(path: Path) -> None:
    """Make a folder, its parents included, that is still there after a crash."""
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        _step("mkdir")
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"cannot make folder '{path}': {error.strerror}; name another") from error


def remove(path: Path) -> None:
    """Remove a file, or a folder once it is empty; nothing where there is none."""
    _step("remove")
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            for inner in sorted(path.iterdir()):
                remove(inner)
            path.rmdir()
        else:
            path.unlink()


def move_aside(path: Path, folder: Path) -> None:
    """Move a file or folder into `folder`; what that holds by its name stays, the newcomer gets a number."""
    make_folder(folder)
    target = folder / _names_of(path, folder)[-1]
    _step("rename")
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(path, target)
    sync_folder(folder)


def copy_aside(path: Path, folder: Path) -> None:
    """Copy a file into `folder` like `move_aside`, unless that has this content by its name."""
    make_folder(folder)
    data = path.read_bytes()
    *taken, free = _names_of(path, folder)
    if not any((folder / name).is_file() and (folder / name).read_bytes() == data for name in taken):
        atomic_write(folder / free, data)


def _names_of(path: Path, folder: Path) -> list[str]:
    """Names in `folder` that `path` might have and that are taken, and the first that is free."""
    names = [path.name]
    while os.path.lexists(folder / names[-1]):
        names.append(f"{path.name}.{len(names) + 1}")
    return names


def _move_across(path: Path, target: Path) -> None:
    """Move to another file system; what is moved stays at its place until it is whole at the new one."""
    temporary = target.with_name(target.name + TEMPORARY)
    remove(temporary)
    if path.is_dir():
        shutil.copytree(path, temporary, symlinks=True)
    else:
        shutil.copy2(path, temporary)
    publish_folder(temporary, target)
    remove(path)


@contextlib.contextmanager
def local_folder(path: Path) -> Iterator[Path]:
    """The path of a folder for a library to make and fill, which is called `path` at the end.

    After a crash at any moment `path` is whole or absent. Raises UserError where the disk refuses.
    """
    make_folder(path.parent)
    temporary = path.with_name(path.name + TEMPORARY)
    remove(temporary)
    yield temporary
    publish_folder(temporary, path)


def local_stream(path: Path) -> BinaryIO:
    """A new file for a library to write, unbuffered, its folder made with it; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb", buffering=0)


def publish_folder(temporary: Path, path: Path) -> None:
    """Give a folder just written its name, so that after a crash at any moment `path` is whole or absent.

    What stood at `path` is moved out of the way and removed. Raises UserError where the disk refuses.
    """
    old = path.with_name(path.name + ".old" + TEMPORARY)
    try:
        for file in (*sorted(temporary.rglob("*")), temporary):
            if file.is_file():
                _sync_file(file)
            else:
                sync_folder(file)
        remove(old)
        if path.exists():
            _step("rename")
            path.rename(old)
        _step("rename")
        temporary.rename(path)
        sync_folder(path.parent)
        remove(old)
    except OSError as error:
        raise _not_written(path, error) from error


def sync_folder(path: Path) -> None:
    """Make renames in a folder survive a power cut."""
    _step("fsync folder")
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checked(path: Path, digest: Digest | None = None, max_bytes: int | None = None) -> bytes:
    """The content of a file; what its size rules out is not read.

    Raises MissingFileError where it is not there, CorruptFileError where it is no file, too large or not as
    on record, and UserError where the system does not let it be read, which says nothing about the file.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise CorruptFileError(f"'{path}' is no file")
        if max_bytes is not None and found.st_size > max_bytes:
            raise CorruptFileError(f"'{path}' has more than {max_bytes} bytes; it is not a file of a run")
        _check_size(path, found.st_size, digest)
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError(f"'{path}' cannot be read, it is missing: {error.strerror}") from error
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be read: {error.strerror}; allow it, or take the file away"
        ) from error
    _check_size(path, len(data), digest)
    if digest is not None and Digest.of(data) != digest:
        raise CorruptFileError(f"'{path}' is damaged: its SHA-256 differs from the one on record")
    return data


def _not_written(path: Path, error: OSError) -> WriteError:
    return WriteError(f"cannot write '{path}': {error.strerror}; free space or allow it, and resume")


def _check_size(path: Path, num_bytes: int, digest: Digest | None) -> None:
    if digest is not None and num_bytes != digest.num_bytes:
        raise CorruptFileError(f"'{path}' is damaged: {num_bytes} bytes instead of {digest.num_bytes}")


class Lock:
    """The right to write to a folder, held by one process until `release` or its end."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a+", encoding="ascii", errors="replace")
        except OSError as error:
            raise UserError(f"cannot write '{path}': {error.strerror}; name another run directory") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            owner = ascii(self._file.read(40).strip())[1:-1] or "unknown"
            self._file.close()
            raise UserError(
                f"run directory '{path.parent}' is in use by process {owner}; "
                "wait for it to end, or name another"
            ) from error
        except OSError as error:
            self._file.close()
            raise UserError(
                f"'{path}' cannot be locked: {error.strerror}; name a run directory on another disk"
            ) from error
        self._path = path
        try:
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n")
            self._file.flush()
        except OSError as error:
            self._give_up()
            raise UserError(f"cannot write '{path}': {error.strerror}; make room, or name another") from error

    def check(self) -> None:
        """Raise UserError where what was locked is no longer at its place: nothing is to be written there."""
        try:
            is_there = os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
        except OSError:
            is_there = False
        if not is_there:
            raise UserError(
                f"run directory '{self._path.parent}' has been moved or removed meanwhile; "
                "put it back and resume"
            )

    def release(self) -> None:
        """Let others write."""
        self._give_up()

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):  # of what could not be written
            self._file.close()


def _sync_file(path: Path) -> None:
    _step("fsync")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _step(name: str) -> None:
    if fault_hook is not None:
        fault_hook(name)
