"""What the alerts of one iteration come to together: which are of a collapse, and which bar the new model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.metric.observation import GateResult
from engine.language.monitor.rules import nature_of

REAL_DATA = ("drift/bits_per_character", "drift/kl_real")
"""Metrics of real data's likelihood."""
BOUNDS = ("drift/kl_budget", "drift/kl_token")
"""Metrics that no gain makes up for."""
LONGER = "hacking/length_correlation"
LENGTH = ("length/mean", "length/p95")


def weighed(
    alerts: Sequence[Alert], gate: GateResult | None, exact: bool, *, blind: bool = False
) -> list[Alert]:
    """The alerts of an iteration in the light of each other and of the gate, the worst first.

    A change of shape alone is a WARN: a model that learns grows surer, shorter or different. It is an ALERT,
    a collapse, beside a loss (`Nature`) that is at least a WARN; a gate that only leans to worse is no loss.

    No alert bars a model that the gate calls surely better while real data's likelihood has not fallen, but
    one of a bound on KL. Where
    the verifier is not `exact` the gate believes what may be fooled: alarms of trust and of the true score
    then bar it all the same. Where nothing tells how true the score is (`blind`: no exact verifier, no true
    scores, and real data no likelier than it was) texts that have grown are such an alarm: the commonest way
    to please a judge is to write more.
    """
    losses = [alert for alert in alerts if _is_loss(alert)]
    better = (
        gate is not None
        and gate.verdict == "better"
        and not any(alert.metric in REAL_DATA for alert in losses)
    )
    found = []
    for alert in alerts:
        pleases = blind and alert.metric in LENGTH and alert.value > alert.reference
        weighty = _of_shape(alert, losses) if _is_shape(alert, exact) and not pleases else alert
        fooled = not exact and (pleases or _may_be_fooled(alert))
        spared = better and alert.about_model and not fooled and alert.metric not in BOUNDS
        found.append(replace(weighty, bars=False) if spared else weighty)
    return sorted(found, key=lambda alert: (-alert.level, alert.metric))


def _of_shape(alert: Alert, losses: Sequence[Alert]) -> Alert:
    """An alert of shape, beside the losses of its iteration."""
    if alert.level < Level.ALERT:
        return alert
    if losses:
        return replace(alert, message=f"{alert.message}; beside a loss: {losses[0].metric}")
    text = f"{alert.message}; shape alone, without a sure loss of score, solutions or real data's likelihood"
    return replace(alert, level=Level.WARN, message=text, responses=())


def _is_shape(alert: Alert, exact: bool) -> bool:
    """Where the verifier is exact, longer texts that score more are no longer ones that please a judge."""
    return nature_of(alert.metric) == "shape" or (exact and alert.metric == LONGER)


def _is_loss(alert: Alert) -> bool:
    least = Level.ALERT if alert.metric == "gate/p_worse" else Level.WARN
    return nature_of(alert.metric) == "loss" and alert.level >= least


def _may_be_fooled(alert: Alert) -> bool:
    """Whether an alert says that a score is not the truth."""
    return nature_of(alert.metric) == "trust" or alert.metric == "hacking/gold"
