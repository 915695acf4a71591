"""What the settings of a reward model's training do."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shown import TEXT, shows
from text_runs import Run, Seen, text_run

from engine.cli.app import run as run_command
from engine.language.learner.objective.reward import BradleyTerry, Comparison
from engine.language.model.scoring import member_rewards, rewards

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)

LEARNS = {"sample__samples": 12, "reward__per_prompt": 60, "update__steps": 80}
MANY = {"sample__prompts": 40, "sample__samples": 6, "reward__held_out": 0.3}


def heads(run: Seen) -> bytes:
    return (run.path / "checkpoints" / "000001" / "value_head.safetensors").read_bytes()


@shows("reward.path")
def test_a_file_takes_the_place_of_samples(text_run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    rows = [
        {"prompt": f"{letter}{n}=", "chosen": "a;", "rejected": "b;"} for n in range(9) for letter in "abc"
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = text_run("reward", reward__path=str(file), update__steps=20)
    assert run.episodes == []
    assert run.last("reward/comparisons") + run.last("reward/held_out") <= len(rows)
    model = run.model(1)
    assert rewards(model, ["c3="], ["a;"]) > rewards(model, ["c3="], ["b;"])
    sampled = text_run("reward")
    assert sampled.episodes
    assert heads(run) != heads(sampled)


@shows("reward.comparisons", "reward.per_prompt")
def test_so_many_comparisons_are_made(text_run: Run) -> None:
    def total(**more: int) -> float:
        run = text_run("reward", **(MANY | more))
        return run.last("reward/comparisons") + run.last("reward/held_out")

    assert total(reward__per_prompt=1) < total(reward__per_prompt=3) < total()
    assert total(reward__comparisons=30) == 30


@shows("reward.held_out")
def test_so_many_problems_are_held_out(text_run: Run) -> None:
    none, some = (text_run("reward", **(MANY | {"reward__held_out": share})) for share in (0.0, 0.5))
    assert "reward/accuracy" not in none.metrics[-1]
    assert some.last("reward/held_out") > 0.2 * none.last("reward/comparisons")
    assert some.last("reward/comparisons") + some.last("reward/held_out") == none.last("reward/comparisons")
    assert 0 <= some.last("reward/accuracy") <= 1
    assert "held-out comparisons, calibration error" in some.said


def taught(monkeypatch: pytest.MonkeyPatch, text_run: Run, **settings: Any) -> tuple[float, list[Comparison]]:
    """The weight of the centre, and what a run's reward model is taught."""
    seen: list[Comparison] = []
    weights: list[float] = []
    call = BradleyTerry.__call__

    def listen(self: BradleyTerry, model: Any, examples: Any) -> Any:
        seen.extend(examples)
        weights.append(self.centre)
        return call(self, model, examples)

    with monkeypatch.context() as patch:
        patch.setattr(BradleyTerry, "__call__", listen)
        text_run("reward", **(MANY | settings))
    return weights[0], seen


