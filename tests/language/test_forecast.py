"""What the stages of a run on text are foretold to write and learn."""

from __future__ import annotations

from typing import Any

import pytest

from engine.language.forecast.forecast import Counts, stages
from engine.language.method.registry import build_text_config, method_of
from engine.language.method.trainer import Stage


def test_searches_and_labels_are_forecast() -> None:
    sizes = {"sample": {"prompts": 100, "samples": 3}, "value": {"completions": 8, "steps": 10}}
    found = forecast_of("prm", 100, sizes, {"loop": {"iterations": 2}})
    assert found["generate"].written == 2 * 100 * 60.0
    # 100 problems of 3 completions, each of their starts finished 8 times by half a completion, twice.
    assert found["label"].written == 2 * 300 * 8 * 10.0
    assert forecast_of("prm", 10, sizes, {"loop": {"iterations": 2}})["label"].written == 2 * 30 * 8 * 10.0
    assert "first value head" not in found
    wide = {"sample": {"simulations": 10}, "proposals": {"initial_proposals": 4}, "loop": {"iterations": 1}}
    searched = forecast_of("alphazero", 100, sizes, wide)
    assert searched["generate"].written == pytest.approx(100 * 0.3 * 10 * 4 * 20)
    assert searched["first value head"] == Stage("first value head", 100 * 8 * 20, 10)
    assert "label" not in searched
    capped = forecast_of("alphazero", 1, {"sample": {"tree_tokens": 50}, "loop": {"iterations": 1}})
    assert capped["generate"].written == 50.0


def forecast_of(method: str, practised: int, *changes: Any) -> dict[str, Stage]:
    counts = Counts(practised, validation=20, watched=10, test=40)
    found = stages(build_text_config(method, "countdown", *changes), 20.0, counts)
    return {stage.name: stage for stage in found}


@pytest.mark.parametrize(
    ("method", "changes", "built"),
    [
        ("rft", {}, 3),
        ("rft", {"loop": {"iterations": 3}}, 3 + 2 + 1),
        ("rft", {"loop": {"iterations": 6}}, 3 + 2 + 1),
        ("rft", {"sample": {"policies": 1}}, 0),
        ("rft", {"model": {"path": "x"}}, 0),
        ("rft", {"loop": {"iterations": 0}}, 0),
        ("orm", {"sample": {"policies": 3}, "loop": {"iterations": 2}}, 2 + 2),
        ("sft", {"sample": {"policies": 3}}, 0),
        ("alphazero", {"sample": {"policies": 3}}, 0),
    ],
)
def test_models_built_to_sample_beside_the_first_are_forecast(
    method: str, changes: dict[str, dict[str, object]], built: int
) -> None:
    config = build_text_config(method, "countdown", {"model": {"steps": 7}}, changes)
    counts = Counts(practised=50, validation=20, watched=10, test=40)
    found = {stage.name: stage.steps for stage in stages(config, 10.0, counts)}
    assert found.get("build other models", 0) == 7 * built


@pytest.mark.parametrize(("start", "control"), [("base", 200), ("last", 300)])
def test_the_control_has_the_steps_of_the_result(start: str, control: int) -> None:
    changes = {"update": {"start": start, "steps": 100, "growth": 2.0}, "model": {"steps": 7}}
    config = build_text_config("rest-em", "countdown", changes)
    counts = Counts(practised=50, validation=20, watched=10, test=40)
    found = {stage.name: stage for stage in stages(config, 10.0, counts)}
    assert found["build the first model"].steps == 7
    assert found["generate"].written == 2 * 50 * config.sample.samples * 10
    assert found["learn"].steps == 100 + 200
    assert found["control"].steps == control
    assert found["measure"].written == 3 * 40 * 10


def test_rounds_of_a_policy_gradient_are_forecast() -> None:
    changes = {
        "policy": {"groups": 10, "updates": 2, "minibatches": 3},
        "sample": {"samples": 4, "prompts": 50},
        "update": {"steps": 60},
        "loop": {"iterations": 2},
    }
    found = forecast_of("grpo", 50, changes)
    rounds = 2 * 60 // 6
    assert found["generate"].written == rounds * 10 * 4 * 20.0
    assert found["learn"] == Stage("learn", steps=2 * 60, texts=rounds * 10 * 4 * 2)
    few = forecast_of("grpo", 5, changes)
    assert few["generate"].written == rounds * 5 * 4 * 20.0


@pytest.mark.parametrize(
    ("method", "changes", "count"),
    [
        ("rest-em", {}, 0),
        ("ppo", {}, 0),
        ("ppo", {"ppo": {"critic": "model"}}, 1),
        ("reward", {"reward": {"members": 3}}, 2),
        ("constitutional", {"constitution": {"phases": ["revise"]}}, 0),
        ("constitutional", {"constitution": {"phases": ["revise", "prefer"]}}, 1),
        ("constitutional", {"ppo": {"critic": "model"}}, 2),
    ],
)
def test_a_checkpoint_is_foretold_with_the_models_beside_the_student(
    method: str, changes: dict[str, Any], count: int
) -> None:
    config = build_text_config(method, "countdown", changes)
    assert method_of(config).trainer(config).num_companions == count
