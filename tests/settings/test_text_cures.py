"""What the settings against collapse do: noise on steps, prompts and weights, and more of what is rare."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from shown import TEXT, shows
from text_runs import TASK, TINY, Run, Seen, text_run
from useful import useful

from engine.cli.app import run as run_command
from engine.language.learner import training
from engine.language.learner.filter import Example
from engine.language.model.model_folder import load_model
from engine.run.metrics import read_metrics

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool((one == other).all())


def different(run: Seen) -> float:
    """Different completions a problem."""
    return len({(e.prompt.id, e.completion) for e in run.episodes}) / len(run.per_prompt())


@shows("noise.steps", "noise.temperature")
def test_steps_are_drawn_at_another_temperature(text_run: Run) -> None:
    """Of a greedy writer all samples of a problem are one; only its hot steps differ."""
    cold, some, all_hot, warm = (
        text_run(
            sample__temperature=0.0, sample__samples=12, noise__steps=share, noise__temperature=temperature
        )
        for share, temperature in ((0.0, 2.0), (0.3, 2.0), (1.0, 2.0), (1.0, 0.05))
    )
    assert different(cold) == 1 < different(some) < different(all_hot)
    assert different(warm) < different(all_hot)
    whole = text_run(sample__temperature=2.0, sample__samples=12)
    assert all_hot.texts == whole.texts, "where every step is hot the completion is"


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[list[Example]]:
    """The examples of each training that begins from now on, that of a first model among them."""
    seen: list[list[Example]] = []
    plain = training.learn

    def learn(model: Any, config: Any, examples: Any, *more: Any) -> Any:
        seen.append(list(examples))
        return plain(model, config, examples, *more)

    monkeypatch.setattr("engine.language.method.trainer.learn", learn)
    return seen


@shows("noise.prompts")
def test_prompts_are_learnt_with_other_characters(learnt: list[list[Example]], tmp_path: Path) -> None:
    for name, share in (("clean", 0.0), ("noisy", 0.5)):
        sets = {**TINY, "sample.prompts": 30, "noise.prompts": share}
        assert run_command(line(tmp_path / name, sets)) == 0
    clean, noisy = learnt
    assert [each.completion for each in clean] == [each.completion for each in noisy]
    own = len(clean) - 20
    assert [each.prompt for each in clean[own:]] == [each.prompt for each in noisy[own:]], "real data"
    changed = [(a.prompt, b.prompt) for a, b in zip(clean[:own], noisy[:own], strict=True)]
    assert sum(a != b for a, b in changed) > 0.5 * own
    assert all(len(a) == len(b) and set(b) <= set(a) for a, b in changed)


@shows("noise.weights")
def test_a_training_starts_beside_the_weights_it_would(text_run: Run) -> None:
    plain, beside, far = (text_run(noise__weights=scale, update__steps=1) for scale in (0.0, 0.1, 1.0))
    moved = [(run.weights(1) - run.weights(0)).norm() / run.weights(0).norm() for run in (plain, beside, far)]
    assert moved[0] < moved[1] < moved[2]
    assert moved[2] - moved[0] == pytest.approx(1, rel=0.3), "a deviation of the weights"
    assert same(plain.weights(0), far.weights(0)), "the first model stays"


SKEWED = f"""
import sys; sys.path.append({str(Path(TASK).parent)!r})
import letters

class Skewed(letters.Letters):
    def listed(self, split):
        return [p for p in super().listed(split) if p.stratum != "c" or p.id.endswith(("1", "2"))]

    def modes(self, prompt, completion):
        return [letter for letter in "abc" if letter in completion]
