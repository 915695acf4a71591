"""What the loop on text starts with: settings in effect, real data, the first model, what is carried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from engine.config import build_section, merge
from engine.errors import UserError
from engine.language.learner.filter import Example, mix
from engine.language.learner.held_out import ending, parted
from engine.language.learner.objective import Supervised, texts
from engine.language.learner.text_learner import TextLearner
from engine.language.model.ability import check_learning
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import add_adapter, load_model
from engine.language.model.tiny_model import build_model
from engine.language.monitor.config import MonitorConfig
from engine.language.monitor.guard import Knobs
from engine.language.monitor.metric.measure import Instruments
from engine.language.monitor.metric.observation import Items
from engine.language.monitor.monitor import Monitor
from engine.language.problem.contamination import EvaluationIndex
from engine.language.problem.problems import (
    demonstrations,
    leaks,
    modes,
    problems,
    solutions,
    some_problems,
)
from engine.language.record.text_run import TextRun
from engine.language.rollout import Verify, row_seed
from engine.language.settings import MixConfig, TextConfig
from engine.language.task import Demonstration, Prompt, Task
from engine.language.watch import Watch
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

    def writer(self, model: LanguageModel) -> LanguageModel:
        """Who writes where `model` is looked at: itself, or for a critic the first model."""
        return self.base if self.config.is_critic else model


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
    return build_section(TextConfig, merge(config.model_dump(), layers))


def real_data(task: Task, config: TextConfig) -> tuple[list[Demonstration], list[Demonstration]]:
    """(what models may learn from, what is kept apart to watch them)."""
    count, apart = config.model.demonstrations, config.measure.holdout
    found = demonstrations(task, count + apart, config.seed)
    apart = min(apart, len(found) // 5)
    return found[: len(found) - apart][:count], found[len(found) - apart :]


def first_model(
    task: Task, config: TextConfig, real: Sequence[Demonstration], reporter: Reporter
) -> LanguageModel:
    """The model that is named, or one built from nothing and trained on demonstrations."""
    if model := named_model(config):
        return model
    if not real:
        raise UserError(
            f"task '{task.name}' has no demonstrations to build a model on; name one with --model"
        )
    settings = config.model
    reporter.message(f"building a model of {settings.size} parameters on {len(real)} demonstrations")
    model = new_model(task, config, real)
    with reporter.phase("building the model", settings.steps, "steps") as move:
        found = learn(model, config, mix([], real, MixConfig(), 0, task=task), settings.steps, (0,), move)
    tell_ending(reporter, config, found, settings.steps)
    return model


def named_model(config: TextConfig) -> LanguageModel | None:
    """The model that the settings name, with its adapter; None where they name none.

    Raises UserError where it cannot be loaded, or learn what the settings say.
    """
    settings = config.model
    if not settings.path:
        return None
    adapter = Path(settings.adapter) if settings.adapter else None
    model = load_model(Path(settings.path), adapter, chat=settings.chat)
    if settings.lora.rank and not model.has_adapter:
        lora = settings.lora
        model = add_adapter(model, lora.rank, lora.alpha, lora.dropout, config.seed)
    check_learning(model, values=config.update.loss != "text")
    return model


def drift_base(run: TextRun, progress: Progress, base: LanguageModel) -> LanguageModel | None:
    """The model that drift is measured from, None where it is yet to be trained."""
    if progress.drift_base:
        return run.model(progress.drift_base)
    return base if run.config.monitor.drift_from == "first" else None


def new_model(task: Task, config: TextConfig, real: Sequence[Demonstration]) -> LanguageModel:
    """A model with fresh weights that can spell the task."""
    prompts = [d.prompt for d in real] + evaluation_prompts(task, config)
    written = [d.completion for d in real] + [p.text for p in (*prompts, *practice(task, config, real, []))]
    alphabet = task.alphabet or "".join(sorted(set().union(*written)))
    longest = max(len(prompt.text) for prompt in prompts) + task.max_tokens
    # Room for problems a little longer than those seen here.
    return build_model(alphabet, config.model.size, config.seed, context=max(256, longest + longest // 4))


def evaluation_prompts(task: Task, config: TextConfig) -> list[Prompt]:
    """Every problem that a checkpoint of this run is gated, watched or reported on."""
    measure = config.measure
    validation = max(measure.validation, config.monitor.prompts)
    return [
        *some_problems(task, "validation", validation, 0),
        *some_problems(task, "test", measure.test, 0),
    ]


def practice(
    task: Task, config: TextConfig, real: Sequence[Demonstration], holdout: Sequence[Demonstration]
) -> list[Prompt]:
    """Problems of the training split without a demonstration; where each has one, all but those kept apart.

    Raises UserError where there are none though the method samples.
    """
    apart = {demonstration.prompt.id for demonstration in holdout}
    shown = apart | {demonstration.prompt.id for demonstration in real}
    wanted = len(shown) + config.sample.prompts * min(max(config.loop.iterations, 2), 8)
    found = [prompt for prompt in problems(task, "train", wanted, config.seed) if prompt.id not in apart]
    fresh = [prompt for prompt in found if prompt.id not in shown]
    if not found and config.sample.samples:
        raise UserError(f"task '{task.name}' has no problem of the split train to practise on; give it some")
    return fresh or found


def watched(task: Task, config: TextConfig) -> MonitorConfig:
    """The monitor's settings, with no more problems than the validation split has."""
    count = len(problems(task, "validation", config.monitor.prompts, 0))
    return config.monitor.model_copy(update={"prompts": count})


