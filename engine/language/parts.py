"""What the loop on text moves data between, and what it carries from commit to commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.language.learner.filter import pass_rates
from engine.language.material import draw
from engine.language.measure.watch import Watch
from engine.language.method.method import Method
from engine.language.method.role import Role
from engine.language.method.turn import Turn
from engine.language.model.model import LanguageModel
from engine.language.model.tiny_model import renewed
from engine.language.monitor.guard import Knobs
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
    """The iteration whose model counts; later ones were rejected."""
    drift_base: int = 0
    """The iteration whose model drift is measured from; 0 the first, or with `monitor.drift_from` = "trained"
    none yet."""
    seconds: float = 0.0
    tokens: int = 0
    """Generated, in all."""
    steps: int = 0
    """Gradient steps from the first model to the accepted one."""
    monitor: dict[str, Any] = field(default_factory=dict)
    knobs: Knobs = field(default_factory=Knobs)
    """Settings as alarms have turned them."""
    accuracy: dict[str, Any] = field(default_factory=dict)
    """What the gate compares, of the accepted model."""
    stopped: str = ""
    """Why the loop was halted before its end."""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Progress:
        """What `asdict` made, read back from JSON."""
        knobs = Knobs(**{**content["knobs"], "band": tuple(content["knobs"]["band"])})
        return cls(**{**content, "knobs": knobs})


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

    @property
    def role(self) -> Role:
        """What is trained."""
        return self.method.role(self.config)

    def writer(self, model: LanguageModel) -> LanguageModel:
        """Who writes where `model` is looked at."""
        return self.role.writer(self.base, model)

    def turn(self) -> Turn:
        """The iteration that comes next, with the settings that alarms have turned."""
        config, iteration = turned(self.config, self.progress.knobs), self.progress.iteration + 1
        return Turn(
            self.task,
            config,
            iteration,
            self.verify,
            self.reporter,
            self._practised(config, iteration),
            self.real,
            self.run,
            self.role,
            self.base,
            self.model,
            self.progress.accepted,
            self._starting_model,
        )

    def _practised(self, config: TextConfig, iteration: int) -> list[Prompt]:
        """Problems of one iteration; where a band of pass rates is set, none that is known to lie outside."""
        low, high = config.sample.band
        prompts = self.prompts
        if (low, high) != (0.0, 1.0):
            rates = pass_rates(self.run.episodes(), distinct=config.sample.distinct)
            prompts = [p for p in prompts if low <= rates.get(p.id, low) <= high]
        return draw(prompts, config.sample.prompts, row_seed(config.seed, "prompts", iteration))

    def _starting_model(self) -> LanguageModel:
        """A model to train: what the first model was, a copy of the accepted one, or a fresh one."""
        start, progress = self.config.update.start, self.progress
        model = self.run.model(progress.accepted if start == "last" else 0)
        if start == "fresh":
            return renewed(model, row_seed(self.config.seed, "fresh", progress.iteration + 1))
        return model


def knobs_of(config: TextConfig) -> Knobs:
    """The settings that guards may turn, as the run begins with them."""
    return Knobs(
        real_fraction=config.mix.real_fraction,
        accumulate=config.mix.keep == "accumulate",
        temperature=config.sample.temperature if min(config.filter.thresholds) > 0 else None,
        cap=config.filter.per_prompt,
        band=config.sample.band,
        kl_weight=None,
        steps=config.update.steps,
    )


def turned(config: TextConfig, knobs: Knobs) -> TextConfig:
    """Settings of the next iteration: the run's, and over them what alarms have changed."""
    layers = {
        "sample": {"band": knobs.band}
        | ({} if knobs.temperature is None else {"temperature": knobs.temperature}),
        "filter": {"per_prompt": knobs.cap},
        "mix": {
            "real_fraction": knobs.real_fraction,
            "keep": "accumulate" if knobs.accumulate else "replace",
        },
        "update": {"steps": knobs.steps},
    }
    return config.changed(layers)
