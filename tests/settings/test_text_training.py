"""What the settings of the loop on text do to the weights that come out: update, value and learner."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from shown import TEXT, shows
from text_runs import TASK, Run, Seen, text_run
from tiny_models import tiny_llama

from engine.cli.app import run as run_command
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.objective.text import Supervised, Text, texts
from engine.language.learner.text_learner import TextLearner
from engine.language.model.model import LanguageModel

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool((one == other).all())


@shows("update.start=base", "update.start=last", "update.start=fresh")
def test_training_starts_from_the_weights_asked_for(text_run: Run) -> None:
    runs = {start: text_run(update__start=start, loop__iterations=2) for start in ("base", "last", "fresh")}
    moved = {start: (run.weights(1) - run.weights(0)).norm() for start, run in runs.items()}
    assert moved["base"] == moved["last"] < 0.3 * moved["fresh"]
    once, twice = ((runs[start].weights(2) - runs[start].weights(0)).norm() for start in ("base", "last"))
    assert once < 0.9 * twice


@shows("update.steps", "update.growth")
def test_so_many_steps_are_taken(text_run: Run) -> None:
    for steps, growth in ((2, 1.0), (4, 1.0), (2, 3.0)):
        run = text_run(update__steps=steps, update__growth=growth, loop__iterations=2)
        assert [line.get("loss/steps") for line in run.metrics] == [None, steps, steps * growth]


SEARCHED = {"sample__simulations": 4, "sample__samples": 1}


@shows("update.loss=text", "update.loss=visits", "update.loss=value")
def test_what_is_learnt(text_run: Run) -> None:
    told = {
        "text": text_run(),
        "visits": text_run("alphazero", sample__samples=1, filter__thresholds=[0.0]),
        "value": text_run("prm"),
    }
    found = {
        loss: {name for name in run.metrics[-1] if name.startswith("loss/")} for loss, run in told.items()
    }
    assert not any("value" in name for name in found["text"])
    assert any("visits" in name for name in found["visits"])
    assert any("value" in name for name in found["value"])
    assert not any("visits" in name for name in found["value"])


def head(run: Seen, iteration: int = 1) -> torch.Tensor:
    """All weights of a checkpoint's value head."""
    file = run.path / "checkpoints" / f"{iteration:06}" / "value_head.safetensors"
    return torch.cat([each.flatten() for _, each in sorted(safetensors.torch.load_file(file).items())])


def distinct_heads(*runs: Seen) -> bool:
    heads = [head(run) for run in runs]
    return not any(same(one, other) for place, one in enumerate(heads) for other in heads[:place])


@shows(
    "value.labels=outcome", "value.labels=rollouts", "value.labels=search", "value.labels=file", "value.path"
)
def test_values_are_learnt_from_the_labels_asked_for(text_run: Run, tmp_path: Path) -> None:
    files = []
    for mark in (0.0, 1.0):
        files.append(tmp_path / f"{mark:g}.jsonl")
        row = {"prompt": "a1=", "completions": ["a;", "b"], "labels": [mark, 1.0]}
        files[-1].write_text(json.dumps(row) + "\n")

    def run(labels: str, path: Path | None = None, **more: Any) -> Seen:
        given = {"value__path": str(path)} if path else {}
        return text_run("prm", value__labels=labels, **given, **({"sample__prompts": 30} | more))

    outcome, rollouts = run("outcome"), run("rollouts")
    assert distinct_heads(outcome, rollouts, *(run("file", path) for path in files))
    assert rollouts.last("speed/tokens") > outcome.last("speed/tokens")
    assert distinct_heads(run("outcome", **SEARCHED), run("search", **SEARCHED))
    words = ["text", "prm", TASK, "--run", str(tmp_path / "run"), "--set"]
    assert run_command([*words, 'value.labels="file"']) == 2, "there is no file"
    assert run_command([*words, 'value.labels="search"', "--set", "sample.simulations=0"]) == 2


@shows("value.kind=soft", "value.kind=hard", "value.kind=pairwise")
def test_values_are_learnt_as_they_are_or_as_right_and_wrong_or_in_pairs(text_run: Run) -> None:
    runs = [text_run("prm", value__kind=kind, sample__prompts=30) for kind in ("soft", "hard", "pairwise")]
    assert distinct_heads(*runs)


@shows("value.completions")
def test_each_start_is_finished_so_often(text_run: Run) -> None:
    few, many = (text_run("prm", value__completions=count).last("speed/tokens") for count in (2, 6))
    assert few < many


@shows("value.mix")
def test_the_label_of_the_way_taken_is_mixed_of_search_and_score(text_run: Run) -> None:
    runs = [text_run("alphazero", sample__samples=1, value__mix=share) for share in (0.0, 0.5, 1.0)]
    assert distinct_heads(*runs)


@shows("value.weight")
def test_without_weight_no_value_is_learnt(text_run: Run) -> None:
    sets = {"learner__weight_decay": 0.0, "sample__samples": 1}
    still, moved = (text_run("alphazero", value__weight=weight, **sets) for weight in (0.0, 1.0))
    assert same(head(still, 0), head(still, 1))
    assert not same(head(moved, 0), head(moved, 1))


