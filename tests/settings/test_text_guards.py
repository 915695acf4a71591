"""What the settings of guards do once an alarm has been raised, and of what ends a training early."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panels import save_panel
from shown import TEXT, shows
from text_runs import TASK, Run, text_run
from trained_run import TASK as SUMS
from trained_run import trained

from engine.cli.app import run as run_command
from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.method.registry import METHODS, Entry, build_text_config
from engine.language.method.reward.judge import RewardModel
from engine.language.method.turn import Library, Turn
from engine.language.method.verdict import Ensemble, Judge, Pair, num_judges, seat
from engine.language.model.model_folder import load_model
from engine.language.model.scoring import member_rewards
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.guard import Changes, check_start, respond
from engine.language.monitor.levels import Alert, Level, Response
from engine.language.record.text_run import TextRun
from engine.language.task import Demonstration, Prompt, VerifyResult
from engine.run.metrics import read_metrics

__all__ = ["text_run"]

shows = partial(shows, of=TEXT)

PRESENT = {
    "mix.real_fraction": 0.2,
    "mix.keep": "replace",
    "sample.temperature": 1.0,
    "filter.per_prompt": 8,
    "sample.band": (0.4, 0.6),
    "update.steps": 100,
}


def answered(*responses: Response, present: dict[str, Any] | None = None, **guards: Any) -> Changes:
    """What is done about an alert that calls for these."""
    alert = Alert(1, "accuracy/greedy", Level.ALERT, 0.1, 0.5, (0.0, 0.2), "worse", responses)
    return respond([alert], PRESENT | (present or {}), GuardConfig.model_validate(guards))


@pytest.mark.parametrize(
    ("response", "setting", "changes"),
    [
        ("real-fraction", "mix.real_fraction",
         {"real_fraction_step": [(0.1, 0.3), (0.25, 0.45)], "real_fraction_max": [(0.22, 0.22)]}),
        ("temperature", "sample.temperature",
         {"temperature_factor": [(1.1, 1.1), (1.3, 1.3)], "temperature_max": [(1.05, 1.05), (1.1, 1.1)]}),
        ("cap", "filter.per_prompt", {"cap_factor": [(0.5, 4), (0.25, 2)]}),
        ("curriculum", "sample.band", {"band_step": [(0.1, (0.3, 0.7)), (0.2, (0.2, 0.8))]}),
        ("steps", "update.steps", {"steps_factor": [(0.5, 50), (0.25, 25)], "steps_min": [(60, 60)]}),
    ],
)  # fmt: skip
@shows(
    *(f"guards.{name}" for name in (
        "real_fraction_step", "real_fraction_max", "temperature_factor", "temperature_max", "cap_factor",
        "band_step", "steps_factor", "steps_min",
    ))
)  # fmt: skip
def test_a_response_turns_its_setting_so_far(
    response: Response, setting: str, changes: dict[str, list[tuple[Any, Any]]]
) -> None:
    for name, pairs in changes.items():
        for value, turned in pairs:
            assert answered(response, **{name: value}).patch == {setting: pytest.approx(turned)}


@shows("guards.force", "guards.labels", "guards.mode=act", "guards.mode=observe")
def test_an_alert_refuses_asks_or_is_only_told() -> None:
    assert answered("label").fate == "reject"
    assert answered("roll-back").fate == "roll-back"
    assert answered("roll-back", force=True).fate == "accept"
    for count in (10, 50):
        assert answered("label", labels=count).labels == count
    observed = answered("label", "steps", mode="observe")
    assert (observed.patch, observed.fate, observed.labels) == ({}, "accept", 0)
    assert observed.observed == answered("label", "steps")
    assert observed.metrics()["guard/would_turn"] == 1


@shows("guards.beta_factor", "guards.beta_from", "guards.beta_max")
def test_a_weight_of_kl_is_raised_so_far() -> None:
    def raised(beta: float, **guards: Any) -> float:
        alert = Alert(1, "drift/kl", Level.ALERT, 30, 25, (28, 32), "far", ("kl",))
        settings = GuardConfig.model_validate(guards)
        return respond([alert], {"own.beta": beta}, settings, knobs={"kl": "own.beta"}).patch["own.beta"]

    assert [raised(0.1, beta_factor=factor) for factor in (2, 3)] == pytest.approx([0.2, 0.3])
    assert [raised(0.0, beta_from=least) for least in (0.02, 0.05)] == [0.02, 0.05]
    assert [raised(0.8, beta_max=most) for most in (0.9, 1.0)] == [0.9, 1.0]


@shows("guards.length_step", "guards.length_max")
def test_points_off_for_length_are_raised_so_far() -> None:
    def raised(penalty: float, **guards: Any) -> float:
        alert = Alert(1, "length/mean", Level.ALERT, 30, 20, (28, 32), "long", ("length",))
        settings = GuardConfig.model_validate(guards)
        return respond([alert], {"guards.length_penalty": penalty}, settings).patch["guards.length_penalty"]

    assert [raised(0.1, length_step=step) for step in (0.1, 0.2)] == pytest.approx([0.2, 0.3])
    assert [raised(0.25, length_max=most) for most in (0.3, 0.5)] == pytest.approx([0.3, 0.35])


@shows("guards.ensemble=mean", "guards.ensemble=cautious", "guards.ensemble=least", "guards.length_penalty")
def test_verdicts_come_to_one_and_length_costs() -> None:
    class Fixed(Judge):
        def __init__(self, *said: float | None) -> None:
            self.said = said

        def scores(self, turn: Turn, pairs: Sequence[Pair]) -> list[float | None]:
            return list(self.said)

    prompt = Prompt("a", "a", "a")
    pairs = [(prompt, "xx"), (prompt, "xxxx"), (prompt, "xx")]

    def found(**guards: Any) -> list[float | None]:
        turn = bare_turn(GuardConfig(audit=0, **guards), [Demonstration(prompt, "xx")])
        seat(Ensemble([Fixed(0.5, 0.8, 0.1), Fixed(0.9, 0.8, None)]), turn)
        results = turn.verify(pairs)
        return [None if each.is_missing else each.score for each in results]

    assert found() == [pytest.approx(0.7), pytest.approx(0.8), None]
    assert found(ensemble="cautious") == [pytest.approx(0.5), pytest.approx(0.8), None]
    assert found(ensemble="least") == [0.5, pytest.approx(0.8), None]
    assert found(length_penalty=0.25) == [pytest.approx(0.7), pytest.approx(0.55), None]
    assert found(length_penalty=1.0) == [pytest.approx(0.7), 0.0, None]


@shows("guards.ensemble=cautious", "guards.ensemble=least")
def test_members_of_a_reward_model_come_to_one_as_the_guards_say(tmp_path: Path) -> None:
    """On its own it stands for what `reward.combine` said; what is unreadable stays without a verdict."""
    path = str(save_panel(tmp_path / "panel"))
    prompt = Prompt("a", "1+2=", "a")
    pairs = [(prompt, "3"), (prompt, "12;"), (prompt, "é"), (prompt, "4")]
    each = member_rewards(load_model(path), ["1+2="] * 3, ["3", "12;", "4"]).astype(float)
    assert (each.max(0) > each.min(0) + 0.05).all(), "they disagree"

    def found(ensemble: str) -> list[float | None]:
        guards = GuardConfig.model_validate({"audit": 0, "ensemble": ensemble})
        judge, turn = RewardModel(path), bare_turn(guards, [])
        turn.library = Library()
        seat(judge, turn)
        assert num_judges(judge) == 2
        table = judge.votes(turn, pairs)
        assert table[[0, 1, 3]] == pytest.approx(1 / (1 + np.exp(-each.T)), abs=1e-6)
        assert np.isnan(table[2]).all()
        return [None if each.is_missing else each.score for each in turn.verify(pairs)]

    for ensemble, rewards in (
        ("mean", each.mean(0)),
        ("cautious", each.mean(0) - each.std(0)),
        ("least", each.min(0)),
    ):
        one, two, none, four = found(ensemble)
        assert none is None
        assert [one, two, four] == pytest.approx((1 / (1 + np.exp(-rewards))).tolist(), abs=1e-6)


def bare_turn(guards: GuardConfig, real: Sequence[Demonstration]) -> Turn:
    """What judges need of a turn."""
    config = build_text_config("rest-em", "countdown").model_copy(update={"guards": guards})
    task: Any = None
    return Turn(
        task, config, 1, lambda pairs: [VerifyResult(0.0) for _ in pairs], *[None] * 2, real, *[None] * 6, 0,
        lambda: None,
    )  # type: ignore[arg-type,misc]  # fmt: skip


@shows("guards.audit", "guards.gate_on=gold", "guards.gate_on=judge")
def test_a_judge_is_audited_and_the_gate_asks_whom_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "halved", Entry("judged_methods:HALVED", "Half of it."))
    (tmp_path / "own.py").write_text(SUMS)

    def ended(name: str, **settings: Any) -> tuple[list[Episode], dict[str, Any]]:
        line = trained(f"{tmp_path}/own.py:Sums", tmp_path / name, **settings)
        line[1] = "halved"
        assert run_command(line) == 0
        with TextRun.open(tmp_path / name) as run:
            run.latest()
            return run.episodes(), read_metrics(tmp_path / name / "metrics.jsonl")[-1]

    episodes, line = ended("none", guards__audit=0.0)
    assert not any("in truth" in each.result.reason for each in episodes)
    true = line["accuracy/greedy"]
    episodes, line = ended("all", guards__audit=1.0, guards__gate_on='"judge"')
    assert all("in truth" in each.result.reason or each.result.is_missing for each in episodes)
    assert line["accuracy/greedy"] > true, "it likes length"


@shows("guards.answers=all", "guards.answers=first")
def test_an_alert_turns_all_that_it_calls_for_or_the_first() -> None:
    assert list(answered("temperature", "real-fraction").patch) == ["mix.real_fraction", "sample.temperature"]
    assert list(answered("temperature", "real-fraction", answers="first").patch) == ["mix.real_fraction"]


@shows("guards.min_real_fraction")
def test_a_run_that_can_be_fooled_starts_with_so_much_real_data() -> None:
    check_start("learned", 0.2, GuardConfig(min_real_fraction=0.1))
    with pytest.raises(UserError, match="at least 30%"):
        check_start("learned", 0.2, GuardConfig(min_real_fraction=0.3))


ALIKE = {"sample__temperature": 0.0, "loop__iterations": 2, "sample__band": [0.4, 0.6], "guards__mode": "act"}
"""Samples all alike: an alert that asks for other problems."""


def test_the_guards_of_a_run_have_the_settings_of_the_run(text_run: Run, tmp_path: Path) -> None:
    narrow, wide = (text_run(**ALIKE, guards__band_step=step, sample__prompts=60) for step in (0.0, 0.5))
    assert "ALERT data/zero_spread" in narrow.said
    assert len(narrow.episodes) < len(wide.episodes)
    words = ["text", "rest-em", f"{TASK}:verdict=learned", "--run", str(tmp_path / "run")]
    for key, value in {"mix.real_fraction": 0.2, "guards.min_real_fraction": 0.3}.items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    assert run_command(words) == 2


@shows("learner.ema_decay")
def test_a_training_ends_with_the_average_of_its_weights(text_run: Run) -> None:
    last, mean = (text_run(learner__ema_decay=decay, update__steps=6) for decay in (0.0, 0.9))
    moved = [(run.weights(1) - run.weights(0)).norm() for run in (last, mean)]
    assert moved[1] < moved[0]


@shows("learner.patience", "learner.look_every")
def test_a_training_stops_where_held_out_texts_grow_no_likelier(text_run: Run) -> None:
    def steps(patience: int, look_every: int) -> float:
        run = text_run(
            learner__patience=patience, learner__look_every=look_every, learner__learning_rate=0.1,
            update__steps=40, model__demonstrations=40, update__start="last",
        )  # fmt: skip
        return run.last("loss/steps")

    assert steps(0, 2) == 40
    soon, later = steps(1, 2), steps(3, 2)
    assert soon < later < 40
    assert steps(1, 5) % 5 == 0
    assert steps(1, 5) != soon
