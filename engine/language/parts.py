"""What the loop on text moves data between, and what it carries from commit to commit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.language.learner.filter import pass_rates
from engine.language.learner.noise import perturb
from engine.language.material import draw
from engine.language.measure.watch import Watch
from engine.language.method.companion import Companions
from engine.language.method.method import Method
from engine.language.method.role import Role
from engine.language.method.trainer import Trainer
from engine.language.method.turn import Library, Turn
from engine.language.method.verdict import Judge, num_judges, seat
from engine.language.model.model import LanguageModel
from engine.language.model.tiny_model import renewed
from engine.language.monitor.metric.observation import Items
from engine.language.monitor.monitor import Monitor
from engine.language.problem.contamination import EvaluationIndex
from engine.language.record.text_run import TextRun
from engine.language.rollout import Verify, row_seed
from engine.language.settings import TextConfig
from engine.language.task import Demonstration, Prompt, Task
from engine.run.metrics import Metrics
from engine.run.reporter import Reporter


@dataclass
class Progress:
    """What the driver carries from commit to commit."""

    iteration: int = 0
    accepted: int = 0
    """The iteration whose model counts; later ones were rejected, or rolled back."""
    drift_base: int = 0
    """The iteration whose model drift is measured from; 0 the first, or with `monitor.drift_from` = "trained"
    none yet."""
    seconds: float = 0.0
    tokens: int = 0
    """Generated, in all."""
    steps: int = 0
    """Gradient steps from the first model to the accepted one."""
    monitor: dict[str, Any] = field(default_factory=dict)
    patch: dict[str, Any] = field(default_factory=dict)
    """Settings that alarms have given other values, by their dotted names."""
    guards: list[dict[str, Any]] = field(default_factory=list)
    """What guards did or would have done: rows of engine.language.monitor.journal."""
    accuracy: dict[str, Any] = field(default_factory=dict)
    """What the gate compares, of the accepted model."""
    companions: dict[str, int] = field(default_factory=dict)
    """The iteration whose checkpoint holds each companion of the accepted model."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What the method carries, of the accepted model."""
    request: dict[str, Any] = field(default_factory=dict)
    """What a person was last asked to judge, as engine.report.verdict_request has it; empty: nothing."""
    stopped: str = ""
    """Why the loop was halted before its end."""
    done: str = ""
    """Why the method wanted no further iteration."""

    @classmethod
    def of(cls, content: Mapping[str, Any], config: TextConfig) -> Progress:
        """What `asdict` made, read back from JSON; older runs carried every setting that guards may turn."""
        fields = dict(content)
        if knobs := fields.pop("knobs", None):
            fields["patch"] = _patch_of(knobs, config)
        return cls(**fields)


@dataclass
class Parts:
    """What the loop moves data between."""

    task: Task
    config: TextConfig
    method: Method
    run: TextRun
    verify: Verify
    real: list[Demonstration]
    prompts: list[Prompt]
    """Of the training split, without a demonstration."""
    index: EvaluationIndex
    watch: Watch
    monitor: Monitor
    metrics: Metrics
    reporter: Reporter
    progress: Progress
    base: LanguageModel
    """The first one."""
    model: LanguageModel
    """The accepted one."""
    accuracy: Items
    """What the gate compares: what the accepted one reaches on the validation problems."""
    library: Library
    now: Turn | None = None
    """The turn under way, or the last one; that of iteration 0 where the run has just begun."""

    @property
    def role(self) -> Role:
        """What is trained."""
        return self.method.role(self.config)

    def writer(self, model: LanguageModel) -> LanguageModel:
        """Who writes where `model` is looked at."""
        return self.role.writer(self.base, model)

    def turn(self) -> Turn:
        """The iteration that comes next, with the settings that alarms have turned."""
        config, iteration = patched(self.config, self.progress.patch), self.progress.iteration + 1
        companions = Companions(self.progress.companions, self.run.companion)
        self.now = Turn(
            self.task,
            config,
            iteration,
            self.verify,
            self.reporter,
            self._practised(config, iteration),
            self.real,
            self.run,
            self.library,
            companions,
            self.role,
            self.base,
            self.model,
            self.progress.accepted,
            self._starting_model,
            copy.deepcopy(self.progress.memory),
            holdout=self.watch.holdout,
        )
        seat(self.method.judge(config), self.now)
        return self.now

    def _practised(self, config: TextConfig, iteration: int) -> list[Prompt]:
        """Problems of one iteration; where a band of pass rates is set, none that is known to lie outside."""
        low, high = config.sample.band
        prompts = self.prompts
        if (low, high) != (0.0, 1.0):
            rates = pass_rates(self.run.episodes(), distinct=config.sample.distinct)
            prompts = [p for p in prompts if low <= rates.get(p.id, low) <= high]
        sampling = config.sample
        if sampling.rare and sampling.prompts >= len(prompts):
            self.reporter.message(
                f"sample.rare has no effect: all {len(prompts)} problems are drawn; lower sample.prompts"
            )
        return draw(prompts, sampling.prompts, row_seed(config.seed, "prompts", iteration), sampling.rare)

    def _starting_model(self) -> LanguageModel:
        """A model to train: what the first model was, a copy of the accepted one, or a fresh one."""
        config, progress = patched(self.config, self.progress.patch), self.progress
        start, number = config.update.start, progress.iteration + 1
        model = self.run.model(progress.accepted if start == "last" else 0)
        if start == "fresh":
            model = renewed(model, row_seed(config.seed, "fresh", number))
        if config.noise.weights:
            perturb(model, config.noise.weights, row_seed(config.seed, "noise", number))
        return model


def turnable(
    config: TextConfig, trainer: Trainer, real_share: float, judge: Judge | None = None
) -> dict[str, Any]:
    """The settings that guards may turn in a run, with their values.

    A real fraction of 0 stands for the `real_share` that the real data has anyway.
    """
    content, names = config.model_dump(), trainer.turned(real_share, num_judges(judge))
    found = {name: _setting(content, name) for name in names}
    if found.get("mix.real_fraction") == 0:
        found["mix.real_fraction"] = real_share
    return found


def patched(config: TextConfig, patch: Mapping[str, Any]) -> TextConfig:
    """The settings with other values for those that a patch names."""
    return config.changed(
        *({section: {name: value}} for key, value in patch.items() for section, name in [key.split(".")])
    )


def _patch_of(knobs: Mapping[str, Any], config: TextConfig) -> dict[str, Any]:
    """The settings in which the `knobs` of an older run differ from what it began with."""
    mine = {
        "mix.real_fraction": knobs["real_fraction"],
        "mix.keep": "accumulate" if knobs["accumulate"] else "replace",
        "sample.temperature": knobs["temperature"],
        "filter.per_prompt": knobs["cap"],
        "sample.band": list(knobs["band"]),
        "update.steps": knobs["steps"],
    }
    begun = config.model_dump(mode="json")
    return {name: value for name, value in mine.items() if value not in (None, _setting(begun, name))}


def _setting(content: Mapping[str, Any], key: str) -> Any:
    section, name = key.split(".")
    return content[section][name]
