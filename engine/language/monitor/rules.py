"""Which change of which metric is a warning, an alert, and what it calls for."""

from __future__ import annotations

from dataclasses import dataclass

from engine.language.monitor.config import FallingThreshold, Threshold, ThresholdConfig
from engine.language.monitor.levels import Form, Response


@dataclass(frozen=True)
class Rule:
    """One row of the table of rules."""

    metric: str
    """Its name; the beginning of the names of a family where it ends in a dot."""
    form: Form
    threshold: str
    """Field of ThresholdConfig."""
    responses: tuple[Response, ...]
    meaning: str
    """What it may be a sign of."""
    about_model: bool = True
    must_have_risen: bool = False
    """A bound only counts where the value has surely risen since iteration 0: some are high by nature."""
    first_only: bool = False
    """Compared with iteration 0 and not with the iteration before."""
    least: str = ""
    """Field of ThresholdConfig: values below it are not compared with."""

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
        Rule(f"diversity/distinct_{n}", "shrink", "distinct", ("temperature", "cap", "real-fraction"),
             "samples use fewer different n-grams")
        for n in (1, 2, 4)
    ),
    Rule("diversity/self_bleu", "rise", "self_bleu", ("temperature", "cap"),
         "samples of one problem grow alike"),
    Rule("diversity/self_bleu_across", "rise", "self_bleu", ("temperature", "cap", "real-fraction"),
         "samples of different problems grow alike: a template"),
    Rule("diversity/entropy", "shrink", "entropy", ("temperature", "kl"), "the policy grows deterministic",
         least="entropy_from"),
    Rule("diversity/entropy.", "shrink", "entropy", ("temperature", "kl"),
         "the policy grows deterministic at these positions", least="entropy_from"),
    Rule("coverage/unique", "shrink", "unique", ("temperature", "cap"), "fewer different solutions a sample"),
    Rule("coverage/unique_right", "shrink", "unique", ("temperature", "cap"),
         "fewer different right solutions a sample"),
    Rule("coverage/solutions", "shrink", "coverage", ("real-fraction", "accumulate", "cap"),
         "known solutions are no longer found"),
    Rule("coverage/effective", "shrink", "coverage", ("real-fraction", "accumulate", "cap"),
         "right solutions concentrate on few"),
    Rule("coverage/share.", "shrink", "rare", ("real-fraction", "accumulate", "curriculum"),
         "a kind of problem is no longer solved"),
    Rule("drift/bits_per_character", "grow", "holdout", ("real-fraction", "roll-back"),
         "real data is forgotten"),
    Rule("accuracy/greedy", "fall", "accuracy", ("roll-back", "real-fraction"),
         "held-out problems are failed"),
    Rule("accuracy/greedy.", "fall", "accuracy", ("roll-back", "real-fraction"),
         "this skill is forgotten"),
    Rule("drift/kl", "above", "kl", ("kl", "steps"), "far from the first model"),
    Rule("drift/kl_real", "above", "kl", ("kl", "steps"), "real data became unlikely under the model"),
    Rule("hacking/gold", "fall", "gold", ("roll-back", "real-fraction"), "fewer samples are right"),
    Rule("hacking/gap", "rise", "gap", ("label", "reject"), "the proxy rises past the truth",
         first_only=True),
    Rule("hacking/disagreement", "above", "disagreement", ("label", "reject"),
         "two verifiers differ: one of them is being fooled"),
    Rule("hacking/exploits", "rise", "exploits", ("label", "reject"), "signs of exploits",
         first_only=True),
    Rule("hacking/exploit.", "rise", "exploits", ("label", "reject"), "signs of this exploit",
         first_only=True),
    Rule("length/mean", "swing", "length", ("kl", "reject"), "length drifts"),
    Rule("length/p95", "swing", "length", ("kl", "reject"), "the longest samples drift"),
    Rule("hacking/length_correlation", "above", "length_correlation", ("kl", "label"),
         "length is what scores", must_have_risen=True),
    Rule("accuracy/variation_gap", "above", "variation_gap", ("label", "reject"),
         "known problems are solved, their variations are not: memorised or contaminated"),
    Rule("judge/agreement", "below", "agreement", ("label",), "the judge contradicts itself",
         about_model=False),
    Rule("data/top_share", "above", "top_share", ("cap", "curriculum"), "few problems fill the training set",
         about_model=False),
    Rule("data/zero_spread", "above", "zero_spread", ("curriculum",),
         "most problems score all alike: no signal, wrong difficulty", about_model=False),
)  # fmt: skip


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
