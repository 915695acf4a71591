"""What a run reads from outside again and again, and that it is still what it was when the run began."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from engine.errors import UserError

MODEL_FILES = {".jinja", ".json", ".model", ".safetensors", ".txt"}
"""Suffixes of what is read of a model's folder."""

CODE = ".py"
"""Suffix of what may be mended while a run is at rest: that it has changed is told, and not refused."""

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int, int], ...]
"""(path, inode, bytes, nanoseconds of the last change) of each file."""


class Sources:
    """Files, and folders of models, by the name of the setting that leads to each.

    Their digests are recorded where a run begins, and compared where it is resumed. While it goes on a file
    is read again for that where it looks changed, so that nothing learnt from another one is committed.

    Args:
        paths: of a run's settings, see `Method.sources`.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = dict(paths)
        self._stamps: dict[str, Stamp] = {}
        self._recorded: dict[str, str] = {}

    def require(self) -> None:
        """Refuse a pipe or a device, which can be read but once; of what is missing its reader tells."""
        for name, path in self._paths.items():
            try:
                mode = path.stat().st_mode
            except (OSError, ValueError):
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise UserError(
                    f"{self._said(name)} is no file and is read more than once; give a file of what it holds"
                )

    def record(self) -> dict[str, str]:
        """The SHA-256 of each by its name; UserError for what cannot be read."""
        self._recorded = {name: self._digest(name) for name in self._paths}
        return dict(self._recorded)

    def resume(self, recorded: Mapping[str, str], warn: Callable[[str], None]) -> None:
        """Refuse what differs from what was recorded; `warn` is told of code. UserError naming the file.

        What was not recorded, by an earlier version, is not compared.
        """
        for name, digest in recorded.items():
            if name in self._paths and self._digest(name) != digest:
                if not self._is_code(name):
                    raise self._changed(name)
                warn(f"{self._said(name)} has changed since the run began; what comes now is by the new one")
            self._recorded[name] = digest

    def check(self) -> None:
        """Refuse what has changed while the run went on; UserError naming the file."""
        for name, digest in self._recorded.items():
            if name not in self._paths or self._is_code(name) or self._stamp(name) == self._stamps[name]:
                continue
            if self._digest(name) != digest:
                raise self._changed(name)

    def _is_code(self, name: str) -> bool:
        return self._paths[name].suffix == CODE

    def _said(self, name: str) -> str:
        return f"{name} '{self._paths[name]}'"

    def _changed(self, name: str) -> UserError:
        return UserError(
            f"{self._said(name)} has changed since the run began; put it back as it was, or begin another run"
        )

    def _stamp(self, name: str) -> Stamp:
        return _read(name, self._paths[name], _stamp_of)

    def _digest(self, name: str) -> str:
        self._stamps[name] = self._stamp(name)
        return _read(name, self._paths[name], _digest_of)


def _read(name: str, path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except OSError as error:
        raise UserError(
            f"{name} '{path}' cannot be read: {error.strerror or error}; put it back, or name another"
        ) from error


def _digest_of(path: Path) -> str:
    """Of a file its SHA-256, of a folder that of its files' names and digests."""
    total = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256")
        if file == path:
            return found.hexdigest()
        total.update(f"{file.name}\0{found.hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _stamp_of(path: Path) -> Stamp:
    found = [(str(file), file.stat()) for file in _files(path)]
    return tuple((name, it.st_ino, it.st_size, it.st_mtime_ns) for name, it in found)


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or what is read of a folder; OSError where there is neither."""
    if not stat.S_ISDIR(path.stat().st_mode):
        yield path
        return
    for file in sorted(path.iterdir()):
        if file.suffix in MODEL_FILES and file.is_file():
            yield file
