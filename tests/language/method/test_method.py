"""Methods: each is whole, and one that is added by its line alone is found by whatever lists methods."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_text_run import metrics
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.cli.text import run as text_run
from engine.language.method.registry import METHODS, Entry, build_text_config, load_method, method_of
from engine.language.model.model_folder import load_model
from engine.language.record.text_run import TextRun, read_text_config
from engine.run.layout import checkpoint_folder

__all__ = ["own"]

NEW = {
    "improved": Entry("own_methods:IMPROVED", "Several trainings of one sampling."),
    "duel": Entry("own_methods:DUEL", "Real data against what it writes itself."),
    "taught": Entry("own_methods:TAUGHT", "What a teacher writes."),
    "groups": Entry("own_methods:GROUPS", "Groups of samples and their advantages."),
}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each in the registry, and nothing else."""
    for name, entry in NEW.items():
        monkeypatch.setitem(METHODS, name, entry)


def words(method: str, task: str, run: Path, *more: str, **settings: Any) -> list[str]:
    return trained(task, run, *more, method=method, **settings)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_whole(name: str) -> None:
    method = load_method(name)
    config = build_text_config(name, "countdown")
    assert method.papers == () or all(paper[4] == "." for paper in method.papers)
    assert METHODS[name].summary.endswith(".")
    assert "\n" not in METHODS[name].summary
    assert method.changes, "else it is another by a second name"
    assert method_of(config) is method
    method.check(config)


def test_no_two_methods_are_one() -> None:
    contents = [build_text_config(name, "countdown").model_dump_json(exclude={"method"}) for name in METHODS]
    assert len(set(contents)) == len(METHODS)


@pytest.mark.usefixtures("registered")
def test_the_command_line_finds_a_method_by_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["text", "--help"]) == 0
    assert NEW["duel"].summary in " ".join(capsys.readouterr().out.split())
    assert run_command(["text", "duel", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "2401.01335" in shown
    assert "--dry-run" in shown
    assert run_command(["settings", "text", "--method", "duel", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = {row["key"]: row for row in document["settings"]}
    assert (rows["duel.beta"]["default"], rows["duel.beta"]["is_changed"]) == (0.1, False)
    assert rows["update.start"]["is_changed"]
    assert "duel.beta" not in {row for row in rows if row.startswith("value.")}
    assert run_command(["settings", "text", "--method", "due"]) == 2
    assert "did you mean 'duel'" in capsys.readouterr().err


def test_without_its_line_there_is_no_such_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["text", "duel", "countdown"]) == 2
    assert "duel" in capsys.readouterr().err


@pytest.mark.usefixtures("registered")
def test_settings_of_one_method_are_none_of_another(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words("improved", own(""), tmp_path / "run", duel__beta=0.5)
    assert "unknown setting 'duel" in mistake(line, capsys)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("method", ["improved", "duel", "groups"])
def test_a_new_method_is_forecast_run_resumed_and_shown(
    method: str,
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task, whole, broken = own(""), tmp_path / "whole", tmp_path / "broken"
    assert run_command(words(method, task, whole, "--dry-run")) == 0
    rows = json.loads(capsys.readouterr().out)["forecast"]
    steps = {"improved": 3 * 2, "duel": 2, "groups": 3 * 2}[method]
    assert [row["steps"] for row in rows if row["stage"] == "learn"] == [steps]
    assert run_command(words(method, task, whole, loop__iterations=2)) == 0
    assert json.loads(capsys.readouterr().out)["result"][0]["model"] == "first"
    assert run_command(words(method, task, broken)) == 0
    assert run_command(["text", method, task, "--run", str(broken), "--resume", "--iterations", "2"]) == 0
    assert metrics(whole) == metrics(broken)
    weights = [checkpoint_folder(run, 2) / "model.safetensors" for run in (whole, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert weights[0].read_bytes() != (checkpoint_folder(whole, 1) / "model.safetensors").read_bytes()
    assert f"method {method}" in (whole / "report.html").read_text()


@pytest.mark.usefixtures("registered")
def test_a_method_writes_what_its_sampler_writes_and_keeps_its_settings(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert run_command(words("duel", own(""), run, duel__beta=0.5)) == 0
    config = read_text_config(run)
    assert config.model_dump()["duel"] == {"beta": 0.5}
    with TextRun.open(run) as opened:
        opened.latest()
        episodes = opened.episodes()
    assert 0 < len(episodes) <= 30, "one to each demonstration that is learnt from"
    (line,) = [each for each in metrics(run) if each["iteration"] == 1]
    assert {"loss/preference", "preference/margin", "gate/p_worse"} <= line.keys()
    capsys.readouterr()
    again = ["text", "duel", config.task, "--run", str(run), "--resume", "--set", "duel.beta=0.7"]
    assert "duel.beta' = 0.7" in mistake(again, capsys)


@pytest.mark.usefixtures("registered")
def test_a_round_is_written_by_what_the_one_before_has_learnt(
    own: Callable[[str], str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    line = words("groups", own(""), run, sample__prompts=9, learner__learning_rate=0.02, guards__force="true")
    assert run_command(line) == 0
    with TextRun.open(run) as opened:
        opened.latest()
        episodes = opened.episodes()
    assert len(episodes) == 9 * 3
    assert len({each.model for each in episodes}) >= 2
    assert len({each.seed for each in episodes}) == len(episodes)


@pytest.mark.usefixtures("registered")
def test_a_teacher_is_named_by_its_run_and_kept_by_its_folder(
    own: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task, taught = own(""), tmp_path / "taught"
    assert run_command(trained(task, tmp_path / "teacher", loop__iterations=0)) == 0
    capsys.readouterr()
    assert "teacher.path is empty" in mistake(words("taught", task, taught), capsys)
    monkeypatch.chdir(tmp_path)
    line = words("taught", task, taught, teacher__path="teacher", seed=2)
    assert "learned verifier with no real data" in mistake([*line, "--set", "mix.real=false"], capsys)
    assert run_command(line) == 0
    folder = checkpoint_folder(tmp_path / "teacher", 0)
    assert read_text_config(taught).model_dump()["teacher"] == {"path": str(folder)}
    with TextRun.open(taught) as run:
        run.latest()
        assert {each.model for each in run.episodes()} == {load_model(folder).digest()}
        assert run.model(0).digest() != load_model(folder).digest()
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(text_run, "_newest_of", lambda _: ("base", "adapter"))
        other = words("taught", task, tmp_path / "other", teacher__path="teacher")
        assert "'teacher.path' = 'teacher': that run trains an adapter" in mistake(other, capsys)
        both = trained(task, tmp_path / "other", model__path="teacher", model__adapter="mine")
        assert "'model.adapter' = 'mine': 'teacher' has an adapter of its own" in mistake(both, capsys)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run_command(["text", "taught", task, "--run", str(taught), "--resume", "--iterations", "2"]) == 0
