"""What needs a local disk: one writer a run, and files that libraries write by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.run import storage
from engine.run.local_disk import Lock, new_folder, new_stream

HOLD = """
import sys
from pathlib import Path
from engine.run.local_disk import Lock

lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


class StoppedError(Exception):
    """Stands for the end of the process."""


def test_one_process_holds_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "LOCK")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=f"in use by process {process.pid}"):
            Lock(tmp_path / "LOCK")
        process.kill()
    lock = Lock(tmp_path / "LOCK")
    assert (tmp_path / "LOCK").read_text() == f"{os.getpid()}\n"
    with pytest.raises(UserError, match=f"process {os.getpid()}"):
        Lock(tmp_path / "LOCK")
    lock.release()
    Lock(tmp_path / "LOCK").release()


@pytest.mark.parametrize("step", ["fsync", "fsync folder", "rename"])
def test_a_folder_is_whole_or_as_it_was(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(text: str) -> None:
        with new_folder(tmp_path / "model") as folder:
            folder.mkdir()
            for name in ("config.json", "weights"):
                (folder / name).write_text(text)

    def stop(taken: str) -> None:
        if taken == step:
            raise StoppedError

    fill("old")
    monkeypatch.setattr(storage, "fault_hook", stop)
    with pytest.raises(StoppedError):
        fill("new")
    assert {path.name: path.read_text() for path in (tmp_path / "model").iterdir()} == {
        "config.json": "old",
        "weights": "old",
    }
    monkeypatch.setattr(storage, "fault_hook", None)
    fill("newest")
    assert (tmp_path / "model" / "weights").read_text() == "newest"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_was_not_filled_is_not_there(tmp_path: Path) -> None:
    def stop_while_filling() -> None:
        with new_folder(tmp_path / "deep" / "model") as folder:
            folder.mkdir()
            raise StoppedError

    with pytest.raises(StoppedError):
        stop_while_filling()
    assert not (tmp_path / "deep" / "model").exists()


def test_a_stream_makes_its_folder_and_waits_for_nothing(tmp_path: Path) -> None:
    with new_stream(tmp_path / "tb" / "events") as stream:
        stream.write(b"event")
        assert (tmp_path / "tb" / "events").read_bytes() == b"event"
    with pytest.raises(FileExistsError):
        new_stream(tmp_path / "tb" / "events" / "more")
