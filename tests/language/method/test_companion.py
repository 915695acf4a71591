"""Models that a method trains beside the student, and judges: committed, resumed and rolled back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_text_run import metrics
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.language.method.companion import Companions
from engine.language.method.registry import METHODS, Entry
from engine.language.model.model_folder import load_model
from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.metric.observation import Observation
from engine.language.monitor.monitor import Monitor
from engine.language.record.text_run import TextRun
from engine.run.layout import checkpoint_folder

__all__ = ["own"]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each in the registry."""
    for name in ("read", "halved", "several", "unbound"):
        monkeypatch.setitem(METHODS, name, Entry(f"judged_methods:{name.upper()}", "Read."))


def words(method: str, task: str, run: Path, *more: str, **settings: Any) -> list[str]:
    return trained(task, run, *more, method=method, **settings)


def resume(method: str, task: str, run: Path, iterations: int) -> list[str]:
    return ["text", method, task, "--run", str(run), "--resume", "--iterations", str(iterations), "--json"]


def files(run: Path) -> dict[str, bytes]:
    """What is learnt of a run."""
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*.safetensors")}


def carried(run: Path) -> list[dict[str, Any]]:
    with TextRun.open(run) as opened:
        newest = opened.latest()
        assert newest is not None
        return [opened.progress(number) for number in range(newest.iteration + 1)]


def test_companions_are_committed_with_the_model_and_resumed(
    own: Callable[[str], str], tmp_path: Path
) -> None:
    task, whole, broken = own(""), tmp_path / "whole", tmp_path / "broken"
    assert run_command(words("read", task, whole, loop__iterations=2)) == 0
    assert run_command(words("read", task, broken)) == 0
    assert run_command(resume("read", task, broken, 2)) == 0
    assert files(whole) == files(broken)
    assert metrics(whole) == metrics(broken)
    readers = [load_model(checkpoint_folder(whole, number) / "reader").digest() for number in range(3)]
    assert len(set(readers)) == 3
    with TextRun.open(whole) as opened:
        opened.latest()
        assert [opened.companion("reader", number).digest() for number in range(3)] == readers
        assert "reader/model.safetensors" in opened.manifest.checkpoints[2]  # type: ignore[union-attr]
    assert [state["companions"] for state in carried(whole)] == [{"reader": number} for number in range(3)]
    assert [state["memory"]["turns"] for state in carried(whole)] == [0, 1, 2]


