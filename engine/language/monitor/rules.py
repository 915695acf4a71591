"""Which change of which metric is a warning, an alert, and what it calls for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from engine.language.monitor.config import FallingThreshold, Threshold, ThresholdConfig
from engine.language.monitor.levels import Form, Response

Nature = Literal["loss", "shape", "trust", "procedure"]
"""What a metric speaks of.

A loss is one of what the gate measures, or of real data's likelihood: of held-out score, of the true score
of samples, of problems solved in many samples, of right solutions that were found. Shape is what texts look
like, and how far they have gone from where they began: it changes whenever a model learns, and is a sign of
collapse only beside a loss. Trust is whether a score means what it says. Procedure is of data and people.
"""


ORDER: tuple[Response, ...] = (
    "stop", "roll-back", "reject", "ensemble", "length", "real-fraction", "accumulate", "kl", "steps",
    "curriculum", "cap", "temperature", "label",
)  # fmt: skip
"""What an alarm calls for first: what keeps a worse model out; what mends the score; the cures by how much of
the damage each spares where it is the only one, as far as scripts/experiments/text/results has it (real data
and accumulation so far; the places of the others are judgement); then what a person does."""


def in_order(responses: Iterable[Response]) -> tuple[Response, ...]:
    """Responses as ORDER has them, each once."""
    return tuple(sorted(set(responses), key=ORDER.index))


@dataclass(frozen=True)
class Rule:
    """One row of the table of rules."""

    metric: str
    """Its name; the beginning of the names of a family where it ends in a dot."""
    form: Form
    threshold: str
    """Field of ThresholdConfig."""
    nature: Nature
    responses: tuple[Response, ...]
    """What it calls for, in whatever order: ORDER says which comes first."""
    meaning: str
    """What has been seen, `{base}` for what drift is measured from."""
    must_have_risen: bool = False
    """A bound only counts where the value has surely risen since iteration 0: some are high by nature."""
    first_only: bool = False
    """Compared with iteration 0 and not with the iteration before."""
    least: str = ""
    """Field of ThresholdConfig: values below it are not compared with."""
    unless_best: str = ""
    """Metric beside whose highest value so far it is a warning at most."""

    @property
    def about_model(self) -> bool:
        """Whether another model would mend it."""
        return self.nature != "procedure"

    @property
    def is_family(self) -> bool:
        """Whether it rules several metrics, which share the chance of a false alarm."""
        return self.metric.endswith(".")

    def bound(self, thresholds: ThresholdConfig) -> Threshold | FallingThreshold:
        """Its threshold."""
        found = getattr(thresholds, self.threshold)
        assert isinstance(found, Threshold | FallingThreshold)
        return found


RULES = (
    *(
        Rule(f"diversity/distinct_{n}", "shrink", "distinct", "shape",
             ("temperature", "cap", "real-fraction"), "samples use fewer different n-grams")
        for n in (1, 2, 4)
    ),
    Rule("diversity/self_bleu", "rise", "self_bleu", "shape", ("temperature", "cap"),
         "samples of one problem grow alike"),
    Rule("diversity/self_bleu_across", "rise", "self_bleu", "shape", ("temperature", "cap", "real-fraction"),
         "samples of different problems grow alike"),
    Rule("diversity/entropy", "shrink", "entropy", "shape", ("temperature",),
         "tokens are drawn from narrower distributions", least="entropy_from"),
    Rule("diversity/entropy.", "shrink", "entropy", "shape", ("temperature",),
         "tokens at these positions are drawn from narrower distributions", least="entropy_from"),
    Rule("coverage/unique", "shrink", "unique", "shape", ("temperature", "cap"),
         "fewer different solutions a sample, right and wrong"),
    Rule("coverage/unique_right", "shrink", "unique", "loss", ("temperature", "cap"),
         "fewer different right solutions a sample"),
    Rule("coverage/solutions", "shrink", "coverage", "loss", ("real-fraction", "accumulate", "cap"),
         "fewer of the known solutions are found"),
    Rule("coverage/effective", "shrink", "coverage", "loss", ("real-fraction", "accumulate", "cap"),
         "a problem has fewer right solutions in effect"),
    Rule("coverage/share.", "shrink", "rare", "shape", ("real-fraction", "accumulate", "curriculum"),
         "fewer of the right samples are of this kind of problem"),
    Rule("drift/bits_per_character", "grow", "holdout", "loss", ("real-fraction",),
         "real data has become less likely"),
    Rule("accuracy/greedy", "fall", "accuracy", "loss", ("real-fraction",),
         "more of the held-out problems are failed"),
    Rule("accuracy/greedy.", "fall", "accuracy", "loss", ("real-fraction",),
         "more of the held-out problems of this kind are failed"),
    Rule("drift/kl", "above", "kl", "shape", ("kl",), "nats a sample away from {base}"),
    Rule("drift/kl_real", "above", "kl", "loss", ("kl",),
         "nats by which real data is less likely than under {base}"),
    Rule("hacking/gold", "fall", "gold", "loss", ("real-fraction", "ensemble"),
         "samples score less in truth"),
    Rule("hacking/gap", "rise", "gap", "trust", ("ensemble", "kl", "label", "reject"),
         "the proxy rises past the truth", first_only=True, unless_best="hacking/gold"),
    Rule("hacking/disagreement", "above", "disagreement", "trust", ("label", "reject"),
         "two verifiers differ in as many samples, and one of them is wrong"),
    Rule("hacking/exploits", "rise", "exploits", "trust", ("label", "reject"),
         "more samples with signs of exploits", first_only=True),
    Rule("hacking/exploit.", "rise", "exploits", "trust", ("label", "reject"),
         "more samples with this sign of an exploit", first_only=True),
    Rule("length/mean", "swing", "length", "shape", ("length", "reject"), "length drifts"),
    Rule("length/p95", "swing", "length", "shape", ("length", "reject"), "the longest samples drift"),
    Rule("hacking/length_correlation", "above", "length_correlation", "trust", ("length", "label"),
         "longer samples score more", must_have_risen=True),
    Rule("accuracy/variation_gap", "above", "variation_gap", "trust", ("label", "reject"),
         "variations of the held-out problems are solved less often: memorised, contaminated, or harder",
         must_have_risen=True),
    Rule("judge/agreement", "below", "agreement", "procedure", ("label",),
         "the judge contradicts itself in the rest of the cases"),
    Rule("judge/missing", "above", "missing", "procedure", ("label",),
         "the share of samples that the judge says nothing of, in the form it is asked for"),
    Rule("data/top_share", "above", "top_share", "procedure", ("cap", "curriculum"),
         "the share of what is kept that a tenth of the problems has"),
    Rule("data/zero_spread", "above", "zero_spread", "procedure", ("curriculum",),
         "the share of problems whose samples all score alike, which say nothing of what is better"),
)  # fmt: skip


_LOSSES = ("pass/at_", "coverage/rare_recall", "gate/p_worse")
"""Beginnings of metrics without a rule whose alerts are of losses."""

_BOUNDS = {"data/real_fraction": "real_fraction", "gate/p_worse": "gate"}
"""Fields of ThresholdConfig that bound metrics without a rule."""


def limits(metric: str, first: float, thresholds: ThresholdConfig) -> list[tuple[str, float]]:
    """Where a metric that began at `first` warns and alerts: pairs of `warn` or `alert` and a value."""
    rule = rule_of(metric)
    if metric in _BOUNDS:
        bound = getattr(thresholds, _BOUNDS[metric])
        return [("warn", bound.warn), ("alert", bound.alert)]
    if rule is None:
        return []
    bound = rule.bound(thresholds)
    levels = (("warn", bound.warn), ("alert", bound.alert))
    moves: dict[Form, tuple[float, ...]] = {"shrink": (-1,), "grow": (1,), "swing": (-1, 1)}
    if rule.form in moves:
        return [(name, first * (1 + sign * limit)) for name, limit in levels for sign in moves[rule.form]]
    steps: dict[Form, float] = {"fall": -1, "rise": 1}
    if rule.form in steps:
        return [(name, first + steps[rule.form] * limit) for name, limit in levels]
    return list(levels)


def rule_of(metric: str) -> Rule | None:
    """The rule that a metric comes under."""
    exact = [rule for rule in RULES if rule.metric == metric]
    family = [rule for rule in RULES if rule.is_family and metric.startswith(rule.metric)]
    return next(iter(exact or family), None)


def nature_of(metric: str) -> Nature:
    """What a metric with or without a rule speaks of."""
    rule = rule_of(metric)
    if rule is not None:
        return rule.nature
    return "loss" if metric.startswith(_LOSSES) else "procedure"