def expected_real_share(task: Task, config: TextConfig) -> float:
    """A lower bound of the share of real data that training will see, before anything is generated."""
    if config.update.loss == "value":
        return 1.0  # nothing of its own writing reaches the policy
    if not config.mix.real or not demonstrations(task, 1, config.seed):
        return 0.0
    if config.mix.real_fraction or config.sample.samples == 0:
        return config.mix.real_fraction or 1.0
    own = config.sample.prompts * min(config.filter.per_prompt, config.sample.samples)
    return config.model.demonstrations / (config.model.demonstrations + own)


def check_settings(config: TextConfig) -> None:
    """Refuse settings that do not go together; UserError."""
    value, model = config.value, config.model
    learns_values = config.update.loss != "text"
    if learns_values and value.labels == "file" and not value.path:
        raise UserError('value.labels = "file" needs value.path: JSON lines with prompt, completions, labels')
    if learns_values and value.labels == "search" and config.sample.simulations == 0:
        raise UserError('value.labels = "search" needs sample.simulations of at least 1')
    if config.update.loss == "visits" and config.sample.simulations == 0:
        raise UserError('update.loss = "visits" needs sample.simulations of at least 1')
    if learns_values and len(config.filter.thresholds) > 1:
        raise UserError(
            f"filter.thresholds {list(config.filter.thresholds)}: give one where values are learnt"
        )
    sample = config.sample
    if sample.distinct and (sample.temperature == 0 or sample.top_k or sample.top_p < 1):
        raise UserError(
            "sample.distinct draws from the whole distribution: set it to false, or leave sample.top_k and "
            "sample.top_p out and take a sample.temperature above 0"
        )
    if sample.distinct and sample.simulations:
        raise UserError(
            "sample.distinct is for samples: set it to false; a search's steps are so with proposals.distinct"
        )
    if value.likelihood and not config.is_critic:
        raise UserError(
            f"value.likelihood = {value.likelihood:g} is for critics, which write nothing: "
            'set it to 0, or take update.loss = "value" with value.anchor = 0'
        )
    if config.is_critic and config.measure.control:
        raise UserError("measure.control: a critic writes nothing, so there is no control; set it to false")
    if model.lora.rank and not model.path:
        raise UserError("model.lora needs a model to go over; name one with --model")


def tell_ending(reporter: Reporter, config: TextConfig, values: Mapping[str, float], steps: int) -> None:
    """Say how a training ended, where held-out texts may end it."""
    if told := ending(config.learner, values, steps):
        reporter.message(told)


def instruments(task: Task) -> Instruments:
    """What the monitors know of a task."""
    return Instruments(
        solutions=partial(solutions, task),
        leaks=partial(leaks, task),
        modes=lambda episode: modes(task, episode.prompt, episode.completion),
    )


def learn(
    model: LanguageModel,
    config: TextConfig,
    examples: Sequence[Example],
    steps: int,
    purpose: tuple[object, ...],
    on_step: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Train `model` in place; the loss and what the learner says of itself."""
    learner = TextLearner(model, config.learner, row_seed(config.seed, "learn", *purpose))
    keys = [example.key for example in examples]
    rows = texts(
        model,
        [example.prompt for example in examples],
        [example.completion for example in examples],
        [example.weight for example in examples],
        [example.spans for example in examples],
        keys=keys,
    )
    own, apart = parted(rows, keys, config.learner, config.seed)
    return learner.fit(own, Supervised(), steps=steps, held_out=apart, on_step=on_step)
