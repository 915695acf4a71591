"""What is done about alarms: settings of the loop patched, a model refused, a run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from engine.errors import UserError
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.levels import Alert, Level, Response
from engine.language.monitor.rules import in_order
from engine.language.task import Kind

Fate = Literal["accept", "reject", "roll-back"]
"""Of a new model: it takes the old one's place; the old one stays; the one accepted before comes back."""


@dataclass(frozen=True)
class Changes:
    """What the driver applies before the next iteration; by default the new model is accepted, no more."""

    patch: Mapping[str, Any] = field(default_factory=dict)
    """New values of settings by their dotted names."""
    fate: Fate = "accept"
    labels: int = 0
    """Human verdicts to ask for."""
    stop: bool = False
    """Go on only once a human says so."""
    reasons: tuple[str, ...] = ()
    """What is done and why, a line each."""
    withheld: tuple[str, ...] = ()
    """What was called for and is not done: guards only observe, are forced, the gate says better, or the run
    has nothing to turn, or not any further."""
    observed: Changes | None = None
    """What would have been done, where guards only observe."""

    def metrics(self) -> dict[str, float]:
        """By metrics tag what would have been done; nothing where guards act."""
        if self.observed is None:
            return {}
        would = self.observed
        return {
            "guard/would_reject": float(would.fate != "accept"),
            "guard/would_roll_back": float(would.fate == "roll-back"),
            "guard/would_stop": float(would.stop),
            "guard/would_ask": float(would.labels),
            "guard/would_turn": float(len(would.patch)),
        }


class Turn(NamedTuple):
    """A response that gives one setting another value."""

    setting: str
    turned: Callable[[Any, GuardConfig], Any]


def respond(
    alerts: Iterable[Alert],
    present: Mapping[str, Any],
    settings: GuardConfig,
    *,
    has_earlier: bool = True,
    knobs: Mapping[Response, str] = MappingProxyType({}),
) -> Changes:
    """What the alerts of one iteration call for, each response once however many call for it, in ORDER.

    WARN calls for nothing. An ALERT about the model, or a STOP, keeps the old model unless `force` is set or
    the alert does not bar the new one. With `mode` "observe" nothing changes: what would have is `observed`,
    and told in `withheld`.

    Args:
        present: values of the settings that may be turned, by their dotted names; what is not in it has no
            effect in this run, and no alarm turns it.
        knobs: settings of the method's own that responses turn.
        has_earlier: whether a model was accepted before the present one; a roll-back is a reject where not.
    """
    turns = TURNS | {
        response: TURNS[response]._replace(setting=setting) for response, setting in knobs.items()
    }
    calls, withheld = _called(
        [alert for alert in alerts if alert.level >= Level.ALERT], turns, present, settings
    )
    patch, done, active = dict[str, Any](), list[str](), set[Response]()
    for response in in_order(calls):
        alert = calls[response]
        if reason := _hindrance(response, turns, present, settings):
            withheld.append(f"{reason}: {alert.message}")
            continue
        what: str = response
        if response in turns:
            what, changed = _turned(turns[response], present, settings)
            patch |= changed
        elif response == "roll-back" and not has_earlier:
            what = "reject, as no model was accepted before the present one to roll back to"
        active.add(response)
        done.append(f"{what}: {alert.message}")
    rolls_back = "roll-back" in active and has_earlier
    called = Changes(
        patch,
        "roll-back" if rolls_back else "reject" if active & set(_REFUSALS) else "accept",
        settings.labels if active & {"label", "stop"} else 0,
        "stop" in active,
        tuple(done),
        tuple(withheld),
    )
    if settings.mode == "act":
        return called
    return Changes(withheld=(*called.reasons, *called.withheld), observed=called)


def _hindrance(
    response: Response, turns: Mapping[Response, Turn], present: Mapping[str, Any], settings: GuardConfig
) -> str:
    """Why a response that is called for is not given; empty where nothing stands in its way."""
    if settings.force and response in _REFUSALS:
        return f"{response}, forced to go on"
    turn = turns.get(response)
    if turn is None:
        return ""
    if turn.setting not in present:
        return f"no {turn.setting}, which this run has no use for"
    old = present[turn.setting]
    return f"{turn.setting} at its limit already" if turn.turned(old, settings) == old else ""


def _turned(turn: Turn, present: Mapping[str, Any], settings: GuardConfig) -> tuple[str, dict[str, Any]]:
    """(what is said of it, the patch)."""
    old = present[turn.setting]
    new = turn.turned(old, settings)
    return f"{turn.setting} {old} -> {new}", {turn.setting: new}


