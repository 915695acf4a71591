"""Settings of the loop on text, the same for all methods but for those that a method adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.config.config import build_section
from engine.config.layer import merge
from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.config.section import Section
from engine.language.learner.config import LoraConfig, TextLearnerConfig
from engine.language.monitor.config import GuardConfig, MonitorConfig

Share = Annotated[float, Field(ge=0, le=1)]


class Named(Enum):
    """What a path in the settings leads to."""

    FILE = "a file"
    MODEL = "a model's folder"
    CRITIC = "the folder of a model with a value head"


FilePath = Annotated[str, Named.FILE]
"""Kept so that it holds in any directory."""
ModelPath = Annotated[str, Named.MODEL]
"""Likewise; a run stands for the newest model of it that writes."""
CriticPath = Annotated[str, Named.CRITIC]
"""Likewise; a run stands for its newest critic or reward model."""


def _ascending(band: tuple[float, float]) -> tuple[float, float]:
    if band[0] > band[1]:
        raise ValueError("the lower end comes first")
    return band


class ModelConfig(Section):
    """The language model to begin with."""

    path: ModelPath = ""
    """A local folder in the format of transformers; empty: a small one is built on demonstrations."""
    adapter: FilePath = ""
    """A folder with a LoRA adapter over it."""
    chat: bool = False
    """Prompts are messages of a user, in the tokenizer's chat template."""
    lora: LoraConfig = LoraConfig(rank=0)
    """An adapter that is trained in place of the model's weights."""
    size: Literal["0.1M", "0.2M", "0.5M", "1M", "3M"] = "0.2M"
    """Of the model built."""
    demonstrations: int = Field(3500, ge=1, le=10_000_000)
    """Real data: what a built model is trained on, and what `mix.real` draws from."""
    steps: int = Field(1500, ge=1, le=10_000_000)
    """Gradient steps of a built model before the first iteration."""


class SampleConfig(Section):
    """What is generated in one iteration."""

    prompts: int = Field(2000, ge=1, le=10_000_000)
    """Problems to practise on, drawn anew in each iteration: those without a demonstration, and all where
    each has one."""
    demonstrated: bool = False
    """Those with a demonstration, too: what is left without them is of rarer and harder kinds, and a policy
    learns what it practises on."""
    samples: int = Field(8, ge=0, le=100_000)
    """Completions a problem, all policies together."""
    temperature: float = Field(1.0, ge=0, le=10)
    """Of the samples; 0 is greedy."""
    top_k: int = Field(0, ge=0)
    """Only that many likeliest tokens; 0: all."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Only the likeliest tokens that have this much probability together; 1: all."""
    distinct: bool = False
    """Completions of a problem are drawn without replacement: more that differ, for the same tokens."""
    policies: int = Field(1, ge=1, le=100)
    """Models accepted last that share the samples; several find more distinct paths (Yuan et al. 2023)."""
    rationalize: bool = False
    """Problems that stay unsolved are tried again with the answer as a hint, which training does not see
    (STaR, Zelikman et al. 2022, section 3.3)."""
    simulations: int = Field(0, ge=0, le=1_000_000)
    """New visits of a tree search at each step, which chooses the completion; 0: completions are sampled."""
    tree_tokens: int = Field(0, ge=0)
    """That the search of one problem may generate; 0: no limit."""
    band: Annotated[tuple[Share, Share], AfterValidator(_ascending)] = (0.0, 1.0)
    """Problems whose share of right completions has been outside this are left out (a curriculum)."""
    rare: Share = 0.0
    """Problems are drawn by the share of all problems that are of their stratum, to the power of minus this;
    0: each as likely, 1: each stratum as likely."""


class FilterConfig(Section):
    """Which completions are learnt from."""

    thresholds: tuple[Share, ...] = Field((1.0,), min_length=1, max_length=100)
    """Least score; several are used one after another, each with a training of its own (ReST's Improve)."""
    distinct: bool = True
    """One completion of each canonical way to solve a problem, however many of them end in one answer."""
    per_prompt: int = Field(4, ge=1, le=100_000)
    """Most completions of one problem; the most different ones are kept."""
    leaks: bool = True
    """Drop completions written with a hint that use the answer before deriving it."""


