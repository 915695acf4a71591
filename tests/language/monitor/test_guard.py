"""Each response acts, within its limits; runs that cannot be guarded do not start."""

from dataclasses import replace
from typing import get_args

import pytest

from engine.errors import UserError
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.guard import Changes, Knobs, check_start, respond
from engine.language.monitor.levels import Alert, Level, Response

KNOBS = Knobs(0.2, False, 1.0, 4, (0.2, 0.8), 0.0, 1000)


def alert(*responses: Response, level: Level = Level.ALERT, about_model: bool = False) -> Alert:
    return Alert(3, "a/metric", level, 0.5, 1.0, (0.4, 0.6), "a/metric is 0.5", responses, about_model)


ACTS: dict[Response, Changes] = {
    "real-fraction": Changes(replace(KNOBS, real_fraction=0.3)),
    "accumulate": Changes(replace(KNOBS, accumulate=True)),
    "temperature": Changes(replace(KNOBS, temperature=1.15)),
    "cap": Changes(replace(KNOBS, cap=2)),
    "curriculum": Changes(replace(KNOBS, band=(0.1, 0.9))),
    "kl": Changes(replace(KNOBS, kl_weight=0.01)),
    "steps": Changes(replace(KNOBS, steps=500)),
    "roll-back": Changes(KNOBS, roll_back=True),
    "reject": Changes(KNOBS, reject=True),
    "label": Changes(KNOBS, labels=50),
    "stop": Changes(KNOBS, stop=True),
}


@pytest.mark.parametrize("response", get_args(Response))
def test_each_response_acts(response: Response) -> None:
    changes = respond([alert(response)], KNOBS, GuardConfig())
    assert replace(changes, reasons=()) == ACTS[response]
    assert len(changes.reasons) == 1
    assert "a/metric is 0.5" in changes.reasons[0]


@pytest.mark.parametrize("response", get_args(Response))
def test_observing_changes_nothing_and_says_what_it_withheld(response: Response) -> None:
    changes = respond([alert(response, level=Level.STOP)], KNOBS, GuardConfig(mode="observe"))
    assert replace(changes, withheld=()) == Changes(KNOBS)
    assert changes.withheld


def test_a_response_is_taken_once() -> None:
    changes = respond([alert("cap", "kl"), alert("kl", "cap")], KNOBS, GuardConfig())
    assert (changes.knobs.cap, changes.knobs.kl_weight) == (2, 0.01)


def test_a_loss_without_a_kl_term_is_given_none() -> None:
    without = replace(KNOBS, kl_weight=None)
    assert respond([alert("kl")], without, GuardConfig()) == Changes(without)
    assert respond([alert("kl", "steps")], without, GuardConfig()).knobs == replace(without, steps=500)


def test_what_nothing_sorts_is_not_sampled_hotter() -> None:
    unsorted = replace(KNOBS, temperature=None)
    assert respond([alert("temperature")], unsorted, GuardConfig()) == Changes(unsorted)
    assert respond([alert("temperature", "cap")], unsorted, GuardConfig()).knobs == replace(unsorted, cap=2)


def test_warnings_call_for_nothing() -> None:
    assert respond([alert("stop", level=Level.WARN, about_model=True)], KNOBS, GuardConfig()) == Changes(
        KNOBS
    )
    assert respond([], KNOBS, GuardConfig()) == Changes(KNOBS)


def test_an_alert_about_the_model_bars_it_unless_forced() -> None:
    assert respond([alert("kl", about_model=True)], KNOBS, GuardConfig()).reject
    assert not respond([alert("kl")], KNOBS, GuardConfig()).reject
    forced = respond([alert("roll-back", "kl", about_model=True)], KNOBS, GuardConfig(force=True))
    assert not forced.reject
    assert not forced.roll_back
    assert forced.knobs.kl_weight == 0.01
    assert len(forced.withheld) == 2


def test_a_stop_stops() -> None:
    assert respond([alert(level=Level.STOP)], KNOBS, GuardConfig(force=True)).stop


def test_turning_ends_at_the_limits() -> None:
    knobs = KNOBS
    every = alert(*get_args(Response))
    for _ in range(40):
        knobs = respond([every], knobs, GuardConfig()).knobs
    assert knobs == Knobs(0.5, True, 1.5, 1, (0.0, 1.0), 1.0, 10)
    beyond = Knobs(0.9, True, 2.0, 1, (0.0, 1.0), 3.0, 4)
    assert respond([every], beyond, GuardConfig()).knobs == beyond


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
