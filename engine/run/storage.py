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

What is written is on disk before the call returns, so that an order of writing holds after a power cut, too;
only what was removed may come back.

What needs a local disk for other reasons is in engine.run.local_disk.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def _sync_file(path: Path) -> None:
    _step("fsync")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _step(name: str) -> None:
    if fault_hook is not None:
        fault_hook(name)
