"""Each response acts, within its limits; runs that cannot be guarded do not start."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.guard import INSTEAD, TURNS, Changes, check_start, respond
from engine.language.monitor.levels import Alert, Level, Response
from engine.language.monitor.rules import ORDER, RULES, in_order

PRESENT: dict[str, Any] = {
    "mix.real_fraction": 0.2,
    "mix.keep": "replace",
    "sample.temperature": 1.0,
    "filter.per_prompt": 4,
    "sample.band": (0.2, 0.8),
    "update.steps": 1000,
    "own.beta": 0.1,
    "guards.length_penalty": 0.0,
    "guards.ensemble": "mean",
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
    "length": Changes({"guards.length_penalty": 0.1}),
    "ensemble": Changes({"guards.ensemble": "least"}),
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


@pytest.mark.parametrize("response", ["length", "ensemble"])
def test_what_only_judges_have_is_not_missed_in_other_runs(response: Response) -> None:
    left = {name: value for name, value in PRESENT.items() if not name.startswith("guards.")}
    assert respond([alert(response)], left, GuardConfig()) == Changes()


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
        "guards.length_penalty": 0.5,
        "guards.ensemble": "least",
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


def ordered(*responses: Response, **guards: Any) -> Changes:
    return respond([alert(*responses)], PRESENT, GuardConfig.model_validate(guards))


def test_every_response_has_its_place_in_the_order() -> None:
    assert sorted(ORDER) == sorted(get_args(Response))
    assert in_order(("label", "cap", "stop", "cap")) == ("stop", "cap", "label")


@given(st.permutations(sorted(TURNS)))
def test_what_is_called_for_is_done_in_the_order_however_it_is_called_for(turns: list[Response]) -> None:
    changes = ordered(*turns)
    wanted = [TURNS[each].setting for each in ORDER if each in TURNS and TURNS[each].setting]
    assert list(changes.patch) == wanted
    assert [reason.partition(" ")[0] for reason in changes.reasons] == wanted


def test_several_alerts_are_answered_in_one_order() -> None:
    changes = respond([alert("temperature"), alert("accumulate", "label")], PRESENT, GuardConfig())
    assert list(changes.patch) == ["mix.keep", "sample.temperature"]


@given(st.lists(st.sampled_from(sorted(set(TURNS) - {"kl"})), min_size=1, unique=True))
def test_the_first_answer_comes_before_others_which_are_told(turns: list[Response]) -> None:
    changes = ordered(*turns, "label", answers="first")
    first, *later = in_order(turns)
    assert list(changes.patch) == [TURNS[first].setting]
    assert changes.labels == 50, "what turns nothing is done all the same"
    told = [line.partition(",")[0] for line in changes.withheld]
    assert told == [TURNS[each].setting for each in later]
    assert all("which comes later" in line for line in changes.withheld)


def test_the_next_answer_comes_where_the_first_is_at_its_limit_or_of_no_use() -> None:
    calls = alert("real-fraction", "accumulate", "temperature")
    settings = GuardConfig(answers="first")
    ended = PRESENT | {"mix.real_fraction": settings.real_fraction_max}
    without = {name: value for name, value in PRESENT.items() if name != "mix.real_fraction"}
    for present in (ended, without):
        changes = respond([calls], present, settings)
        assert changes.patch == {"mix.keep": "accumulate"}
        assert len(changes.withheld) == 2
    both = respond([calls], ended | {"mix.keep": "accumulate"}, settings)
    assert list(both.patch) == ["sample.temperature"]


def test_fewer_steps_stand_for_kl_where_the_method_has_none() -> None:
    settings = GuardConfig(answers="first")
    assert list(respond([alert("kl", "cap")], PRESENT, settings).patch) == ["update.steps"]
    own: dict[Response, str] = {"kl": "own.beta"}
    changes = respond([alert("kl", "cap")], PRESENT | {"own.beta": 0.1}, settings, knobs=own)
    assert changes.patch == {"own.beta": 0.2}


def test_the_order_is_that_of_the_table_of_cures() -> None:
    """Of responses that the table has, one does not come before another that spares surely more."""
    cures = {"real-fraction": "half", "accumulate": "accumulate", "cap": "cap", "temperature": "hot",
             "curriculum": "band"}  # fmt: skip
    spared = spared_by_cure()
    known = [spared[cures[each]] for each in ORDER if cures.get(each) in spared]
    assert len(known) >= 2, spared
    assert known == sorted(known, reverse=True)


def spared_by_cure() -> dict[str, float]:
    """The mean over the tasks of the share of the damage that each cure spares, in percent."""
    folder = Path(__file__).resolve().parents[3] / "scripts" / "experiments" / "text" / "results"
    page = next(path for name in ("cures", "cures-core") if (path := folder / f"{name}.md").exists())
    lines = page.read_text(encoding="utf-8").partition("| cure |")[2].split("\n\n")[0].splitlines()[2:]
    found = {}
    for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines):
        found[cells[0]] = fmean(float(cell) for cell in cells[2:4] if cell)
    return found
