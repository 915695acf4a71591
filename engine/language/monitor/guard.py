"""What is done about alarms: changes to the settings of the loop, a model refused, a run stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from engine.errors import UserError
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.levels import Alert, Level, Response
from engine.language.task import Kind


@dataclass(frozen=True)
class Knobs:
    """Settings of the loop that guards turn."""

    real_fraction: float = 0.0
    """Of training tokens."""
    accumulate: bool = False
    """Add to the data of earlier iterations instead of replacing it."""
    temperature: float | None = 1.0
    """Of the samples to learn from. None: nothing sorts them, so that hotter ones would be learnt, errors
    and all, and no alarm turns it."""
    cap: int = 4
    """Samples kept of one problem."""
    band: tuple[float, float] = (0.2, 0.8)
    """Pass rates of the problems that are practised."""
    kl_weight: float | None = 0.0
    """None: the loss has no such term, and no alarm turns it."""
    steps: int = 1000
    """Of gradient, an iteration."""


@dataclass(frozen=True)
class Changes:
    """What the driver applies before the next iteration."""

    knobs: Knobs
    reject: bool = False
    """The old model stays."""
    roll_back: bool = False
    """Back to the checkpoint before."""
    labels: int = 0
    """Human verdicts to ask for."""
    stop: bool = False
    """Go on only once a human says so."""
    reasons: tuple[str, ...] = ()
    """What is done and why, a line each."""
    withheld: tuple[str, ...] = field(default=())
    """What was called for and is not done: guards only observe, are forced, or the gate says better."""


def respond(alerts: Iterable[Alert], knobs: Knobs, settings: GuardConfig) -> Changes:
    """What the alerts of one iteration call for, each response once however many call for it.

    WARN calls for nothing. An ALERT about the model, or a STOP, keeps the old model unless `force` is set or
    the alert does not bar the new one. With `mode` "observe" nothing changes, and what would have is in
    `withheld`.
    """
    serious = [alert for alert in alerts if alert.level >= Level.ALERT]
    calls: dict[Response, Alert] = {}
    turned, done, withheld = knobs, list[str](), list[str]()
    for alert in serious:
        called: list[Response] = [*alert.responses, "reject"] if alert.about_model else [*alert.responses]
        if not alert.bars and set(called) & set(_REFUSALS):
            withheld.append(f"no rejection, as the gate says better: {alert.message}")
            called = [response for response in called if response not in _REFUSALS]
        for response in called:
            calls.setdefault(response, alert)
        if alert.level == Level.STOP:
            calls.setdefault("stop", alert)
    if knobs.kl_weight is None:
        calls.pop("kl", None)
    if knobs.temperature is None:
        calls.pop("temperature", None)
    for response, alert in calls.items():
        if settings.force and response in _REFUSALS:
            withheld.append(f"{response}, forced to go on: {alert.message}")
            continue
        after = _TURNS[response](turned, settings) if response in _TURNS else turned
        what = _difference(turned, after) if response in _TURNS else response
        done.append(f"{what}: {alert.message}")
        turned = after
    if settings.mode == "observe":
        return Changes(knobs, withheld=(*done, *withheld))
    active = {response for response in calls if not (settings.force and response in _REFUSALS)}
    return Changes(
        turned,
        reject="reject" in active,
        roll_back="roll-back" in active,
        labels=settings.labels if "label" in active else 0,
        stop="stop" in active,
        reasons=tuple(done),
        withheld=tuple(withheld),
    )


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


def _more_real(knobs: Knobs, settings: GuardConfig) -> Knobs:
    limit = max(settings.real_fraction_max, knobs.real_fraction)
    return replace(
        knobs, real_fraction=min(limit, round(knobs.real_fraction + settings.real_fraction_step, 9))
    )


def _hotter(knobs: Knobs, settings: GuardConfig) -> Knobs:
    assert knobs.temperature is not None
    limit = max(settings.temperature_max, knobs.temperature)
    return replace(knobs, temperature=min(limit, knobs.temperature * settings.temperature_factor))


def _wider(knobs: Knobs, settings: GuardConfig) -> Knobs:
    low, high = knobs.band
    step = settings.band_step
    return replace(knobs, band=(max(0.0, round(low - step, 9)), min(1.0, round(high + step, 9))))


def _heavier_kl(knobs: Knobs, settings: GuardConfig) -> Knobs:
    assert knobs.kl_weight is not None
    limit = max(settings.kl_max, knobs.kl_weight)
    heavier = knobs.kl_weight * settings.kl_factor or settings.kl_start
    return replace(knobs, kl_weight=min(limit, heavier))


def _fewer_steps(knobs: Knobs, settings: GuardConfig) -> Knobs:
    floor = min(settings.steps_min, knobs.steps)
    return replace(knobs, steps=max(floor, int(knobs.steps * settings.steps_factor)))


_REFUSALS: tuple[Response, ...] = ("reject", "roll-back")
"""Of the new model."""

_TURNS: dict[Response, Callable[[Knobs, GuardConfig], Knobs]] = {
    "real-fraction": _more_real,
    "accumulate": lambda knobs, _: replace(knobs, accumulate=True),
    "temperature": _hotter,
    "cap": lambda knobs, settings: replace(knobs, cap=max(1, int(knobs.cap * settings.cap_factor))),
    "curriculum": _wider,
    "kl": _heavier_kl,
    "steps": _fewer_steps,
}


def _difference(before: Knobs, after: Knobs) -> str:
    changes = [
        f"{name} {old} -> {getattr(after, name)}"
        for name, old in vars(before).items()
        if old != getattr(after, name)
    ]
    return ", ".join(changes) or "at its limit already"