@shows("reward.temperature", "reward.centre")
def test_labels_are_soft_by_temperature_and_rewards_are_centred(
    text_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight, hard = taught(monkeypatch, text_run, reward__centre=0.5, update__steps=3)
    assert weight == 0.5
    assert {each.share for each in hard} == {1.0}
    weight, soft = taught(monkeypatch, text_run, reward__temperature=0.5, reward__centre=0.0, update__steps=3)
    assert weight == 0
    halves = {round(1 / (1 + np.exp(-step / 0.5)), 6) for step in (0.5, 1.0)}
    assert {round(each.share, 6) for each in soft} == halves


@shows(
    "reward.members", "reward.combine=mean", "reward.combine=worst", "reward.combine=deviation",
    "reward.deviations",
)  # fmt: skip
def test_members_judge_together(text_run: Run) -> None:
    runs = {
        name: text_run(
            "reward", reward__members=3, **{f"reward__{key}": value for key, value in more.items()}
        )
        for name, more in {
            "mean": {"combine": "mean"},
            "worst": {"combine": "worst"},
            "one": {"combine": "deviation"},
            "two": {"combine": "deviation", "deviations": 2.0},
        }.items()
    }
    texts = ["a;b", "bb", "c", "abc"]
    prompts = ["a1="] * len(texts)
    each = member_rewards(runs["mean"].model(1), prompts, texts)
    assert each.shape == (3, 4)
    assert each.std(0).min() > 0
    expected = {
        "mean": each.mean(0), "worst": each.min(0), "one": each.mean(0) - each.std(0),
        "two": each.mean(0) - 2 * each.std(0),
    }  # fmt: skip
    for name, run in runs.items():
        assert rewards(run.model(1), prompts, texts) == pytest.approx(expected[name], abs=1e-6), name
        assert "reward/disagreement" in run.metrics[-1] or "reward/held_out" not in run.metrics[-1]
    assert text_run("reward").model(1).panel is None


def test_what_does_not_fit_is_refused(
    text_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del text_run
    words = ["text", "reward", "countdown", "--run", str(tmp_path / "run")]
    for more, said in (
        (["--set", "sample.samples=1"], "sample.samples = 1: comparisons need two samples"),
        (["--set", "filter.thresholds=[0.3, 0.6]"], "a reward model has one training"),
        (["--set", f'reward.path="{tmp_path}/none.jsonl"'], "No such file"),
        (["--set", "reward.members=0"], "reward.members"),
        (["--set", 'reward.combine="best"'], "reward.combine"),
        (["--set", "measure.control=true"], "a critic writes nothing"),
        (["--set", "reward.path=F", "--set", "reward.temperature=1"], "reward.temperature = 1 has no effect"),
        (["--set", "reward.path=F", "--set", "reward.per_prompt=2"], "reward.per_prompt = 2 has no effect"),
        (["--set", "reward.combine=worst"], "reward.combine = 'worst' has no effect on a reward model alone"),
        (
            ["--set", "reward.members=2", "--set", "reward.deviations=2"],
            "reward.deviations = 2 has no",
        ),
        (
            ["--set", "reward.path=F", "--set", "judge.by=self"],
            "judge.by = 'self' beside reward.path: comparisons are a judge's or a file's",
        ),
        (["--set", "reward.path=F", "--set", "judge.bias=0.5"], "judge.bias = 0.5 beside reward.path"),
        (["--set", "judge.samples=5"], "judge.samples = 5 has no effect"),
        (["--set", "judge.by=model"], "judge.by = 'model' needs judge.path"),
        (["--set", 'judge.program="cat"'], "judge.program has no effect with judge.by = 'verifier'"),
    ):
        assert run_command([*words, *more]) == 2
        error = capsys.readouterr().err
        assert said in error, error
        assert not (tmp_path / "run").exists()


LONGER = """
def longer(prompt, completion):
    return len(completion) / 40

def shy(prompt, completion):
    return None if ";" in completion else len(completion) / 40
"""


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("judges") / "judges.py"
    path.write_text(LONGER)
    return str(path)


def by(judges: str, name: str, **more: Any) -> dict[str, Any]:
    settings = {"judge__by": "program", "judge__program": f"{judges}:{name}", "judge__samples": 1}
    return MANY | settings | LEARNS | more


def test_a_judge_that_prefers_longer_texts_makes_a_reward_model_that_values_them(
    text_run: Run, judges: str
) -> None:
    run, verified = text_run("reward", **by(judges, "longer")), text_run("reward", **(MANY | LEARNS))
    assert {each.result.kind for each in run.episodes} == {"learned"}
    assert {each.result.kind for each in verified.episodes} == {"exact"}
    assert run.texts == verified.texts, "the first model writes whoever judges"
    for each in run.episodes:
        assert each.result.score == len(each.completion) / 40
    assert run.last("reward/length") > 0.5
    assert run.last("reward/accuracy") > 0.7
    assert run.last("judge/missing") == 0
    model, prompts = run.model(1), ["a1=", "c3="]
    short, long = rewards(model, prompts, ["b", "b"]), rewards(model, prompts, ["b;b;b;b", "b;b;b;b"])
    assert long.min() > short.max()


@pytest.fixture
def compared(text_run: Run, judges: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A run by the judge of that name, and the (better, worse) that it learns or holds out."""
    from engine.language.method.reward import trainer

    def run(name: str, **more: Any) -> tuple[Seen, list[tuple[str, str]]]:
        seen: list[tuple[str, str]] = []
        made = trainer.that_fit

        def listen(model: Any, pairs: Any) -> Any:
            seen.extend((pair.chosen, pair.rejected) for pair in pairs)
            return made(model, pairs)

        with monkeypatch.context() as patch:
            patch.setattr(trainer, "that_fit", listen)
            return text_run("reward", **by(judges, name, update__steps=3, **more)), seen

    return run


def test_what_a_judge_does_not_answer_is_compared_with_nothing(compared: Callable[..., Any]) -> None:
    run, seen = compared("shy")
    unanswered = [each for each in run.episodes if ";" in each.completion]
    assert 0 < len(unanswered) < len(run.episodes)
    assert all(each.result.is_missing for each in unanswered)
    assert len(seen) > 20
    assert not [text for pair in seen for text in pair if ";" in text]
    assert run.last("judge/missing") > 0
    asked = {(each.prompt.id, each.completion) for each in run.episodes}
    missing = sum(";" in completion for _, completion in asked)
    told = f"the judge gave no score to {missing} of {len(asked)} completions: {missing} an answer without a"
    assert told in run.said


@shows("judge.length_control")
def test_what_length_explains_is_taken_out_of_the_scores_that_are_compared(
    compared: Callable[..., Any],
) -> None:
    longer, freed = (
        [len(better) > len(worse) for better, worse in compared("longer", **more)[1]]
        for more in ({}, {"judge__length_control": True})
    )
    assert all(longer)
    assert np.mean(freed) < 0.9


@shows("judge.by=self", "judge.by=model", "judge.by=verifier", "judge.path", "judge.ask=comparison")
def test_the_first_model_judges_itself_or_under_its_name(text_run: Run) -> None:
    taught = text_run("self-rewarding", teach__steps=60, teach__labels=40, model__steps=30)
    path = str(taught.path / "checkpoints" / "000000")
    asked = {**MANY, "model__path": path, "judge__ask": "comparison", "loop__iterations": 2}
    own = text_run("reward", judge__by="self", **asked)
    assert {each.result.kind for each in own.episodes} == {"self"}
    assert "judge/agreement" in own.metrics[-1]
    other = text_run("reward", judge__by="model", judge__path=path, **asked)
    assert {each.result.kind for each in other.episodes} == {"learned"}
    assert own.texts == other.texts
    told, again = ([each.result.score for each in run.episodes] for run in (own, other))
    assert told == pytest.approx(again, abs=1e-5), "in both iterations it is the first model that judges"
    assert len(set(told)) > 1
