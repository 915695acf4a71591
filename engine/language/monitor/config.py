"""Settings of the monitors and of what is done about their alarms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from engine.config.section import Section


class Threshold(Section):
    """How far a metric may move, or how high it may be."""

    warn: float = Field(ge=0, le=1e6)
    alert: float = Field(ge=0, le=1e6)

    @model_validator(mode="after")
    def _check(self) -> Threshold:
        if self.warn > self.alert:
            raise ValueError(f"warn {self.warn} is past alert {self.alert}; give warn <= alert")
        return self


class FallingThreshold(Section):
    """How low a metric may be."""

    warn: float = Field(ge=0, le=1)
    alert: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> FallingThreshold:
        if self.warn < self.alert:
            raise ValueError(f"warn {self.warn} is below alert {self.alert}; give warn >= alert")
        return self


class ThresholdConfig(Section):
    """When a metric is worth a warning or an alert.

    "Loss" and "rise" are against iteration 0 and against the iteration before, whichever is worse.
    """

    distinct: Threshold = Threshold(warn=0.10, alert=0.30)
    """Relative loss of distinct n-grams."""
    self_bleu: Threshold = Threshold(warn=0.10, alert=0.20)
    """Rise of self-BLEU-4, within prompts or across them."""
    entropy: Threshold = Threshold(warn=0.25, alert=0.50)
    """Relative loss of token entropy, over all positions and in each bucket."""
    entropy_from: float = Field(0.02, ge=0, le=10)
    """Nats: what had less before has none to lose."""
    entropy_floor: float = Field(0.1, ge=0, le=10)
    """Nats below which entropy alerts where iteration 0 had more than `entropy_rich`."""
    entropy_rich: float = Field(0.5, ge=0, le=10)
    """Nats: see `entropy_floor`."""
    unique: Threshold = Threshold(warn=0.20, alert=0.50)
    """Relative loss of distinct solutions a sample."""
    coverage: Threshold = Threshold(warn=0.10, alert=0.25)
    """Relative loss of the known solutions found, and of their effective number."""
    rare: Threshold = Threshold(warn=0.20, alert=0.50)
    """Share of the rare modes of iteration 0 that are gone; relative loss of a stratum's share."""
    narrowing: float = Field(0.02, ge=0, le=1)
    """Loss of pass@k at the largest k that warns while pass@1 rises."""
    pass_at_k: float = Field(0.05, ge=0, le=1)
    """Loss of pass@k at the largest k that alerts."""
    holdout: Threshold = Threshold(warn=0.03, alert=0.10)
    """Relative rise of bits a character on real data."""
    accuracy: Threshold = Threshold(warn=0.03, alert=0.08)
    """Loss of held-out accuracy, in all and in each bucket."""
    kl: Threshold = Threshold(warn=10.0, alert=25.0)
    """Nats a sequence from what drift is measured from (`monitor.drift_from`)."""
    kl_growth: float = Field(2.0, gt=1, le=1000)
    """Factor in one iteration that alerts once KL has passed `kl_growth_from`."""
    kl_growth_from: float = Field(5.0, ge=0, le=1e6)
    """Nats: growth from next to nothing is no alarm."""
    kl_budget: float = Field(0.0, ge=0, le=1e6)
    """Nats a sequence that a model may be away from what drift is measured from, whatever it has gained:
    past them it is refused, and its method holds it closer; 0: no budget."""
    kl_explosion: float = Field(4.0, gt=0, le=1e6)
    """Nats a token past which a run stops, unless an exact verifier's gate says that the model is better."""
    gold: Threshold = Threshold(warn=0.015, alert=0.025)
    """Loss of the mean true score of the probe, against the best iteration too."""
    gap: Threshold = Threshold(warn=0.05, alert=0.10)
    """Rise of mean proxy less mean gold."""
    disagreement: Threshold = Threshold(warn=0.01, alert=0.03)
    """Share of samples that two verifiers judge differently."""
    exploits: Threshold = Threshold(warn=0.005, alert=0.02)
    """Rise of the share of samples with a sign of an exploit, any and each."""
    length: Threshold = Threshold(warn=0.20, alert=0.50)
    """Relative change of the mean and of the 95th percentile of length."""
    length_correlation: Threshold = Threshold(warn=0.3, alert=0.5)
    """Correlation of score and length, where it has risen."""
    variation_gap: Threshold = Threshold(warn=0.05, alert=0.10)
    """Accuracy on the test less accuracy on variations of it."""
    agreement: FallingThreshold = FallingThreshold(warn=0.80, alert=0.65)
    """Of a verifier that is not exact with itself, asked again."""
    missing: Threshold = Threshold(warn=0.05, alert=0.20)
    """Share of samples that a judge gives no verdict on."""
    top_share: Threshold = Threshold(warn=0.30, alert=0.50)
    """Share of kept samples that the tenth of problems with most of them has."""
    zero_spread: Threshold = Threshold(warn=0.6, alert=0.9)
    """Share of problems all of whose samples score alike."""
    real_fraction: FallingThreshold = FallingThreshold(warn=0.20, alert=0.10)
    """Of training tokens, where no verifier is exact."""
    gate: Threshold = Threshold(warn=0.5, alert=0.95)
    """p(new model worse than the old) above which the new one is doubted, and rejected."""


