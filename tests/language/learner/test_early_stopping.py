"""Early stopping and averaged weights in the loop: what is held out, taken, recorded and told."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from small_text_run import command

from engine.cli.app import run as run_command
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.held_out import ending
from engine.language.learner.text_learner import TextLearner
from engine.language.model.model_folder import load_model
from engine.language.record.text_run import TextRun
from engine.run.metrics import read_metrics

SETTINGS = {
    "learner__patience": 1,
    "learner__look_every": 4,
    "learner__learning_rate": 0.05,
    "update__steps": 40,
    "update__start": '"last"',
    "loop__iterations": 2,
}
"""A rate at which held-out texts soon grow less likely."""


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """All that the console says, on one line."""
    return " ".join(" ".join(capsys.readouterr()).split())


class Trainings:
    """Keys of what each training sees and of what is held out of it, and the weights it ends with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: set[str] = set()
        self.held_out: set[str] = set()
        self.digests: list[str] = []
        fit = TextLearner.fit

        def watched(learner: TextLearner, examples: Sequence[Any], objective: Any, **words: Any) -> Any:
            self.seen |= {each.key for each in examples}
            self.held_out |= {each.key for each in words["held_out"]}
            numbers = fit(learner, examples, objective, **words)
            self.digests.append(learner.model.digest())
            return numbers

        monkeypatch.setattr(TextLearner, "fit", watched)


@pytest.mark.parametrize(
    "method",
    ["rest", pytest.param("alphazero", marks=pytest.mark.slow), pytest.param("prm", marks=pytest.mark.slow)],
)
def test_a_training_of_the_loop_stops_early_and_says_so(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trainings = Trainings(monkeypatch)
    assert run_command(command(method, tmp_path / "run", **SETTINGS)) == 0
    said = told(capsys)
    endings = re.findall(r"(\d+) of 40 steps taken; the weights are those of step (\d+)", said)
    assert endings
    assert any(int(taken) < 40 for taken, _ in endings)
    assert all(int(best) <= int(taken) for taken, best in endings)
    assert trainings.held_out
    assert not trainings.held_out & trainings.seen, "what is held out is in no training of the run"
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")[1:]
    assert {line["loss/steps"] for line in lines} <= {int(taken) for taken, _ in endings}
    with TextRun.open(tmp_path / "run") as run:
        newest = run.latest()
        assert newest is not None
        assert newest.progress["steps"] == sum(line["loss/steps"] for line in lines) or method == "rest"
        assert newest.progress["steps"] < 40 * 2 * (3 if method == "rest" else 1)
        assert {run.model(number).digest() for number in (1, 2)} <= set(trainings.digests)


def test_few_problems_leave_none_to_hold_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = {"model__demonstrations": 1, "sample__samples": 0, "loop__iterations": 1, "model__steps": 4}
    assert run_command(command("sft", tmp_path / "run", learner__patience=1, **words)) == 0
    assert "no problem is held out of so few: all 10 steps" in told(capsys)
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[1]["loss/steps"] == 10


def test_a_loss_that_is_never_finite_claims_no_best_step() -> None:
    values = {"loss/steps": 8.0, "loss/best_step": 0.0, "loss/held_out": math.inf}
    said = ending(TextLearnerConfig(patience=2), values, 40)
    assert said.startswith("8 of 40 steps taken; the loss on held-out texts was never finite")
    assert "the weights are those of" not in said


def test_averaged_weights_are_saved_gated_and_written_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = Trainings(monkeypatch)
    weights = {}
    for decay in (0.0, 0.9):
        run = tmp_path / str(decay)
        settings = {"learner__ema_decay": decay, "learner__learning_rate": 0.01, "update__start": '"last"'}
        assert run_command(command("rest-em", run, "--json", **settings)) == 0
        models = [load_model(run / "checkpoints" / f"00000{number}") for number in range(3)]
        assert {model.digest() for model in models} <= set(trainings.digests)
        weights[decay] = dict(models[0].parameters())
        with TextRun.open(run) as opened:
            opened.latest()
            policies = {episode.model for episode in opened.episodes()}
        assert policies == {model.digest() for model in models[:2]}
    assert any(not torch.equal(each, weights[0.9][name]) for name, each in weights[0.0].items())