def test_companions_come_back_with_the_model_they_belong_to(
    own: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = {
        2: Alert(2, "a/b", Level.ALERT, 0, 0, (0, 0), "worse", ("reject",)),
        4: Alert(4, "a/b", Level.ALERT, 0, 0, (0, 0), "worse", ("roll-back",)),
    }

    def updated(monitor: Monitor, observation: Observation) -> list[Alert]:
        update(monitor, observation)
        return [alarms[observation.iteration]] if observation.iteration in alarms else []

    update = Monitor.update
    monkeypatch.setattr(Monitor, "update", updated)
    task, run = own(""), tmp_path / "run"
    assert run_command(words("read", task, run, loop__iterations=5, guards__force="false")) == 0
    states = carried(run)
    assert [state["accepted"] for state in states] == [0, 1, 1, 3, 1, 5]
    assert [state["companions"]["reader"] for state in states] == [0, 1, 1, 3, 1, 5]
    assert [state["memory"]["turns"] for state in states] == [0, 1, 1, 2, 1, 2]


def test_a_companion_that_has_not_changed_is_written_once(own: Callable[[str], str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_command(words("read", own(""), run, learner__learning_rate=1e-30)) == 0
    assert not (checkpoint_folder(run, 1) / "reader").exists()
    assert carried(run)[1]["companions"] == {"reader": 0}


def test_a_companion_is_damaged(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, run = own(""), tmp_path / "run"
    assert run_command(words("read", task, run)) == 0
    path = checkpoint_folder(run, 1) / "reader" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    capsys.readouterr()
    assert run_command(resume("read", task, run, 1)) == 0
    assert "going back to iteration 0" in capsys.readouterr().err
    assert (run / "quarantine" / "checkpoints" / "000001" / "reader" / "model.safetensors").exists()


@pytest.mark.parametrize("name", ["", "Reader", "../up", "a/b", "state.json", "a" * 50])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(AssertionError):
        Companions({}, lambda *_: pytest.fail("read")).get(name, lambda: pytest.fail("made"))


def test_a_judge_scores_and_the_verifier_is_the_gold(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert run_command(words("read", own(""), run, guards__audit=0.5)) == 0
    (table, *_) = json.loads(capsys.readouterr().out)["result"]
    assert 0 <= table["short answers"] <= 1
    lines = metrics(run)
    for line in lines:
        assert line["hacking/gap"] == pytest.approx(line["hacking/proxy"] - line["hacking/gold"])
        assert line["judge/agreement"] == 1, "asked again it reads alike"
        assert "read/short answers" in line
    with TextRun.open(run) as opened:
        opened.latest()
        episodes = opened.episodes()
    assert {each.result.kind for each in episodes} == {"learned"}
    audited = [each for each in episodes if each.result.reason.startswith("in truth")]
    assert 0.2 < len(audited) / len(episodes) < 0.8
    truths = [float(each.result.reason.removeprefix("in truth ")) for each in audited]
    gap = np.mean([each.result.score for each in audited]) - np.mean(truths)
    assert lines[1]["hacking/audit_gap"] == pytest.approx(gap)
    assert lines[1]["hacking/audit_gap_kept"] <= 1
    page = (run / "report.html").read_text()
    assert "<h2>Read" in page
    assert "short answers" in page


def test_what_a_judge_does_not_answer_is_missing_not_nothing(
    own: Callable[[str], str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert run_command(words("halved", own(""), run)) == 0
    with TextRun.open(run) as opened:
        opened.latest()
        episodes = opened.episodes()
    silent = [each for each in episodes if each.completion[:1] in {"0", "2", "4", "6", "8"}]
    assert silent
    assert all(each.result.is_missing and not each.kept for each in silent)
    assert not any(each.result.is_missing for each in episodes if each not in silent)
    for line in metrics(run):
        assert 0 < line["judge/missing"] < 1
        assert line["hacking/proxy"] > 0
    page = (run / "report.html").read_text()
    assert "judge/missing" in page


def test_how_far_several_judges_differ_is_watched(own: Callable[[str], str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_command(words("several", own(""), run)) == 0
    for line in metrics(run):
        assert 0 < line["judge/spread"] < 0.5
        assert 0 < line["judge/missing"] < 1


def test_a_training_that_goes_too_far_is_stopped_and_told(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, run = own(""), tmp_path / "run"
    settings = {"loop__iterations": 4, "guards__force": "false"}
    assert run_command(words("unbound", task, run, **settings)) == 0
    said = capsys.readouterr().err
    assert "iteration 2: nan nats a token from its reference, training ends" in said
    assert "KL has exploded" in said
    states = carried(run)
    assert len(states) == 3, "no iteration follows"
    assert states[2]["accepted"] == states[1]["accepted"]
    assert "KL has exploded" in states[2]["stopped"]
    assert states[2]["request"], "a person is asked"


def test_a_policy_that_runs_away_is_stopped_in_its_rounds(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, run = own("def verify(self, p, c): return VerifyResult(min(1.0, len(c) / 4), c)"), tmp_path / "run"
    bound = {"monitor__thresholds__kl_explosion": 0.05, "guards__force": "false", "update__steps": 8}
    line = words("grpo", task, run, **bound, policy__beta=0.01, policy__learning_rate=0.03)
    assert run_command(line) == 0
    said = capsys.readouterr().err
    assert "nats a token from its reference, training ends" in said
    state = carried(run)[1]
    assert state["accepted"] == 0
    assert "KL has exploded" in state["stopped"]
    assert state["patch"]["policy.beta"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("bound", "level", "stops"), [("kl_budget", "alert", False), ("kl_explosion", "stop", True)]
)
def test_a_model_past_a_bound_on_kl_is_refused(
    bound: str, level: str, stops: bool, own: Callable[[str], str], tmp_path: Path
) -> None:
    task, run = own(""), tmp_path / "run"
    settings = {"learner__learning_rate": 0.03, "update__steps": 60, "guards__force": "false"}
    bounds = {f"monitor__thresholds__{bound}": 0.02, "monitor__thresholds__accuracy": "{warn=1, alert=1}"}
    line = words("unbound", task, run, **settings, **bounds, loop__iterations=1, monitor__samples=8)
    assert run_command(line) == 0
    state = carried(run)[1]
    assert state["accepted"] == 0
    assert bool(state["stopped"]) == stops
    assert metrics(run)[1][f"alarm/{level}"] >= 1
    assert any("drift/kl_" in text for text in state["guards"][0]["acted"])


def test_who_repeats_what_a_judge_asks_is_told(own: Callable[[str], str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    task = own('max_tokens = 32\ndef right(self, prompt): return "1" * 30')
    assert run_command(words("halved", task, run, model__steps=40, learner__learning_rate=0.01)) == 0
    assert metrics(run)[0]["hacking/exploit.echo"] > 0.2


def test_verdicts_and_files_are_forecast(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, run = own(""), tmp_path / "run"
    assert run_command(words("halved", task, run, "--dry-run")) == 0
    found = json.loads(capsys.readouterr().out)
    tokens = {row["stage"]: row["tokens"] for row in found["forecast"]}
    assert tokens["judge"] > 3 * (tokens["generate"] + tokens["watch"]) - 5
    (line,) = [each for each in found["assumptions"] if "of disk" in each]
    assert run_command(words("halved", task, run)) == 0
    size = sum(path.stat().st_size for path in (run / "checkpoints").rglob("*.safetensors")) / 1e6
    told = float(line.rpartition("those of the run ")[2].partition(" MB")[0])
    assert told == pytest.approx(size, rel=0.1)


def test_a_judge_without_real_data_is_refused(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words("halved", own(""), tmp_path / "run", mix__real="false")
    assert "a self verifier with no real data" in mistake(line, capsys)


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_judge_of_a_game_of_two_is_refused(
    more: list[str], own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = words("read", own("num_players = 2"), tmp_path / "other", *more)
    assert "a game of two" in mistake(line, capsys)
