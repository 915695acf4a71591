"""Methods that leave the first model behind keep what they learn, over a resume, too."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from small_text_run import command, metrics

from engine.cli.app import run as run_command
from engine.language.record.text_run import TextRun, newest_folder

TASKS = """
from random import Random
from engine.language.task import Demonstration, Prompt, Task, VerifyResult, split_of

class Ramble(Task):
    name, alphabet, max_tokens, inline = "ramble", "abcdef>", 12, True

    def prompts(self, split, count, seed):
        texts = [a + b + c for a in "abcdef" for b in "abcdef" for c in "abcdef"]
        return [Prompt(t, t + ">", t) for t in texts if split_of(t) == split][:count]

    def demonstrations(self, count, seed):
        return [Demonstration(p, self.written(p)) for p in self.prompts("train", count, 0)]

    def written(self, prompt):
        return "".join(Random(prompt.id).choices("abcdef", k=10))

    def verify(self, prompt, completion):
        return VerifyResult(float(len(completion) == 10), completion)

class Last(Ramble):
    name = "last"

    def written(self, prompt):
        return prompt.id[-1]

    def verify(self, prompt, completion):
        return VerifyResult(float(completion == self.written(prompt)), completion)
"""
SIZES: dict[str, Any] = {
    "guards__force": "false", "model__demonstrations": 200, "measure__validation": 40, "measure__test": 40,
    "measure__control": "false", "measure__holdout": 20, "monitor__prompts": 16, "monitor__samples": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two tasks, and a model that was built on the first of them."""
    folder = tmp_path_factory.mktemp("other")
    tasks = folder / "own.py"
    tasks.write_text(TASKS)
    assert run_command(trained("sft", f"{tasks}:Ramble", folder / "run", iterations=0)) == 0
    return tasks, newest_folder(folder / "run")


def trained(method: str, task: str, path: Path, *words: str, iterations: int = 1, **more: Any) -> list[str]:
    built = {} if "--model" in words else {"model__steps": 150}
    sizes = {**SIZES, **built, "update__steps": 150, "loop__iterations": iterations, **more}
    return command(method, path, "--json", *words, task=task, **sizes)


def test_what_sft_learns_from_the_model_of_another_task_is_kept(
    other: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks, model = other
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    words = ["--model", str(model)]
    assert run_command(trained("sft", f"{tasks}:Last", whole, *words, iterations=2)) == 0
    lines, said = metrics(whole), capsys.readouterr().err
    assert lines[0]["accuracy/greedy"] < 0.3
    assert lines[1]["accuracy/greedy"] > 0.9
    assert lines[1]["gate/difference"] > 0.6
    assert [line["accepted"] for line in lines] == [0, 1, 2], said
    assert newest_folder(whole).name == "000002"
    # The first one trained is where drift is measured from: its entropy and length are what was to be learnt.
    assert lines[1]["length/mean"] < 2 < lines[0]["length/mean"]
    assert lines[0]["drift/kl"] == lines[1]["drift/kl"] == lines[1]["drift/kl_real"] == 0
    assert 0 != lines[2]["drift/kl"] < 5
    assert run_command(trained("sft", f"{tasks}:Last", halves, *words)) == 0
    again = ["text", "sft", f"{tasks}:Last", "--run", str(halves), "--resume", "--iterations", "2", "--json"]
    assert run_command(again) == 0
    assert metrics(halves) == lines
    with TextRun.open(whole) as one, TextRun.open(halves) as two:
        first, second = one.latest(), two.latest()
    assert first is not None
    assert second is not None
    assert first.progress["monitor"] == second.progress["monitor"]
    assert first.progress["drift_base"] == second.progress["drift_base"] == 1


@pytest.mark.parametrize(
    "method", ["rft", *(pytest.param(name, marks=pytest.mark.slow) for name in ("star", "rest-em"))]
)
def test_what_is_learnt_from_a_foreign_model_is_kept_by_other_methods(
    method: str, other: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks, model = other
    run = tmp_path / "run"
    assert run_command(trained(method, f"{tasks}:Last", run, "--model", str(model))) == 0
    lines, said = metrics(run), capsys.readouterr().err
    assert [line["accepted"] for line in lines] == [0, 1], said
    assert lines[1]["accuracy/greedy"] > 0.9
    assert lines[1]["drift/kl"] > 5  # from the first model, which these methods set out from
    assert math.isfinite(lines[1]["drift/kl_real"])