"""


@shows("sample.rare")
def test_problems_of_rare_strata_are_drawn_more_often(text_run: Run, tmp_path: Path) -> None:
    (tmp_path / "skewed.py").write_text(SKEWED)

    def share(rare: float) -> float:
        sizes = {"sample__prompts": 15, "sample__samples": 1, "loop__iterations": 6}
        run = text_run(task=f"{tmp_path}/skewed.py:Skewed", sample__rare=rare, **sizes)
        return Counter(episode.prompt.stratum for episode in run.episodes)["c"] / len(run.episodes)

    assert 1.5 * share(0.0) < share(1.0)
    words = ["text", "rest-em", "grammar:words=100", "--run", str(tmp_path / "run"), "--set"]
    assert run_command([*words, "sample.rare=1.0"]) == 2, "its problems are of one stratum"


@shows("mix.rare")
def test_texts_of_rare_kinds_count_more(learnt: list[list[Example]], tmp_path: Path) -> None:
    (tmp_path / "skewed.py").write_text(SKEWED)
    for name, power in (("alike", 0.0), ("rarer", 1.0)):
        words = line(tmp_path / name, {**TINY, "mix.rare": power, "mix.real": True})
        words[2] = f"{tmp_path}/skewed.py:Skewed"
        assert run_command(words) == 0
    alike, rarer = learnt
    assert {each.weight for each in alike} == {1.0}
    by_kind: dict[str, list[float]] = {}
    for each in rarer:
        by_kind.setdefault(each.prompt[0], []).append(each.weight)
    assert min(by_kind["c"]) > max(by_kind["a"])
    assert sum(each.weight for each in rarer) == pytest.approx(len(rarer))


ALL = {
    "noise.steps": 0.5, "noise.prompts": 0.3, "noise.weights": 0.1, "sample.rare": 0.5, "mix.rare": 0.5,
    "loop.iterations": 2,
}  # fmt: skip


def line(path: Path, sets: dict[str, Any], *words: str) -> list[str]:
    told = useful("rest-em", TASK, words, {key: str(value_of(value)) for key, value in sets.items()}, {})
    given = [word for key, value in told.items() for word in ("--set", f"{key}={value}")]
    return ["text", "rest-em", TASK, "--run", str(path), *words, *given]


def value_of(value: Any) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else value
    )


def test_a_noisy_run_that_is_gone_on_with_is_the_one_that_went_through(tmp_path: Path) -> None:
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    assert run_command(line(whole, TINY | ALL)) == 0
    assert run_command(line(halted, TINY | ALL | {"loop.iterations": 1})) == 0
    words = ["text", "rest-em", TASK, "--run", str(halted), "--resume", "--iterations", "2"]
    assert run_command(words) == 0
    digests = [load_model(run / "checkpoints" / "000002").digest() for run in (whole, halted)]
    assert digests[0] == digests[1]
    losses = [[row.get("loss/nll") for row in read_metrics(run / "metrics.jsonl")] for run in (whole, halted)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("method", "setting", "told"),
    [
        ("rest-em", "noise.steps=0.1", "set sample.distinct to false"),
        ("sft", "noise.steps=0.1", "sample.samples to 1 or more"),
        ("alphazero", "noise.steps=0.1", "noise.steps = 0.1 has no effect on how alphazero works"),
        ("alphazero", "noise.prompts=0.1", "noise.prompts = 0.1 has no effect on how alphazero works"),
        ("prm", "mix.rare=0.5", "mix.rare = 0.5 has no effect on how prm works"),
        ("spin", "sample.rare=0.5", "sample.rare = 0.5 has no effect on how spin works"),
        ("sft", "sample.rare=0.5", "sample.rare = 0.5 has no effect on how sft works"),
        ("grpo", "guards.length_penalty=0.2", "guards.length_penalty = 0.2 has no effect on how grpo works"),
        ("rest-em", 'guards.gate_on="judge"', "guards.gate_on = 'judge' has no effect without a judge"),
        ("dpo", 'guards.ensemble="least"', "guards.ensemble = 'least' has no effect on how dpo works"),
        ("rest-em", "mix.rare=0.5", "names neither strata nor modes"),
        ("rest-em", "noise.steps=1.5", "noise.steps"),
        ("rest-em", "noise.temperature=0", "noise.temperature"),
        ("rest-em", "noise.weights=nan", "noise.weights"),
    ],
)
def test_what_would_have_no_effect_is_refused(
    method: str, setting: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plain.py"
    file.write_text(
        SKEWED + "\nclass Plain(letters.Letters):\n    def listed(self, split):\n"
        "        return [p.__class__(p.id, p.text, p.key) for p in super().listed(split)]\n"
    )
    for words in ([], ["--dry-run"]):
        run = ["text", method, f"{file}:Plain", "--run", str(tmp_path / "run"), "--set", setting]
        assert run_command([*run, *words]) == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert told in last
        assert last.startswith("selfplay: error: ")
    assert not (tmp_path / "run" / "config.toml").exists()
