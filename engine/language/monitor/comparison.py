"""From measurements to alerts: every metric against its threshold, iteration 0 and the iteration before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.levels import Alert, Compared, Level, Response, grade
from engine.language.monitor.metric.clustered import Clustered
from engine.language.monitor.metric.measure import (
    VARIATION_GAP,
    Measured,
    alike,
    seed_of,
    values_of,
    variation_gap,
)
from engine.language.monitor.rules import Rule, in_order, rule_of
from engine.statistics import Floats, exact_interval, percentile_interval

Tables = dict[str, Clustered]

PROPORTIONS = (
    "pass/at_", "accuracy/greedy", "accuracy/variations", "hacking/exploit", "hacking/disagreement",
    "data/yield", "data/zero_spread", "judge/agreement", "judge/missing",
)  # fmt: skip
"""Beginnings of the names of metrics whose clusters can be all right or all wrong."""
BEFORE = "the iteration before"
EARLIER = "the one before that"
BEST = "the best iteration"


class Reading(NamedTuple):
    """A metric's value with its interval."""

    value: float
    low: float
    high: float


class Comparison:
    """The comparisons of one iteration.

    `references` are earlier iterations' tables by what to call them: `first` and, where there are, BEFORE,
    EARLIER and BEST, and `base`, which shape is compared with; None: there is nothing yet to compare it with.
    `readings` has each metric with its interval.
    """

    def __init__(
        self,
        iteration: int,
        measured: Measured,
        first: str,
        base: str | None,
        references: dict[str, Tables],
        settings: MonitorConfig,
    ) -> None:
        self.iteration = iteration
        self.settings = settings
        self.first = first
        self.base = base
        self.references = references
        self._measured = measured
        self._values: dict[str, tuple[str, float]] = {}  # table and value of each metric
        for name, table in measured.tables.items():
            for metric, value in values_of(name, table).items():
                if not metric.startswith("_") and math.isfinite(float(value)):
                    self._values[metric] = name, float(value)
        self._drawn: dict[
            tuple[str, str], tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats]]
        ] = {}
        self.readings = {metric: self._reading(metric) for metric in (*self._values, *measured.loose)}

    def compared(self, metric: str, against: str | None = None) -> Compared | None:
        """A metric beside itself in a reference, or alone; None where one of them was not measured."""
        if metric in self._measured.loose:
            value, replicates = self._measured.loose[metric]
            before = self._gap(against) if against and metric == VARIATION_GAP else None
            size = len(replicates) if replicates is not None else 0
            return Compared(value, replicates, size, *(before or ()))
        if metric not in self._values:
            return None
        name, value = self._values[metric]
        if against is None:
            drawn = self._draw(name)
            return Compared(value, drawn[metric], len(self._measured.tables[name].keys))
        return self._pair(name, metric, against)

    def alert(
        self,
        metric: str,
        level: Level,
        message: str,
        responses: tuple[Response, ...],
        *,
        reference: float = math.nan,
        about_model: bool = True,
    ) -> Alert:
        """An alert on a metric of this iteration; below ALERT it calls for nothing."""
        does = in_order(responses) if level >= Level.ALERT else ()
        reading = self.readings[metric]
        text = f"{metric} is {short(reading.value)}{message}"
        span = reading.low, reading.high
        return Alert(self.iteration, metric, level, reading.value, reference, span, text, does, about_model)

    def by_rules(self) -> Iterator[Alert]:
        """Alerts of all metrics that come under a rule, at most one a metric."""
        ruled = [(metric, rule) for metric in self.readings if (rule := rule_of(metric)) is not None]
        for metric, rule in ruled:
            family = sum(other is rule for _, other in ruled)
            alert = self._by_rule(metric, rule, family)
            if alert is not None:
                yield alert

    def _by_rule(self, metric: str, rule: Rule, family: int) -> Alert | None:
        bound = rule.bound(self.settings.thresholds)
        found: list[tuple[Level, float, str]] = []
        if rule.form in ("above", "below"):
            alone = self.compared(metric)
            assert alone is not None
            level = grade(alone.evidence(rule.form), bound, rule.form, self.settings, family)
            if rule.must_have_risen and level > Level.WARN and not self._has_risen(metric):
                level = Level.WARN
            limit = bound.alert if level >= Level.ALERT else bound.warn
            found.append((level, limit, f", {'over' if rule.form == 'above' else 'under'} {short(limit)}"))
        else:
            least = getattr(self.settings.thresholds, rule.least) if rule.least else -math.inf
            pairs = [
                (name, pair)
                for name in self._compared_with(rule)
                if (pair := self.compared(metric, name)) is not None
            ]
            family *= max(1, len(pairs))  # each is another chance of a false alarm
            for name, pair in pairs:
                if math.isfinite(pair.reference) and pair.reference >= least:
                    level = grade(pair.evidence(rule.form), bound, rule.form, self.settings, family)
                    found.append((level, pair.reference, f", {short(pair.reference)} in {name}"))
        if not found:
            return None
        level, reference, text = max(found, key=lambda item: item[0])
        if level == Level.OK:
            return None
        if level > Level.WARN and rule.unless_best and self._is_best(rule.unless_best):
            level = Level.WARN
        message = f"{text}: {rule.meaning.format(base=self.base or self.first)}"
        return self.alert(
            metric, level, message, rule.responses, reference=reference, about_model=rule.about_model
        )

    def _compared_with(self, rule: Rule) -> tuple[str, ...]:
        """Names of the iterations that a change is one from."""
        if rule.nature == "shape":
            return (self.base, BEFORE) if self.base else ()
        return (self.first,) if rule.first_only else (self.first, BEFORE, BEST)

    def _has_risen(self, metric: str) -> bool:
        pair = self.compared(metric, self.first)
        return pair is not None and pair.evidence("rise").chance(0.0) <= 1 - self.settings.alert_confidence

    def _is_best(self, metric: str) -> bool:
        """Whether a metric is higher than in the first iteration and as high as in the best."""
        first, best = self.compared(metric, self.first), self.compared(metric, BEST)
        if first is None or first.value <= first.reference:
            return False
        return best is None or best.value >= best.reference

    def _reading(self, metric: str) -> Reading:
        alone = self.compared(metric)
        assert alone is not None
        value, drawn = alone.value, alone.replicates
        if drawn is None:
            return Reading(value, value, value)
        if value in (0.0, 1.0) and metric.startswith(PROPORTIONS) and alone.clusters:
            # All clusters are alike: drawing them shows no spread, one trial a cluster does.
            return Reading(
                value,
                *exact_interval(round(value * alone.clusters), alone.clusters, self.settings.confidence),
            )
        return Reading(value, *percentile_interval(drawn, self.settings.confidence))

    def _gap(self, against: str) -> tuple[float, Floats] | None:
        """The gap to variations in a reference, None where it has none."""
        tables = self.references.get(against, {})
        if "accuracy" not in tables or "variations" not in tables:
            return None
        return variation_gap(tables, self.settings)

    def _draw(self, name: str) -> dict[str, Floats]:
        table = self._measured.tables[name]
        key = name, ""
        if key not in self._drawn:
            drawn = values_of(name, table, table.counts(self.settings.replicates, seed_of(name)))
            self._drawn[key] = drawn, {}, {}
        return self._drawn[key][0]

    def _pair(self, name: str, metric: str, against: str) -> Compared | None:
        reference = self.references.get(against, {}).get(name)
        if reference is None:
            return None
        key = name, against
        new, old = alike(name, self._measured.tables[name], reference)
        if not new.keys:
            return None
        if key not in self._drawn:
            counts = new.counts(self.settings.replicates, seed_of(name))
            self._drawn[key] = (
                values_of(name, new, counts),
                values_of(name, old, counts),
                values_of(name, old),
            )
        drawn_new, drawn_old, before = self._drawn[key]
        if metric not in before or metric not in drawn_new:
            return None
        value = (
            values_of(name, new)[metric]
            if new.keys != self._measured.tables[name].keys
            else self._values[metric][1]
        )
        return Compared(
            float(value), drawn_new[metric], len(new.keys), float(before[metric]), drawn_old[metric]
        )


def short(value: float) -> str:
    """A number for a message."""
    return f"{value:.4g}"
