"""What a run has taken: minutes of the reference go on over resumes, whatever machine goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_training import fingerprint, train

from engine.checkpoint import Checkpoint
from engine.cli.game.evaluate import examine
from engine.config import Config
from engine.evaluator.reference_rate import STATED
from engine.learner.learner import Learner
from engine.registry import load_game
from engine.train.loop import Progress
from engine.train.spending import Spending, spending

GAME = load_game("connect4")


def write_metrics(run: Path, *lines: dict[str, float]) -> Path:
    run.mkdir()
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def test_counts_are_summed_and_times_are_those_of_the_iteration(tmp_path: Path) -> None:
    counts = {"selfplay/positions": 100, "search/evaluations_per_position": 20.5}
    run = write_metrics(
        tmp_path / "run",
        {"iteration": 1, "minutes": 1.0, "time/reference_minutes": 0.5, **counts},
        {"iteration": 2, "minutes": 2.5, "time/reference_minutes": 1.25, **counts},
    )
    assert spending(run) == {1: Spending(1.0, 0.5, 100, 2050), 2: Spending(2.5, 1.25, 200, 4100)}
    assert str(spending(run)[2]) == (
        "taken: 2.50 minutes, 1.25 reference minutes; 200 positions, 4,100 evaluations"
    )


def test_a_run_that_did_not_count_says_nothing_of_it(tmp_path: Path) -> None:
    (found,) = spending(write_metrics(tmp_path / "run", {"iteration": 1, "minutes": 3.0})).values()
    assert found == Spending(3.0, None, 0, 0)
    assert "reference" not in str(found)
    assert spending(tmp_path / "nosuch") == {}


def test_minutes_are_worth_what_the_machine_is_at_that_time() -> None:
    progress = Progress()
    progress.advance(60.0, 0.5)
    progress.advance(180.0, 2.0)
    assert (progress.seconds, progress.reference_minutes) == (180.0, 4.5)
    uncounted = Progress(reference_minutes=None)
    uncounted.advance(60.0, 0.5)
    assert (uncounted.seconds, uncounted.reference_minutes) == (60.0, None)


def test_a_resumed_run_goes_on_counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    monkeypatch.setenv(STATED, "33000")
    train(run, "--iterations", "1")
    monkeypatch.setenv(STATED, "66000")
    train(run, "--iterations", "3", "--resume")
    first, second, third = spending(run).values()
    assert first.reference_minutes == pytest.approx(first.minutes)
    for before, after in ((first, second), (second, third)):
        passed = (after.reference_minutes or 0) - (before.reference_minutes or 0)
        assert passed == pytest.approx(2 * (after.minutes - before.minutes))
    train(whole, "--iterations", "3")
    assert fingerprint(run, 3) == fingerprint(whole, 3)
    shown = examine(str(run), [0], 1, 0, 0, 1, 1)["spent"]
    assert [row["checkpoint"] for row in shown] == ["000001", "000002", "000003"]
    assert shown[-1]["reference_minutes"] == third.reference_minutes


def test_a_run_that_was_begun_without_does_not_count() -> None:
    learner = Learner(GAME, Config(), 0).state()
    begun = Checkpoint(4, Config(), learner, [], [], {"seconds": 240.0, "truth_seconds": 1.0})
    progress = Progress.of(begun)
    assert (progress.iteration, progress.seconds, progress.reference_minutes) == (4, 240.0, None)
    counted = Progress.of(Checkpoint(4, Config(), learner, [], [], {"reference_minutes": 1.5}))
    assert counted.reference_minutes == 1.5


def test_a_slip_in_the_stated_rate_leaves_no_run(refused: Callable[..., str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    said = refused("train", "connect4", "--run", str(run), "--iterations", "1", env={STATED: "quick"})
    assert f"{STATED} = 'quick'" in said
    assert not run.exists()
