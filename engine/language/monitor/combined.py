"""Alerts that are more than one threshold on one metric."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.language.monitor.comparison import BEFORE, EARLIER, Comparison, Reading, short
from engine.language.monitor.levels import Alert, Compared, Evidence, Level, Response
from engine.language.monitor.metric.coverage import chance_to_lose
from engine.language.monitor.metric.observation import GateResult
from engine.statistics import exact_interval


def narrowing(comparison: Comparison, largest: str) -> Alert | None:
    """pass@k at the largest k lost, or lost a little while pass@1 rises: sharpening, not learning."""
    settings, bounds = comparison.settings, comparison.settings.thresholds
    worst: Alert | None = None
    for name in (comparison.first, BEFORE):
        many, one = comparison.compared(largest, name), comparison.compared("pass/at_01", name)
        if many is None or one is None:
            continue
        lost = many.evidence("fall")
        text = f", {short(many.reference)} in {name}"
        if lost.badness >= bounds.pass_at_k and lost.chance(0.0) <= 1 - settings.alert_confidence:
            text += ": fewer problems are solved in as many samples"
            does: tuple[Response, ...] = ("steps", "temperature")
            return comparison.alert(largest, Level.ALERT, text, does, reference=many.reference)
        sure = lost.chance(0.0) <= 1 - settings.warn_confidence
        if one.value > one.reference and lost.badness >= bounds.narrowing and sure:
            rose = f", while pass@1 went from {short(one.reference)} to {short(one.value)}"
            worst = comparison.alert(largest, Level.WARN, text + rose, (), reference=many.reference)
    return worst


def entropy_floor(comparison: Comparison) -> Alert | None:
    """Entropy next to nothing where there was plenty."""
    bounds = comparison.settings.thresholds
    pair = comparison.compared("diversity/entropy", comparison.base) if comparison.base else None
    if pair is None or pair.replicates is None or not pair.reference > bounds.entropy_rich:
        return None
    below = Compared(pair.value, pair.replicates, pair.clusters).evidence("below")
    if below.chance(-bounds.entropy_floor) > 1 - comparison.settings.alert_confidence:
        return None
    text = f", {short(pair.reference)} in {comparison.base}: under {short(bounds.entropy_floor)} nats a token"
    does: tuple[Response, ...] = ("temperature",)
    return comparison.alert("diversity/entropy", Level.ALERT, text, does, reference=pair.reference)


def kl_growth(comparison: Comparison) -> Alert | None:
    """KL from the base of drift that multiplies in one iteration."""
    bounds = comparison.settings.thresholds
    pair = comparison.compared("drift/kl", BEFORE) if comparison.base else None
    if pair is None or pair.replicates is None or pair.reference_replicates is None:
        return None
    floor = bounds.kl_growth_from
    drawn = pair.replicates / np.maximum(pair.reference_replicates, floor)
    evidence = Evidence(pair.value / max(pair.reference, floor), float(drawn.std()))
    if evidence.chance(bounds.kl_growth) > 1 - comparison.settings.alert_confidence:
        return None
    text = f", {short(pair.reference)} in {BEFORE}: over {short(bounds.kl_growth)} times as many nats"
    return comparison.alert("drift/kl", Level.ALERT, text, ("kl",), reference=pair.reference)


def kl_budget(comparison: Comparison) -> Alert | None:
    """A model that is surely further from the base of drift than its budget of KL lets it be."""
    budget, metric = comparison.settings.thresholds.kl_budget, "drift/kl_budget"
    alone = comparison.compared("drift/kl")
    if not budget or alone is None or comparison.base is None:
        return None
    reading = comparison.readings["drift/kl"]
    comparison.readings[metric] = Reading(*(each / budget for each in reading))
    if alone.evidence("above").chance(budget) > 1 - comparison.settings.alert_confidence:
        return None
    text = f" times the budget of {short(budget)} nats a sample away from {comparison.base}"
    return comparison.alert(metric, Level.ALERT, text, ("kl",), reference=1.0)


def kl_explosion(comparison: Comparison, stopped_at: float | None, *, is_better: bool) -> Alert | None:
    """STOP where own samples are all but impossible for the base of drift, or a training was stopped.

    Not by the samples of a model that `is_better` by verdicts that cannot be fooled: it has learnt much.
    """
    bound, metric = comparison.settings.thresholds.kl_explosion, "drift/kl_token"
    alone = comparison.compared(metric)
    if stopped_at is not None:
        comparison.readings.setdefault(metric, Reading(stopped_at, stopped_at, stopped_at))
        text = f"; training was stopped at {short(stopped_at)} nats a token away from its reference"
    elif (
        alone is None
        or comparison.base is None
        or is_better
        or alone.evidence("above").chance(bound) > 1 - comparison.settings.alert_confidence
    ):
        return None
    else:
        text = f", over {short(bound)} nats a token away from {comparison.base}"
    text += ": KL has exploded"
    return comparison.alert(metric, Level.STOP, text, ("stop", "kl", "reject", "label"), reference=bound)


def rare_recall(comparison: Comparison, rare: Mapping[str, int], seen: Mapping[str, object]) -> Alert | None:
    """Rare modes of the first iteration's right samples that are gone; those of wrong ones would be no loss.

    The interval is that of a proportion of modes.
    """
    if not rare or comparison.first not in comparison.references:
        return None
    settings, bound, total = comparison.settings, comparison.settings.thresholds.rare, len(rare)
    missed = sum(mode not in seen for mode in rare)
    interval = exact_interval(total - missed, total, settings.confidence)
    comparison.readings["coverage/rare_recall"] = Reading(1 - missed / total, *interval)
    chance = chance_to_lose(missed, rare)
    text = f": {missed} of {total} rare modes of the right samples of {comparison.first} were not drawn again"
    for level, limit, confidence in (
        (Level.ALERT, bound.alert, settings.alert_confidence),
        (Level.WARN, bound.warn, settings.warn_confidence),
    ):
        if missed >= limit * total and chance <= 1 - confidence:
            does: tuple[Response, ...] = ("real-fraction", "accumulate", "temperature")
            return comparison.alert("coverage/rare_recall", level, text, does, reference=1.0)
    return None


def parted(comparison: Comparison) -> bool:
    """Whether the proxy rose and gold fell since the iteration before."""
    proxy, gold = (comparison.compared(f"hacking/{name}", BEFORE) for name in ("proxy", "gold"))
    if proxy is None or gold is None:
        return False
    return proxy.value > proxy.reference and gold.value < gold.reference


def nearer_to_real_data(comparison: Comparison) -> bool:
    """Whether real data is surely likelier than in what shape is compared with."""
    pair = comparison.compared("drift/bits_per_character", comparison.base) if comparison.base else None
    return (
        pair is not None and pair.evidence("shrink").chance(0.0) <= 1 - comparison.settings.alert_confidence
    )


def hacked(comparison: Comparison, times_parted: int) -> Alert | None:
    """STOP where proxy and gold parted twice running, surely so over the two iterations together.

    The first of the two was accepted, else it would not count: the model from before they parted comes back.
    """
    proxy, gold = (comparison.compared(f"hacking/{name}", EARLIER) for name in ("proxy", "gold"))
    if times_parted < 2 or proxy is None or gold is None:
        return None
    chance = max(proxy.evidence("rise").chance(0.0), gold.evidence("fall").chance(0.0))
    if chance > 1 - comparison.settings.alert_confidence:
        return None
    fell, rose = short(gold.reference), short(proxy.value)
    text = f", {fell} two iterations ago, while the proxy rose to {rose}: the score parts from the truth"
    return comparison.alert(
        "hacking/gold", Level.STOP, text, ("stop", "roll-back", "label"), reference=gold.reference
    )


def real_fraction(comparison: Comparison, exact: bool) -> Alert | None:
    """Little real data where no exact verifier keeps the rest true."""
    metric = "data/real_fraction"
    if exact or metric not in comparison.readings:
        return None
    bound, value = comparison.settings.thresholds.real_fraction, comparison.readings[metric].value
    if value >= bound.warn:
        return None
    level = Level.ALERT if value < bound.alert else Level.WARN
    limit = bound.alert if level == Level.ALERT else bound.warn
    text = f", under {short(limit)}: no exact verifier keeps the rest true"
    does: tuple[Response, ...] = ("real-fraction", "accumulate")
    return comparison.alert(metric, level, text, does, reference=limit, about_model=False)


def overlap(comparison: Comparison) -> Alert | None:
    """Any evaluation item in kept data."""
    metric = "data/overlap"
    if metric not in comparison.readings or not comparison.readings[metric].value:
        return None
    text = ": kept episodes are in evaluation data; remove them, and measure on other items"
    return comparison.alert(metric, Level.STOP, text, ("stop",), reference=0.0, about_model=False)


def gate(comparison: Comparison, result: GateResult | None) -> Alert | None:
    """A new model that is likely worse than the old."""
    if result is None:
        return None
    comparison.readings["gate/difference"] = Reading(result.difference, result.low, result.high)
    comparison.readings["gate/p_worse"] = Reading(result.p_worse, result.p_worse, result.p_worse)
    bound = comparison.settings.thresholds.gate
    if result.verdict not in ("doubted", "worse"):
        return None
    level, limit = (Level.ALERT, bound.alert) if result.verdict == "worse" else (Level.WARN, bound.warn)
    test = f" (McNemar's p {short(result.p_value)})" if result.p_value < 1 else ""
    text = (
        f", over {short(limit)}: the chance that the new model is worse than the old, whose score it has by "
        f"{result.difference:+.4g}{test}"
    )
    return comparison.alert("gate/p_worse", level, text, ("reject",), reference=bound.alert)


def oversight(comparison: Comparison, last_human: int, exact: bool) -> Alert | None:
    """Iterations without a human verdict: advice where the verifier is exact, a stop in the end where not."""
    metric, every, since = (
        "oversight/since_human",
        comparison.settings.human_every,
        comparison.iteration - last_human,
    )
    comparison.readings[metric] = Reading(float(since), float(since), float(since))
    if since < every or (exact and since % every):
        return None
    level = Level.STOP if since >= 2 * every and not exact else Level.WARN
    text = " iterations without a person's verdict: look at samples of this run"
    does: tuple[Response, ...] = ("stop", "label")
    return comparison.alert(metric, level, text, does, reference=float(every), about_model=False)
