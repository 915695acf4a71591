"""Every rule speaks beyond its threshold and is silent short of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from engine import advice
from engine.advice import Evidence, Machine, advise
from engine.config import build_config

CPU = "openvino bf16 on cpu"
INT8 = "openvino int8 on cpu"
TORCH = "torch bf16 on cpu"
GPU = "torch bf16 on cuda"

SOUND: dict[str, float] = {
    "time/total_s": 100.0,
    "time/evaluate_s": 45.0,
    "time/select_s": 20.0,
    "time/learn_s": 30.0,
    "time/wait_s": 5.0,
    "machine/cores_busy": 1.9,
    "search/batch_size": 128.0,
    "search/batch_fill": 1.0,
    "search/capped": 0.0,
    "search/bad_replies": 0.0,
    "selfplay/distinct_games": 1.0,
}


def evidence(
    metrics: Mapping[str, float] | None = None,
    settings: Mapping[str, Any] | None = None,
    python: bool = False,
    **machine: Any,
) -> Evidence:
    return Evidence(
        build_config({"loop": {"callers": 2}}, settings or {}),
        Machine(**{"cores": 2, "choice": CPU} | machine),
        {**SOUND, **(metrics or {})},
        python,
    )


def test_nothing_is_said_of_a_sound_run() -> None:
    assert advise(evidence()) == []


def test_nothing_is_said_of_a_sound_machine_without_a_run() -> None:
    machine = Machine(2, CPU, rates={CPU: 100.0, TORCH: 30.0, INT8: 110.0}, callers_gain=1.9)
    assert advise(Evidence(build_config(), machine)) == []


# (rule, what triggers it, the same just short of it, a word of the advice)
CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("missing_cuda", {"has_gpu": True}, {"has_gpu": True, "choice": GPU}, "torch built with CUDA"),
    ("missing_openvino", {"has_openvino": False, "choice": TORCH},
     {"has_openvino": False, "choice": GPU, "metrics": {"time/evaluate_s": 60.0}}, "selfplay[cpu]"),
    ("faster_backend", {"choice": TORCH, "rates": {TORCH: 100.0, CPU: 300.0}},
     {"choice": TORCH, "rates": {TORCH: 100.0, CPU: 119.0}}, "--set evaluator.backend=openvino"),
    ("int8", {"rates": {CPU: 100.0, INT8: 190.0}}, {"rates": {CPU: 100.0, INT8: 119.0}},
     "--set evaluator.precision=int8"),
    ("large_network", {"metrics": {"time/evaluate_s": 51.0}}, {"metrics": {"time/evaluate_s": 50.0}},
     "selfplay doctor RUN"),
    ("idle_cores", {"cores": 3}, {"cores": 2}, "loop.callers=0"),
    ("crowded_cores", {"cores": 1}, {"cores": 2}, "loop.callers=0"),
    ("taken_cores", {"metrics": {"machine/cores_busy": 0.9}}, {"metrics": {"machine/cores_busy": 0.96}},
     "0.9 of 2 cores"),
    ("busy_machine", {"processor_share": 0.49}, {"processor_share": 0.5}, "49% of a core"),
    ("poor_scaling", {"callers_gain": 1.4}, {"callers_gain": 1.5}, "1.40 times"),
    ("idle_gpu", {"choice": GPU, "metrics": {"search/batch_size": 512.0}},
     {"choice": GPU, "metrics": {"search/batch_size": 512.0, "time/evaluate_s": 50.0, "time/select_s": 15.0}},
     "the GPU has work 64%"),
    ("small_batches", {"settings": {"selfplay": {"games": 31}}, "metrics": {"search/batch_size": 31.0}},
     {"settings": {"selfplay": {"games": 32}}, "metrics": {"search/batch_size": 31.0}}, "from 31; 0 "),
    ("short_batches", {"metrics": {"search/batch_fill": 0.4}}, {"metrics": {"search/batch_fill": 0.6}},
     "40% full"),
    ("no_cache", {"settings": {"selfplay": {"cache_mb": 0}}}, {"settings": {"selfplay": {"cache_mb": 1}}},
     "selfplay.cache_mb=128"),
    ("busy_learner", {"metrics": {"time/learn_s": 45.0}}, {"metrics": {"time/learn_s": 40.0}},
     "waits 45% of the time"),
    ("waiting_callers", {"metrics": {"time/wait_s": 11.0}}, {"metrics": {"time/wait_s": 10.0}},
     "from 8192 to 32768"),
    ("long_breaks", {"metrics": {"time/swap_s": 8.0, "time/commit_s": 8.0}},
     {"metrics": {"time/swap_s": 8.0, "time/commit_s": 7.0}}, "take 16% of the time"),
    ("slow_rules", {"python": True, "metrics": {"time/rules_s": 31.0}},
     {"python": False, "metrics": {"time/rules_s": 31.0}}, "engine.numba_game"),
    ("slow_rules", {"python": True, "metrics": {"time/rules_s": 31.0}},
     {"python": True, "metrics": {"time/rules_s": 30.0}}, "take 31%"),
    ("duplicates", {"metrics": {"selfplay/distinct_games": 0.85}},
     {"metrics": {"selfplay/distinct_games": 0.9}}, "15% of the games"),
    ("full_trees", {"metrics": {"search/capped": 3.0}}, {"metrics": {"search/capped": 0.0}}, "to 1024"),
    ("bad_replies", {"metrics": {"search/bad_replies": 2.0}}, {"metrics": {"search/bad_replies": 0.0}},
     "evaluator.precision=f32"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "beyond", "short", "word"), CASES, ids=[case[0] for case in CASES])
def test_a_rule(rule: str, beyond: dict[str, Any], short: dict[str, Any], word: str) -> None:
    said = {line.rule: str(line) for line in advise(evidence(**beyond))}
    assert word in said[rule]
    assert "\n" not in said[rule]
    assert rule not in {line.rule for line in advise(evidence(**short))}


def test_every_rule_is_tested() -> None:
    assert {rule.__name__ for rule in advice.RULES} == {case[0] for case in CASES}


def test_the_gain_of_a_run_follows_the_share_of_its_network() -> None:
    # Half of the time twice as fast: three quarters of the time, 1.33 times the speed.
    (line,) = advise(
        evidence({"time/evaluate_s": 50.0, "time/select_s": 15.0}, rates={CPU: 100.0, INT8: 200.0})
    )
    assert line.gain == 1.33
    assert "2.0 times as fast as openvino bf16 on cpu, at a small loss of accuracy" in line.text
    assert "makes this run 1.3 times" in line.text


def test_int8_is_not_advised_where_something_exact_is_as_fast() -> None:
    rates = {"torch f32 on cpu": 100.0, CPU: 300.0, INT8: 290.0}
    assert [line.rule for line in advise(evidence(choice="torch f32 on cpu", rates=rates))] == [
        "faster_backend"
    ]
    assert advise(evidence(choice=GPU, rates={GPU: 1000.0, INT8: 300.0}, metrics={"time/select_s": 5.0})) in (
        [],
        [advice.small_batches(evidence(choice=GPU))],
    )


def test_a_run_on_a_gpu_that_was_refused_one_is_told_the_setting() -> None:
    said = advise(evidence(has_gpu=True, settings={"evaluator": {"device": "cpu"}}))
    assert [line.remedy for line in said] == ["set evaluator.device=auto"]


def test_on_a_gpu_the_learner_may_train_meanwhile() -> None:
    busy = {"time/learn_s": 50.0, "time/evaluate_s": 45.0, "time/select_s": 0.0, "search/batch_size": 512.0}
    (line,) = advise(evidence(busy, choice=GPU))
    assert line.remedy.startswith("set loop.max_weight_lag=1")
    (line,) = advise(evidence(busy, {"loop": {"max_weight_lag": 1}}, choice=GPU))
    assert line.remedy.startswith("lower learner.samples_per_position")


@pytest.mark.parametrize("rule", sorted(rule.__name__ for rule in advice.BY_SECONDS))
def test_seconds_that_others_took_are_no_reason(rule: str) -> None:
    """What speaks on a quiet machine is silent on a busy one, where only the other programs are named."""
    cases = [case for case in CASES if case[0] == rule]
    assert cases
    for _, beyond, _, _ in cases:
        quiet = {**beyond, "metrics": {**beyond.get("metrics", {}), "machine/cores_taken": 0.1}}
        busy = {
            **beyond,
            "metrics": {**beyond["metrics"], "machine/cores_busy": 1.2, "machine/cores_taken": 0.8},
        }
        assert rule in {line.rule for line in advise(evidence(**quiet))}
        said = {line.rule: line for line in advise(evidence(**busy))}
        assert rule not in said
        if busy.get("choice") != GPU:
            assert str(said["taken_cores"]).startswith(
                "other programs took 0.8 of 2 cores, and the run got 1.2"
            )


def test_others_on_idle_cores_are_in_nobody_s_way() -> None:
    """A game in plain Python keeps one core busy, and the other is free for whoever wants it."""
    said = advise(evidence({"machine/cores_busy": 0.8, "machine/cores_taken": 0.8}))
    assert said == []
    (line,) = advise(evidence({"machine/cores_busy": 1.0, "machine/cores_taken": 0.9}))
    assert line.rule == "taken_cores"
    assert advise(evidence({"machine/cores_busy": 0.8, "machine/cores_taken": 0.0})) == []


def test_a_small_game_may_repeat_itself() -> None:
    found = evidence({"selfplay/distinct_games": 0.5})
    assert [line.rule for line in advise(found)] == ["duplicates"]
    assert advise(dataclasses.replace(found, has_few_positions=True)) == []
