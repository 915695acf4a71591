"""A run notes down which code and which machine began it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from engine.run import birthplace
from engine.run.birthplace import commit, machine

HAS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder: Path, *words: str) -> str:
    who = {f"GIT_{role}_{part}": "a@b" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@HAS_GIT
def test_the_commit_of_a_checkout_and_whether_files_differ(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "tag", "v1")
    head = git(tmp_path, "rev-parse", "HEAD")
    commit.cache_clear()
    assert commit(tmp_path) == head
    git(tmp_path, "worktree", "add", "-q", str(tmp_path / "tree"))
    assert commit(tmp_path / "tree") == head
    (tmp_path / "file").write_text("two")
    commit.cache_clear()
    assert commit(tmp_path) == f"{head}-dirty"
    commit.cache_clear()


@HAS_GIT
def test_the_repository_around_an_installation_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q")
    inner = tmp_path / "site-packages"
    inner.mkdir()
    monkeypatch.setattr(birthplace, "_installed_commit", lambda: None)
    commit.cache_clear()
    assert commit(inner) is None
    commit.cache_clear()


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ({"vcs_info": {"vcs": "git", "commit_id": "abc"}}, "abc"),
        ({"dir_info": {"editable": True}}, None),
        ({"vcs_info": {"commit_id": 3}}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_commit_that_an_installer_noted(
    noted: object, expected: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Installed:
        def read_text(self, _: str) -> str | None:
            return None if noted is None else json.dumps(noted)

    monkeypatch.setattr(metadata, "distribution", lambda _: Installed())
    commit.cache_clear()
    assert commit(tmp_path) == expected
    commit.cache_clear()


def test_the_machine_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert machine().endswith("no GPU") or " x " in machine()
    for number, model in enumerate(("H200", "H200", "T4")):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "information").write_text(f"Model: \t NVIDIA {model}\nIRQ: 3\n")
    monkeypatch.setattr(birthplace, "_GPUS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert machine().endswith(", 1 core, 2 x NVIDIA H200, 1 x NVIDIA T4")
