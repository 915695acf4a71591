"""Presets of tasks: over a method's settings, under the user's, named in the run and refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.language.method.registry import METHODS, build_text_config, method_of
from engine.language.problem.task_registry import load_task, task_names, task_preset
from engine.language.record.text_run import read_text_config

__all__ = ["own"]

PRESETS = 'presets = {"quick": {"update": {"steps": 3}, "sample": {"samples": 2}}}'


@pytest.mark.parametrize("name", task_names())
def test_every_preset_is_of_settings_that_go_together(name: str) -> None:
    task = load_task(name)
    assert task_preset(task, "default") == task.presets.get("default", {})
    for preset in task.presets:
        for method in METHODS:
            if not fits(method, name):
                continue
            config = build_text_config(method, name, task_preset(task, preset), {"preset": preset})
            method_of(config).check(config)
            assert config.model_dump() != build_text_config(method, name).model_dump()


def fits(method: str, task: str) -> bool:
    """Whether a method can work on a task as it stands: one may need what the task does not bring."""
    return method != "constitutional" or bool(load_task(task).constitution)


def test_a_preset_goes_under_the_users_settings(own: Callable[[str], str], tmp_path: Path) -> None:
    task, run = own(PRESETS), tmp_path / "run"
    words = trained(task, run, "--preset", "quick", loop__iterations=0)
    at = words.index("update.steps=2")
    assert run_command([*words[: at - 1], *words[at + 1 :]]) == 0
    config = read_text_config(run)
    assert (config.preset, config.update.steps, config.sample.samples) == ("quick", 3, 3)
    resumed = ["text", "rest-em", task, "--run", str(run), "--resume", "--json"]
    assert run_command(resumed) == 0
    assert run_command([*resumed, "--preset", "quick"]) == 0


def test_another_preset_does_not_resume_a_run(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, run = own(PRESETS), tmp_path / "run"
    assert run_command(trained(task, run, loop__iterations=0)) == 0
    assert read_text_config(run).preset == "default"
    capsys.readouterr()
    resumed = ["text", "rest-em", task, "--run", str(run), "--resume", "--preset", "quick"]
    assert "setting 'preset' = 'quick'" in mistake(resumed, capsys)


@pytest.mark.parametrize(
    ("lines", "words", "complaint"),
    [
        (PRESETS, ["--preset", "quik"], "task 'sums' has no preset 'quik'; did you mean 'quick'"),
        ("", ["--preset", "large"], "task 'sums' has no preset 'large'; its presets: default"),
        ("", ["--preset", "demo"], "task 'sums' has no preset 'demo', addition has; take that"),
        ("presets = 7", [], "its presets is 7; give settings by name, each a table"),
        ("presets = {'a': 7}", [], "its presets is {'a': 7}; give settings by name, each a table"),
        ("presets = {'a': {'update': {'stps': 1}}}", ["--preset", "a"], "stps"),
        (PRESETS, ["--preset", "quick", "--set", 'preset="default"'], "setting 'preset' = 'default', but"),
    ],
)
def test_what_is_no_preset_is_refused(
    own: Callable[[str], str],
    lines: str,
    words: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert complaint in mistake(trained(own(lines), tmp_path / "run", *words), capsys)
    assert not (tmp_path / "run").exists()


def test_a_preset_is_forecast(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = trained(own(PRESETS), tmp_path / "run", "--preset", "quick", "--dry-run")
    assert run_command(words) == 0
    rows = json.loads(capsys.readouterr().out)["forecast"]
    assert [row["steps"] for row in rows if row["stage"] == "learn"] == [2]