class MonitorConfig(Section):
    """What is measured each iteration."""

    prompts: int = Field(256, ge=2, le=65536)
    """Problems of the probe, the same in every iteration."""
    samples: int = Field(16, ge=2, le=1024)
    """Samples of each at temperature 1: diversity depends on their number, which therefore is fixed."""
    replicates: int = Field(2000, ge=200, le=100_000)
    """Of the bootstrap."""
    confidence: float = Field(0.95, ge=0.5, lt=1)
    """Of the intervals shown."""
    warn_confidence: float = Field(0.975, ge=0.5, lt=1)
    """One-sided: how sure a change must be to warn."""
    alert_confidence: float = Field(0.995, ge=0.5, lt=1)
    """One-sided: how sure a change must be to alert."""
    right_score: float = Field(1.0, gt=0, le=1)
    """Score from which a sample counts as right."""
    block_prompts: int = Field(8, ge=1, le=1024)
    """Distinct n-grams are counted in blocks of this many problems, over a fixed number of tokens each."""
    across: int = Field(64, ge=2, le=1024)
    """Problems in a group for self-BLEU across problems."""
    entropy_buckets: tuple[int, ...] = (4, 8, 16, 32)
    """Positions at which buckets of token entropy begin, besides 0."""
    rare_share: float = Field(0.01, gt=0, le=1)
    """A mode is rare below this share of the samples of iteration 0."""
    rare_keys: int = Field(3, ge=1, le=1000)
    """Different problems that a rare mode must have been seen in, so that it can be expected again."""
    min_bucket: int = Field(40, ge=2, le=1_000_000)
    """Items in a bucket of accuracy or a stratum; smaller ones are put together as `other`."""
    drift_from: Literal["first", "trained"] = "first"
    """What shape and KL are compared with: the first model, or the first one that was trained and accepted,
    for methods that are to leave the first model behind. Losses count from the first model in any case."""
    human_every: int = Field(3, ge=1, le=1000)
    """Iterations without a human verdict that warn; twice as many stop a run without an exact verifier."""
    thresholds: ThresholdConfig = ThresholdConfig()

    @model_validator(mode="after")
    def _check(self) -> MonitorConfig:
        if (
            list(self.entropy_buckets) != sorted(set(self.entropy_buckets))
            or min(self.entropy_buckets, default=1) < 1
        ):
            raise ValueError(f"entropy_buckets {list(self.entropy_buckets)} must rise from at least 1")
        return self


class GuardConfig(Section):
    """What is done about alarms."""

    mode: Literal["act", "observe"] = "act"
    """`observe` does nothing and records what would have been done, in the report, TensorBoard (`guard/`) and
    on the console: for experiments on collapse."""
    force: bool = False
    """Accept a new model in spite of alerts."""
    answers: Literal["all", "first"] = "all"
    """Of the settings that an alert would turn: all at once; or the first that has room, those first that
    spare most of a collapse, and the next where the alert comes again and that one is at its limit."""
    real_fraction_step: float = Field(0.10, ge=0, le=1)
    """Added to `mix.real_fraction` where an alert asks for more real data."""
    real_fraction_max: float = Field(0.50, ge=0, le=1)
    """What it is raised to at most."""
    min_real_fraction: float = Field(0.10, ge=0, le=1)
    """A run without an exact verifier does not start with less."""
    temperature_factor: float = Field(1.15, ge=1, le=10)
    """Of `sample.temperature`, where an alert asks for more heat."""
    temperature_max: float = Field(1.5, gt=0, le=10)
    """What it is raised to at most."""
    cap_factor: float = Field(0.5, gt=0, le=1)
    """Of the samples kept of one problem."""
    band_step: float = Field(0.10, ge=0, le=0.5)
    """Both ends of the band of pass rates move out by this."""
    steps_factor: float = Field(0.5, gt=0, le=1)
    """Of `update.steps`, where an alert asks for fewer."""
    steps_min: int = Field(10, ge=1)
    """What it is lowered to at least."""
    beta_factor: float = Field(2.0, ge=1, le=100)
    """Of a method's weight of KL, where an alert asks for more of it."""
    beta_from: float = Field(0.02, gt=0, le=100)
    """What a weight of KL of 0 is raised to."""
    beta_max: float = Field(1.0, gt=0, le=1000)
    """What it is raised to at most."""
    audit: float = Field(0.05, ge=0, le=1)
    """Share of the completions written that the task's own verifier sees, too, where another judges."""
    ensemble: Literal["mean", "cautious", "least"] = "mean"
    """What the verdicts of several judges come to: their mean; that less their standard deviation; the
    least (Coste et al. 2023). Members of a reward model come to what `reward.combine` said in place of the
    mean. An alert of a proxy that parts from the truth turns to the least."""
    length_penalty: float = Field(0.0, ge=0, le=1)
    """Taken off a judge's score for each time that a completion is longer than real data is on average."""
    length_step: float = Field(0.1, gt=0, le=1)
    """Added to it where an alert asks for shorter texts."""
    length_max: float = Field(0.5, ge=0, le=1)
    """What it is raised to at most."""
    gate_on: Literal["gold", "judge"] = "gold"
    """Whose scores the gate compares models by, where a judge stands in for an exact verifier."""
    labels: int = Field(50, ge=1, le=100_000)
    """Human verdicts that are asked for at once: completions that `selfplay text inspect RUN` then shows."""
