"""Runs on text that others have damaged: refused or told by name, and nothing of them is deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from trained_run import TASK, mistake, trained

from engine.cli.app import run as run_command
from engine.language.record.text_run import read_text_config
from engine.run.layout import COPY


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one iteration; copy it before changing it."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "own.py").write_text(TASK)
    assert run_command(trained(f"{folder}/own.py:Sums", folder / "run")) == 0
    return folder / "run"


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def content(path: Path) -> dict[str, bytes]:
    files = (file for file in path.rglob("*") if file.is_file() and file.name != "LOCK")
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def resume(finished: Path, copy: Path) -> list[str]:
    return trained(read_text_config(finished).task, copy, "--resume")


@pytest.mark.parametrize("gone", [["manifest/*"], ["manifest"], ["manifest", "replay"]])
def test_a_run_without_manifests_is_refused_and_left_as_it_is(
    gone: list[str], finished: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for pattern in gone:
        for path in list(copy.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = content(copy)
    line = mistake(resume(finished, copy), capsys)
    assert "has files of iterations 0 to 1 but nothing in" in line
    assert "copy the whole run here again" in line
    assert content(copy) == before


def test_a_missing_newest_manifest_is_told(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "manifest" / "000001.json").unlink()
    model = (copy / "checkpoints" / "000001" / "model.safetensors").read_bytes()
    capsys.readouterr()
    assert run_command(["text", "report", str(copy)]) == 0
    assert "no manifest in" in capsys.readouterr().err
    assert (copy / "quarantine" / "checkpoints" / "000001" / "model.safetensors").read_bytes() == model


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("steps = 2", "steps = 3", "says update.steps = 3, the run was begun with 2"),
        ("[sample]", "", "put it back with cp"),
        (None, "", 'lacks task, the run was begun with "'),
    ],
)
def test_settings_that_are_not_the_runs_are_named(
    old: str | None, new: str, told: str, finished: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copy / "config.toml"
    text = path.read_text()
    path.write_text(new if old is None else text.replace(old, new))
    before = content(copy)
    for words in (resume(finished, copy), ["text", "report", str(copy)], ["text", "eval", str(copy)]):
        line = mistake(words, capsys)
        assert told in line
        assert f"put it back with cp {copy / COPY} {path}" in line
    assert content(copy) == before
    shutil.copy(copy / COPY, path)
    assert run_command(resume(finished, copy)) == 0


def test_settings_that_are_gone_can_be_put_back(
    finished: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "config.toml").unlink()
    assert "has lost its config.toml; put it back with cp" in mistake(resume(finished, copy), capsys)
    shutil.copy(copy / COPY, copy / "config.toml")
    assert run_command(resume(finished, copy)) == 0