def _called(
    serious: Iterable[Alert],
    turns: Mapping[Response, Turn],
    present: Mapping[str, Any],
    settings: GuardConfig,
) -> tuple[dict[Response, Alert], list[str]]:
    """Each response with the first alert that calls for it, and refusals that the gate keeps from being.

    Where one of INSTEAD cannot be given, the other is called for in its place.
    """
    calls: dict[Response, Alert] = {}
    withheld = list[str]()
    for alert in serious:
        called: list[Response] = [*alert.responses, "reject"] if alert.about_model else [*alert.responses]
        if not alert.bars and set(called) & set(_REFUSALS):
            withheld.append(f"no rejection, as the gate says better: {alert.message}")
            called = [response for response in called if response not in _REFUSALS]
        if alert.level == Level.STOP:
            called.append("stop")
        if settings.answers == "first":
            called, later = _first(called, turns, present, settings)
            withheld += [
                f"{turns[each].setting or each}, which comes later: {alert.message}" for each in later
            ]
        for response in called:
            if response in INSTEAD and (reason := _hindrance(response, turns, present, settings)):
                if turns[response].setting in present:
                    withheld.append(f"{reason}: {alert.message}")
                if (other := INSTEAD[response]) is None:
                    continue
                response = other
            calls.setdefault(response, alert)
    return calls, withheld


def _first(
    called: Sequence[Response],
    turns: Mapping[Response, Turn],
    present: Mapping[str, Any],
    settings: GuardConfig,
) -> tuple[list[Response], list[Response]]:
    """What is called for less the turns that come after the first that can be given, by ORDER; and those."""

    def can_be_given(response: Response) -> bool:
        ways = (response, INSTEAD.get(response))
        return any(each in turns and not _hindrance(each, turns, present, settings) for each in ways if each)

    later = [each for each in in_order(called) if can_be_given(each)][1:]
    return [each for each in called if each not in later], later


def check_start(kind: Kind, real_fraction: float, settings: GuardConfig) -> list[str]:
    """Refuse a run whose verifier can be fooled and that has no real data to hold on to, or too little.

    Where guards only observe, the refusals are returned as warnings for the run's record.
    """
    warnings = []
    if settings.mode == "observe":
        warnings.append("guards only observe: alarms are recorded and nothing is done about them")
    if kind != "exact" and real_fraction < max(settings.min_real_fraction, 1e-12):
        share = "no real data" if real_fraction <= 0 else f"{real_fraction:.1%} real data"
        text = (
            f"a {kind} verifier with {share}: give a real fraction of at least "
            f"{settings.min_real_fraction:.0%}, or an exact verifier"
        )
        if settings.mode == "act":
            raise UserError(text + '; guards.mode = "observe" allows it in an experiment')
        warnings.append(text)
    return warnings


def _more_real(share: float, settings: GuardConfig) -> float:
    limit = max(settings.real_fraction_max, share)
    return min(limit, round(share + settings.real_fraction_step, 9))


def _hotter(temperature: float, settings: GuardConfig) -> float:
    limit = max(settings.temperature_max, temperature)
    return min(limit, temperature * settings.temperature_factor)


def _wider(band: tuple[float, float], settings: GuardConfig) -> tuple[float, float]:
    (low, high), step = band, settings.band_step
    return max(0.0, round(low - step, 9)), min(1.0, round(high + step, 9))


def _fewer(steps: int, settings: GuardConfig) -> int:
    return max(min(settings.steps_min, steps), int(steps * settings.steps_factor))


def _firmer(weight: float, settings: GuardConfig) -> float:
    limit = max(settings.beta_max, weight)
    return min(limit, max(settings.beta_from, weight * settings.beta_factor))


def _shorter(penalty: float, settings: GuardConfig) -> float:
    limit = max(settings.length_max, penalty)
    return min(limit, round(penalty + settings.length_step, 9))


_REFUSALS: tuple[Response, ...] = ("reject", "roll-back")
"""Of the new model."""

TURNS: dict[Response, Turn] = {
    "real-fraction": Turn("mix.real_fraction", _more_real),
    "accumulate": Turn("mix.keep", lambda _, __: "accumulate"),
    "temperature": Turn("sample.temperature", _hotter),
    "cap": Turn("filter.per_prompt", lambda cap, settings: max(1, int(cap * settings.cap_factor))),
    "curriculum": Turn("sample.band", _wider),
    "steps": Turn("update.steps", _fewer),
    "kl": Turn("", _firmer),
    "length": Turn("guards.length_penalty", _shorter),
    "ensemble": Turn("guards.ensemble", lambda _, __: "least"),
}
"""The setting that a response turns, and how far; empty: one of the method's own, where it has one."""

INSTEAD: dict[Response, Response | None] = {"kl": "steps", "length": None, "ensemble": None}
"""Responses that not every run has a setting for, and what is done where it has none or not any further."""