class MixConfig(Section):
    """What joins the completions that passed."""

    real: bool = True
    """Demonstrations join."""
    real_fraction: float = Field(0.0, ge=0, lt=1)
    """Share of examples that is real, drawn again where there are too few; 0: each demonstration once."""
    keep: Literal["replace", "accumulate"] = "replace"
    """Completions of earlier iterations are left out, or all stay (Gerstgrasser et al. 2024)."""
    rare: Share = 0.0
    """Texts count in the loss by the share of all that show the rarest of their kinds, the problem's stratum
    and the completion's modes, to the power of minus this; 0: all alike, 1: each kind about alike."""


class NoiseConfig(Section):
    """Noise against collapse, off by default; all of it is a function of the seed."""

    steps: Share = 0.0
    """Share of the steps of sampled completions that are drawn at `noise.temperature`."""
    temperature: float = Field(2.0, gt=0, le=10)
    """Of those steps, in place of `sample.temperature`."""
    prompts: Share = 0.0
    """Chance of each character of an own completion's prompt to be another one of that prompt where it is
    learnt, which the verdict has not seen; real data stays as it is (He et al. 2019, 1909.13788)."""
    weights: float = Field(0.0, ge=0, le=10)
    """Standard deviation of what is added to the weights that a training starts from, in that of each tensor
    (Ash and Adams 2019, 1910.08475)."""


class UpdateConfig(Section):
    """How a new model comes from the old one and the data."""

    start: Literal["base", "last", "fresh"] = "base"
    """Weights that training starts from: the first model's, the last accepted one's, or random ones in the
    first model's form, which need as many steps as the first model had (Shumailov et al. 2023)."""
    loss: Literal["text", "visits", "value"] = "text"
    """What is learnt: completions that passed; a search's visits and values; values alone, while the policy
    stays as it is."""
    steps: int = Field(300, ge=1, le=10_000_000)
    """Gradient steps of an iteration."""
    growth: float = Field(1.0, ge=1, le=10)
    """By which the steps grow from iteration to iteration (STaR: 1.2)."""


class ValueConfig(Section):
    """The value head: where the values that it learns come from, and what they weigh."""

    labels: Literal["outcome", "rollouts", "search", "file"] = "outcome"
    """The score of the whole completion at each of its steps; how often each start of it is finished rightly
    (Math-Shepherd, 2312.08935); what a search makes of it; or a person's judgements (`value.path`)."""
    kind: Literal["soft", "hard", "pairwise"] = "soft"
    """The value itself; 1 where it is above 0; or which of two steps has more of it (rStar-Math)."""
    completions: int = Field(8, ge=1, le=10_000)
    """That finish each start, with `rollouts`; and of each problem, for a first value head."""
    path: FilePath = ""
    """JSON lines with `prompt`, `completions` (the steps) and `labels` (0 to 1); the task's `step_end` is put
    behind each step that lacks it."""
    mix: float = Field(0.5, ge=0, le=1)
    """Share of the search's value where the completion went on; the rest is its score."""
    weight: float = Field(1.0, ge=0, le=100)
    """Of the value loss beside the policy's."""
    anchor: float = Field(3.0, ge=0, le=1000)
    """Weight of KL(model before, model), which keeps the policy where values alone are learnt. 0: the model
    becomes a critic alone, which values what the first model writes."""
    likelihood: float = Field(0.0, ge=0, lt=1)
    """Share of a critic's lessons that is right completions and real data to write (Cobbe et al. 2021,
    section 4.2), whose likelihood then counts in its values; 0: real data alone joins them, by `mix`."""
    steps: int = Field(600, ge=1, le=10_000_000)
    """Gradient steps of the value head that the first search needs."""


class MeasureConfig(Section):
    """What a checkpoint is measured on."""

    validation: int = Field(500, ge=1, le=1_000_000)
    """Problems that the gate compares checkpoints on."""
    test: int = Field(1000, ge=1, le=1_000_000)
    """Problems of the final table."""
    samples: int = Field(0, ge=0, le=1024)
    """Samples of each test problem in the final table, for pass@k and the majority; 0: greedy alone."""
    holdout: int = Field(256, ge=0, le=1_000_000)
    """Demonstrations that no model learns from, on which its loss is watched."""
    control: bool = True
    """Train the first model on real data alone for as many steps, and measure it beside the result."""