@shows("value.anchor")
def test_the_policy_is_anchored_or_only_values(text_run: Run) -> None:
    critic, loose, tight = (
        text_run("prm", value__anchor=weight, value__likelihood=0.0, update__steps=20)
        for weight in (0.0, 0.1, 900.0)
    )
    assert "the first model does" in critic.said
    assert critic.table[0]["model"] == "first, valued by iteration 1"
    assert "the first model does" not in loose.said
    assert tight.last("loss/anchor") < 0.5 * loose.last("loss/anchor")


@shows("value.likelihood")
def test_a_critic_learns_to_write_by_its_share(text_run: Run) -> None:
    none, some, most = (
        text_run("prm", value__likelihood=share, mix__real=share > 0) for share in (0.0, 0.2, 0.8)
    )
    assert "loss/nll" not in none.metrics[-1]
    assert "loss/nll" in some.metrics[-1]
    assert distinct_heads(none, some, most)


@shows("value.steps")
def test_the_first_search_has_a_value_head_of_so_many_steps(text_run: Run) -> None:
    few, many = (text_run("alphazero", sample__samples=1, value__steps=steps) for steps in (2, 9))
    assert not same(head(few, 0), head(many, 0))


ROWS = [("12+3=", "15;"), ("4*2=", "8;b"), ("7-7=", "0;"), ("31+30=", "61;abc")] * 4


def examples(model: LanguageModel) -> list[Text]:
    prompts, completions = zip(*ROWS, strict=True)
    return texts(model, list(prompts), list(completions))


def fitted(steps: int = 12, **learner: Any) -> tuple[TextLearner, dict[str, float]]:
    """A learner that has taken so many steps on ROWS, and what it says."""
    given = {"batch_tokens": 64, "warmup_steps": 0, "schedule": "constant", "precision": "f32"} | learner
    made = TextLearner(tiny_llama(1), TextLearnerConfig.model_validate(given), seed=3)
    return made, made.fit(examples(made.model), Supervised(), steps=steps)


LAYER, NORM = "model.layers.0.mlp.up_proj.weight", "model.norm.weight"


def moved(steps: int = 12, layer: str = LAYER, **learner: Any) -> float:
    return float((fitted(steps, **learner)[0].model.weights()[layer] - tiny_llama(1).weights()[layer]).norm())


@shows("learner.batch_tokens")
def test_a_batch_holds_so_many_tokens() -> None:
    class Counting(Supervised):
        def __call__(self, model: LanguageModel, found: Any) -> Any:
            sizes.append(len(found))
            return super().__call__(model, found)

    most = []
    for tokens in (16, 40, 4096):
        sizes: list[int] = []
        learner = TextLearner(tiny_llama(1), TextLearnerConfig(batch_tokens=tokens), seed=3)
        learner.fit(examples(learner.model), Counting(), steps=8)
        most.append(max(sizes))
    assert most[0] < most[1] < most[2] == len(ROWS)


@shows("learner.learning_rate", "learner.gradient_clip")
def test_weights_move_by_the_rate() -> None:
    assert moved(1, learning_rate=1e-4) < moved(1, learning_rate=1e-3) < moved(1, learning_rate=1e-2)
    assert moved(1, gradient_clip=1e-9) < 0.5 * moved(1), "AdamW adds 1e-8 to what it divides by"


@shows("learner.warmup_steps", "learner.schedule=cosine", "learner.schedule=constant", "learner.final_rate")
def test_the_rate_rises_and_falls() -> None:
    def rate(**learner: Any) -> float:
        """A mean over twenty steps, in shares of the full rate."""
        return fitted(20, learning_rate=1e-3, **learner)[1]["loss/learning_rate"] / 1e-3

    assert rate() == pytest.approx(1)
    assert rate(warmup_steps=2) == pytest.approx(1 - (2 / 3 + 1 / 3) / 20)
    falling = {share: rate(schedule="cosine", final_rate=share) for share in (0.0, 0.5, 1.0)}
    cosine = sum(0.5 * (1 + math.cos(math.pi * (step - 1) / 20)) for step in range(1, 21)) / 20
    for share, mean in falling.items():
        assert mean == pytest.approx(share + (1 - share) * cosine, rel=0.2)


@shows("learner.weight_decay")
def test_decay_shrinks_what_has_two_dimensions() -> None:
    kept, decayed = (fitted(weight_decay=decay)[0].model.weights() for decay in (0.0, 1.0))
    assert decayed[LAYER].norm() < kept[LAYER].norm()


@shows("learner.beta2")
def test_the_second_moment_forgets() -> None:
    assert moved(beta2=0.0) != moved(beta2=0.98)


@shows("learner.precision=auto", "learner.precision=f32", "learner.precision=bf16")
def test_products_have_the_precision_asked_for() -> None:
    exact, rough, left = (fitted(2, precision=each)[1]["loss/nll"] for each in ("f32", "bf16", "auto"))
    assert exact != rough == pytest.approx(exact, rel=0.05)
    assert left == exact, "on the processor"


@shows("learner.threads")
def test_a_step_is_computed_by_so_many_threads() -> None:
    """On this machine threads show in time alone, so that what torch is told is looked at."""
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            fitted(1, threads=threads)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_the_learner_of_a_run_has_the_settings_of_the_run(text_run: Run) -> None:
    usual = text_run()
    for change in ({"learner__learning_rate": 1e-5}, {"learner__batch_tokens": 40}, {"learner__beta2": 0.5}):
        assert not same(usual.weights(1), text_run(**change).weights(1))
