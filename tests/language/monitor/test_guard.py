"""Each response acts, within its limits; runs that cannot be guarded do not start."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from engine.errors import UserError
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.guard import INSTEAD, TURNS, Changes, check_start, respond
from engine.language.monitor.levels import Alert, Level, Response
from engine.language.monitor.rules import RULES

PRESENT: dict[str, Any] = {
    "mix.real_fraction": 0.2,
    "mix.keep": "replace",
    "sample.temperature": 1.0,
    "filter.per_prompt": 4,
    "sample.band": (0.2, 0.8),
    "update.steps": 1000,
    "own.beta": 0.1,
}
KNOBS: dict[Response, str] = {"kl": "own.beta"}


def alert(*responses: Response, level: Level = Level.ALERT, about_model: bool = False) -> Alert:
    return Alert(3, "a/metric", level, 0.5, 1.0, (0.4, 0.6), "a/metric is 0.5", responses, about_model)


ACTS: dict[Response, Changes] = {
    "real-fraction": Changes({"mix.real_fraction": 0.3}),
    "accumulate": Changes({"mix.keep": "accumulate"}),
    "temperature": Changes({"sample.temperature": 1.15}),
    "cap": Changes({"filter.per_prompt": 2}),
    "curriculum": Changes({"sample.band": (0.1, 0.9)}),
    "steps": Changes({"update.steps": 500}),
    "kl": Changes({"own.beta": 0.2}),
    "roll-back": Changes(fate="roll-back"),
    "reject": Changes(fate="reject"),
    "label": Changes(labels=50),
    "stop": Changes(stop=True, labels=50),
}


@pytest.mark.parametrize("response", get_args(Response))
def test_each_response_acts(response: Response) -> None:
    changes = respond([alert(response)], PRESENT, GuardConfig(), knobs=KNOBS)
    assert replace(changes, reasons=()) == ACTS[response]
    assert len(changes.reasons) == 1
    assert "a/metric is 0.5" in changes.reasons[0]
    assert changes.metrics() == {}


@pytest.mark.parametrize("response", get_args(Response))
def test_observing_changes_nothing_and_records_what_it_withheld(response: Response) -> None:
    changes = respond([alert(response)], PRESENT, GuardConfig(mode="observe"))
    assert replace(changes, withheld=(), observed=None) == Changes()
    would = respond([alert(response)], PRESENT, GuardConfig())
    assert changes.observed == would
    assert changes.withheld == would.reasons
    assert changes.metrics() == {
        "guard/would_reject": response in ("reject", "roll-back"),
        "guard/would_roll_back": response == "roll-back",
        "guard/would_stop": response == "stop",
        "guard/would_ask": 50 * (response in ("label", "stop")),
        "guard/would_turn": response in TURNS,
    }


def test_observing_where_nothing_is_wrong_says_so() -> None:
    changes = respond([], PRESENT, GuardConfig(mode="observe"))
    assert changes.withheld == ()
    assert set(changes.metrics().values()) == {0.0}


def test_a_response_is_taken_once() -> None:
    changes = respond([alert("cap", "steps"), alert("steps", "cap")], PRESENT, GuardConfig())
    assert changes.patch == {"filter.per_prompt": 2, "update.steps": 500}


def test_a_patch_names_no_more_than_what_changes() -> None:
    assert respond([alert("accumulate")], PRESENT | {"mix.keep": "accumulate"}, GuardConfig()).patch == {}
    for turn in TURNS.values():
        assert (turn.setting or "own.beta") in PRESENT


@pytest.mark.parametrize("response", [each for each in TURNS if each not in INSTEAD])
def test_what_has_no_effect_in_a_run_is_not_turned_but_told(response: Response) -> None:
    setting = TURNS[response].setting
    left = {name: value for name, value in PRESENT.items() if name != setting}
    changes = respond([alert(response, "label")], left, GuardConfig())
    assert replace(changes, reasons=(), withheld=()) == Changes(labels=50)
    assert changes.withheld == (f"no {setting}, which this run has no use for: a/metric is 0.5",)


def test_a_weight_of_kl_is_raised_and_where_there_is_none_steps_are_fewer() -> None:
    alarm = alert("kl")
    for old, new in ((0.0, 0.02), (0.1, 0.2), (0.9, 1.0)):
        present = PRESENT | {"own.beta": old}
        assert respond([alarm], present, GuardConfig(), knobs=KNOBS).patch == {"own.beta": new}
    fewer = {"update.steps": 500}
    assert respond([alarm], PRESENT, GuardConfig()).patch == fewer
    for most in (1.0, 3.0):  # at the limit, or given beyond it
        assert respond([alarm], PRESENT | {"own.beta": most}, GuardConfig(), knobs=KNOBS).patch == fewer


def test_warnings_call_for_nothing() -> None:
    assert respond([alert("stop", level=Level.WARN, about_model=True)], PRESENT, GuardConfig()) == Changes()
    assert respond([], PRESENT, GuardConfig()) == Changes()


def test_an_alert_about_the_model_bars_it_unless_forced() -> None:
    assert respond([alert("steps", about_model=True)], PRESENT, GuardConfig()).fate == "reject"
    assert respond([alert("steps")], PRESENT, GuardConfig()).fate == "accept"
    forced = respond([alert("roll-back", "steps", about_model=True)], PRESENT, GuardConfig(force=True))
    assert forced.fate == "accept"
    assert forced.patch == {"update.steps": 500}
    assert len(forced.withheld) == 2


def test_a_roll_back_without_a_model_before_is_a_reject_and_says_so() -> None:
    alarm = alert("roll-back", about_model=True)
    assert respond([alarm], PRESENT, GuardConfig()).fate == "roll-back"
    first = respond([alarm], PRESENT, GuardConfig(), has_earlier=False)
    assert first.fate == "reject"
    assert "reject, as no model was accepted before the present one" in first.reasons[0]


def test_a_stop_stops_and_asks_for_verdicts() -> None:
    changes = respond([alert(level=Level.STOP)], PRESENT, GuardConfig(force=True, labels=7))
    assert (changes.stop, changes.labels) == (True, 7)


def test_every_response_of_a_rule_can_be_taken() -> None:
    called = {response for rule in RULES for response in rule.responses}
    assert called <= set(get_args(Response))
    assert set(TURNS) | {"reject", "roll-back", "label", "stop"} == set(get_args(Response))


def test_turning_ends_at_the_limits() -> None:
    present = dict(PRESENT)
    every = alert(*get_args(Response))
    for _ in range(40):
        present |= respond([every], present, GuardConfig(), knobs=KNOBS).patch
    ends = {
        "own.beta": 1.0,
        "mix.real_fraction": 0.5,
        "mix.keep": "accumulate",
        "sample.temperature": 1.5,
        "filter.per_prompt": 1,
        "sample.band": (0.0, 1.0),
        "update.steps": 10,
    }
    assert present == ends
    beyond = ends | {"mix.real_fraction": 0.9, "sample.temperature": 2.0, "update.steps": 4}
    changes = respond([every], beyond, GuardConfig(), knobs=KNOBS)
    assert changes.patch == {}
    assert sum("at its limit already" in reason for reason in changes.withheld) == len(TURNS)
    assert not any("at its limit" in reason for reason in changes.reasons)


@pytest.mark.parametrize(
    ("kind", "share"), [("learned", 0.0), ("self", 0.0), ("learned", 0.09), ("self", 0.05)]
)
def test_no_exact_verifier_and_too_little_real_data(kind: str, share: float) -> None:
    with pytest.raises(
        UserError, match=f"a {kind} verifier with .* real data: give a real fraction"
    ) as error:
        check_start(kind, share, GuardConfig())  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    warnings = check_start(kind, share, GuardConfig(mode="observe"))  # type: ignore[arg-type]
    assert len(warnings) == 2
    assert "only observe" in warnings[0]


def test_no_real_data_is_refused_whatever_the_least_share() -> None:
    with pytest.raises(UserError, match="no real data"):
        check_start("learned", 0.0, GuardConfig(min_real_fraction=0.0))
    assert check_start("learned", 0.01, GuardConfig(min_real_fraction=0.0)) == []


def test_an_exact_verifier_needs_no_real_data() -> None:
    assert check_start("exact", 0.0, GuardConfig()) == []
    assert check_start("learned", 0.1, GuardConfig()) == []
