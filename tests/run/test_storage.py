"""Files that are whole or absent: every moment at which a write can stop."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import CorruptFileError, MissingFileError, UserError, WriteError
from engine.run import storage
from engine.run.storage import (
    Digest,
    append,
    atomic_write,
    copy_aside,
    exists,
    is_file,
    is_folder,
    is_mark,
    list_folder,
    make_folder,
    move_aside,
    read_checked,
    remove,
    truncate,
    write_mark,
)


class StoppedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    taken: list[str] = []
    monkeypatch.setattr(storage, "fault_hook", taken.append)
    return taken


def test_a_write_is_synced_before_it_is_renamed(tmp_path: Path, steps: list[str]) -> None:
    digest = atomic_write(tmp_path / "a", b"new content")
    assert steps == ["open", "write", "write", "fsync", "rename", "fsync folder"]
    assert digest == Digest.of(b"new content")
    assert read_checked(tmp_path / "a", digest) == b"new content"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("stop", range(6))
def test_a_stop_leaves_the_old_or_the_new_content(
    stop: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    left = stop

    def hook(_: str) -> None:
        nonlocal left
        if left == 0:
            raise StoppedError
        left -= 1

    monkeypatch.setattr(storage, "fault_hook", hook)
    with pytest.raises(StoppedError):
        atomic_write(path, b"new content")
    assert path.read_bytes() == (b"new content" if stop == 5 else b"old")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_leaves_the_old_content_and_says_so(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=f"a': {os.strerror(number)}; .*resume"):
        atomic_write(path, b"new content")
    assert path.read_bytes() == b"old"
    assert [inner.name for inner in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_made_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot make folder '.*file'"):
        make_folder(tmp_path / "file" / "run")
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_what_differs_from_its_digest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    digest = atomic_write(path, b"content")
    path.write_bytes(b"contenT")
    with pytest.raises(CorruptFileError, match="SHA-256"):
        read_checked(path, digest)
    path.write_bytes(b"conten")
    with pytest.raises(CorruptFileError, match="6 bytes instead of 7"):
        read_checked(path, digest)
    with pytest.raises(CorruptFileError, match="more than 5 bytes"):
        read_checked(path, max_bytes=5)
    path.unlink()
    with pytest.raises(MissingFileError, match="is missing"):
        read_checked(path, digest)


def test_remove_and_move_aside(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in ("x", "y"):
        make_folder(folder)
        atomic_write(folder / name, name.encode())
        move_aside(folder, tmp_path / "aside")
    kept = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert kept == ["aside/folder.2/y", "aside/folder/x"], "what was set aside before stays"
    remove(tmp_path / "aside")
    remove(tmp_path / "aside")
    assert not list(tmp_path.iterdir())


def test_move_aside_to_another_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def rename_within(path: Path, target: Path) -> Path:
        if path.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_within)
    make_folder(tmp_path / "folder" / "inner")
    atomic_write(tmp_path / "folder" / "inner" / "x", b"x")
    atomic_write(tmp_path / "y", b"y")
    for name in ("folder", "y"):
        move_aside(tmp_path / name, tmp_path / "aside")
    kept = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert kept == ["aside/folder/inner/x", "aside/y"]
    assert (tmp_path / "aside" / "y").read_bytes() == b"y"


def test_a_copy_is_made_once(tmp_path: Path) -> None:
    for text in (b"one", b"one", b"two", b"one", b"two"):
        atomic_write(tmp_path / "x", text)
        copy_aside(tmp_path / "x", tmp_path / "aside")
    kept = {path.name: path.read_bytes() for path in (tmp_path / "aside").iterdir()}
    assert kept == {"x": b"one", "x.2": b"two"}


def test_a_mark_is_one_where_it_was_made(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert not is_mark(mark)
    write_mark(mark)
    assert is_mark(mark)
    (tmp_path / "copy").write_bytes(mark.read_bytes())
    assert not is_mark(tmp_path / "copy")
    mark.rename(tmp_path / "moved")
    assert is_mark(tmp_path / "moved")
    assert not is_mark(tmp_path)


def test_what_is_appended_is_synced(tmp_path: Path, steps: list[str]) -> None:
    path = tmp_path / "a"
    append(path, b"one\n")
    assert steps == ["append", "fsync", "fsync folder"]
    append(path, b"")
    append(path, b"two\n")
    assert steps[3:] == ["append", "fsync"] * 2
    assert path.read_bytes() == b"one\ntwo\n"
    truncate(path, 5)
    assert path.read_bytes() == b"one\nt"


@pytest.mark.parametrize("stop", ["append", "fsync", "truncate"])
def test_a_disk_that_refuses_an_end_is_named(
    stop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path / "a", b"before")

    def full(step: str) -> None:
        if step == stop:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "fault_hook", full)
    with pytest.raises(WriteError, match=r"cannot write '.*a': No space left on device; free space"):
        truncate(tmp_path / "a", 3) if stop == "truncate" else append(tmp_path / "a", b" after")
    assert (tmp_path / "a").read_bytes().startswith(b"before")


@pytest.mark.parametrize("change", [lambda path: append(path, b"x"), lambda path: truncate(path, 0)])
def test_a_folder_is_no_file(change: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="Is a directory"):
        change(tmp_path)


def test_what_lies_in_a_folder(tmp_path: Path) -> None:
    for name in ("b", "a", ".c"):
        atomic_write(tmp_path / name, b"")
    make_folder(tmp_path / "d" / "e")
    assert [path.name for path in list_folder(tmp_path)] == [".c", "a", "b", "d"]
    assert [list_folder(tmp_path / name) for name in ("nowhere", "nowhere/deeper", "a", "a/b", "d/e")] == [
        []
    ] * 5
    assert [is_folder(tmp_path / name) for name in ("a", "d", "nowhere")] == [False, True, False]
    assert [is_file(tmp_path / name) for name in ("a", "d", "nowhere")] == [True, False, False]
    assert [exists(tmp_path / name) for name in ("a", "d", "nowhere")] == [True, True, False]


def test_a_folder_that_may_not_be_read_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> list[Path]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match=r"cannot be read: Permission denied"):
        list_folder(tmp_path)
