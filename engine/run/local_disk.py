"""What of a run needs a local disk: locks of the system, and libraries that write by themselves."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.errors import UserError
from engine.run import storage


class Lock:
    """The right to write to what a file stands for, held by one process until `release` or its end.

    Args:
        path: of the file.
        owned: what it stands for, in words; by default the run directory that it lies in.
    """

    def __init__(self, path: Path, owned: str = "") -> None:
        self._owned = owned or f"run directory '{path.parent}'"
        try:
            self._file = path.open("a+", encoding="ascii", errors="replace")
        except OSError as error:
            raise UserError(
                f"cannot write '{path}', the lock of {self._owned}: {error.strerror}; name another"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            owner = ascii(self._file.read(40).strip())[1:-1] or "unknown"
            self._file.close()
            raise UserError(
                f"{self._owned} is in use by process {owner}; wait for it to end, or name another"
            ) from error
        except OSError as error:
            self._file.close()
            raise UserError(
                f"'{path}' cannot be locked: {error.strerror}; name another disk for {self._owned}"
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
            raise UserError(f"{self._owned} has been moved or removed meanwhile; put it back and resume")

    def release(self) -> None:
        """Let others write."""
        self._give_up()

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):  # of what could not be written
            self._file.close()


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """The path of a folder for a library to make and fill, which is called `path` at the end.

    After a crash at any moment `path` is whole or absent. Raises UserError where the disk refuses.
    """
    storage.make_folder(path.parent)
    temporary = path.with_name(path.name + storage.TEMPORARY)
    storage.remove(temporary)
    yield temporary
    storage.publish_folder(temporary, path)


def new_stream(path: Path) -> BinaryIO:
    """A new file for a library to write, unbuffered, its folder made with it; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb", buffering=0)
