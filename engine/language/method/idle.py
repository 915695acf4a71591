"""Settings that have no effect: which, and why, so that they are refused by name rather than dropped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.config.section import Section
from engine.errors import UserError
from engine.language.task import Kind, Task

if TYPE_CHECKING:
    from engine.language.settings import TextConfig

Reasons = Mapping[str, str]
"""Why settings have no effect, by dotted name."""


class Idle(NamedTuple):
    """A setting that has been given another value than its usual one and does nothing."""

    name: str
    line: str
    """Name, value and why."""


def names_of(values: Section, prefix: str) -> Iterator[str]:
    """The dotted names of a section's settings, those of sections in it included."""
    for name in type(values).model_fields:
        value = getattr(values, name)
        if isinstance(value, Section):
            yield from names_of(value, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}"


def every(config: Section, section: str, reason: str, but: Collection[str] = ()) -> dict[str, str]:
    """All settings of a section, named with its dots, for one reason; `but` are names within it."""
    kept = {f"{section}.{name}" for name in but}
    return {name: reason for name in names_of(value_at(config, section), section) if name not in kept}


def between(config: TextConfig, task: Task) -> dict[str, str]:
    """Settings that others, or what the task lacks, leave without effect, whatever the method."""
    model, learner, sampling = config.model, config.learner, config.sample
    named = "where a model is named (model.path)" * bool(model.path)
    found = {
        "model.size": named,
        "model.steps": named,
        "noise.temperature": without("noise.steps", config.noise.steps),
        "mix.real_fraction": "with mix.real = false" * (not config.mix.real),
        "learner.final_rate": "with learner.schedule = 'constant'" * (learner.schedule == "constant"),
        "learner.look_every": without("learner.patience", learner.patience),
        "filter.leaks": without("sample.rationalize", sampling.rationalize)
        or _lacking(task, "leaks", "tells no leak of a hint"),
        "sample.rationalize": _lacking(task, "hint", "gives no hints"),
    }
    if model.adapter:
        found |= every(config, "model.lora", "over an adapter that there is (model.adapter)")
    elif not model.lora.rank:
        found |= every(config, "model.lora", without("model.lora.rank", 0), ("rank",))
    if not sampling.temperature:
        found |= dict.fromkeys(("sample.top_k", "sample.top_p"), "with sample.temperature = 0")
    return found


def of_alarms(
    config: TextConfig, task: Task, kind: Kind, has_judge: bool, turned: Collection[str], kl: str | None
) -> dict[str, str]:
    """Settings of monitors and guards that what this run measures, and may turn, leaves without effect.

    Args:
        kind: of its verdicts.
        has_judge: whether somebody gives them in the verifier's place.
        turned: settings that guards may turn, by dotted name.
        kl: the one of those that weighs KL.
    """
    exact = "on an exact verifier" * (kind == "exact")
    alone = "without a judge in the verifier's place" * (not has_judge)
    known = _lacking(task, "gold", "knows no truth beside its verdicts") if not has_judge else ""
    thresholds = {
        "agreement": exact,
        "real_fraction": exact,
        "missing": alone,
        "gap": known,
        "gold": known,
        "disagreement": _lacking(task, "second_score", "has no second verifier"),
        "variation_gap": _lacking(task, "variations", "has no variations"),
        "holdout": without("measure.holdout", config.measure.holdout),
    }
    found = {"guards.min_real_fraction": exact, "guards.audit": alone, "guards.gate_on": alone}
    for name, reason in thresholds.items():
        found |= every(config, f"monitor.thresholds.{name}", reason)
    for setting, names in _TURNING.items():
        if (kl or "") not in turned if setting == "kl" else setting not in turned:
            what = "a weight of KL" if setting == "kl" else setting
            found |= dict.fromkeys((f"guards.{name}" for name in names), f"where no alarm turns {what}")
    for name in ("guards.length_penalty", "guards.ensemble"):
        if name not in turned:
            found[name] = f"on how {config.method} works"
    return found


_TURNING = {
    "mix.real_fraction": ("real_fraction_step", "real_fraction_max"),
    "sample.temperature": ("temperature_factor", "temperature_max"),
    "filter.per_prompt": ("cap_factor",),
    "sample.band": ("band_step",),
    "update.steps": ("steps_factor", "steps_min"),
    "kl": ("beta_factor", "beta_from", "beta_max"),
    "guards.length_penalty": ("length_step", "length_max"),
}
"""Settings of the guards that say how far they turn another one."""


def without(name: str, value: object) -> str:
    """The reason of what needs a setting that has no `value`; empty where it has one."""
    return "" if value else f"without {name}"


def _lacking(task: Task, method: str, what: str) -> str:
    is_own = getattr(type(task), method) is not getattr(Task, method)
    return "" if is_own else f"on task '{task.name}', which {what}"


def refuse_idle(found: Collection[Idle], given: Collection[str]) -> list[str]:
    """UserError for one of the settings that somebody has `given`; else what is to be told, a line each."""
    for each in found:
        if each.name in given:
            remedy = "set that, or leave it out" if " without " in each.line else "leave it out"
            raise UserError(f"{each.line}; {remedy}")
    return [each.line for each in found]


def value_at(config: Section, name: str) -> Any:
    """That of a setting by its dotted name."""
    return reduce(getattr, name.split("."), config)


def shown(value: object) -> str:
    """A value as a line has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