class TextLoopConfig(Section):
    """The outer loop."""

    iterations: int = Field(2, ge=0, le=100_000)
    """In all, resumes included; the option --iterations."""
    rows: int = Field(512, ge=1, le=1_000_000)
    """Completions generated side by side."""


class TextConfig(Section):
    """All settings of a run on text."""

    task: str
    """What is learnt; the argument TASK."""
    method: str
    """How; the command."""
    preset: str = "default"
    """Which of the task's presets goes over the method's settings; the option --preset."""
    seed: int = Field(1, ge=0, lt=2**63)
    """Of all randomness."""
    model: ModelConfig = ModelConfig()
    sample: SampleConfig = SampleConfig()
    filter: FilterConfig = FilterConfig()
    mix: MixConfig = MixConfig()
    update: UpdateConfig = UpdateConfig()
    noise: NoiseConfig = NoiseConfig()
    value: ValueConfig = ValueConfig()
    learner: TextLearnerConfig = TextLearnerConfig()
    search: ProposedSearchConfig = ProposedSearchConfig()
    proposals: ProposalConfig = ProposalConfig()
    measure: MeasureConfig = MeasureConfig()
    monitor: MonitorConfig = MonitorConfig()
    guards: GuardConfig = GuardConfig()
    loop: TextLoopConfig = TextLoopConfig()

    @model_validator(mode="after")
    def _check(self) -> TextConfig:
        if self.model.adapter and not self.model.path:
            raise ValueError(
                f"model.adapter is {self.model.adapter!r}, but there is no model.path; name its base model"
            )
        if self.update.start == "fresh" and self.model.adapter:
            raise ValueError('update.start is "fresh", but model.adapter is set; take "base" or "last"')
        if self.model.chat and not self.model.path:
            raise ValueError("model.chat needs a model with a chat template; name one with --model")
        if self.model.lora.rank and not self.model.path:
            raise ValueError("model.lora needs a model to go over; name one with --model")
        return self

    def changed(self, *layers: Mapping[str, Any]) -> Self:
        """These settings with `layers` over them; UserError naming a bad one."""
        return build_section(type(self), merge(self.model_dump(), *layers))

    def paths(self) -> dict[str, tuple[str, Named]]:
        """What each path that is set says and leads to, by the dotted name of its setting."""
        return dict(_paths(self, ""))


def _paths(values: Section, prefix: str) -> Iterator[tuple[str, tuple[str, Named]]]:
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if isinstance(value, Section):
            yield from _paths(value, f"{prefix}{name}.")
        for kind in field.metadata:
            if isinstance(kind, Named) and value:
                yield prefix + name, (value, kind)


GONE = (
    "guards.kl_factor",
    "guards.kl_start",
    "guards.kl_max",
    "search.c_puct_spread",
    "search.policy_temperature",
    "search.noise_fraction",
    "search.noise_alpha_total",
    "search.noise_shaped",
    "search.root_temperature",
    "search.forced_playouts",
    "search.gumbel_scale",
    "search.lcb_deviations",
    "search.transpositions",
    "proposals.max_step_tokens",
)
"""Settings of earlier versions that never had an effect."""


def without_gone(content: Mapping[str, Any], warn: Callable[[str], None]) -> dict[str, Any]:
    """Settings that an earlier version wrote, without those in GONE, of which `warn` is told in one line."""
    pairs = [key.split(".") for key in GONE]
    kept = {key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()}
    found = [(section, name) for section, name in pairs if name in _table(kept, section)]
    for section, name in found:
        del kept[section][name]
    if found:
        names = ", ".join(f"{section}.{name}" for section, name in found)
        warn(f"settings that are gone, and had no effect, are left out: {names}")
    return kept


def _table(content: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    found = content.get(section)
    return found if isinstance(found, Mapping) else {}
