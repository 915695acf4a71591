"""The loop on text: generate, verify, filter, learn, measure; one driver for every method."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from engine.config import build_section, merge
from engine.errors import UserError
from engine.interrupt import terminable
from engine.language.contamination import EvaluationIndex, overlap, refuse_overlap
from engine.language.episode import Episode
from engine.language.evaluation import Result, evaluate, table_row
from engine.language.filter import Example, mark_kept, mix
from engine.language.model import LanguageModel
from engine.language.model_folder import load_model
from engine.language.monitor.gate import gate
from engine.language.monitor.guard import Knobs, check_start, respond
from engine.language.monitor.levels import Level
from engine.language.monitor.measure import Instruments
from engine.language.monitor.monitor import Monitor
from engine.language.monitor.observation import Items
from engine.language.objective import Supervised, texts
from engine.language.report.report import RunPage, write_report
from engine.language.report.sample import draw_samples
from engine.language.rollout import Policy, Verify, rollout, row_seed
from engine.language.rundir import REPORT, TextRun
from engine.language.settings import TextConfig
from engine.language.task import Demonstration, Prompt, Task
from engine.language.text_learner import TextLearner
from engine.language.tiny_model import build_model
from engine.language.watch import Watch, observation
from engine.metrics import Metrics, resident_mb
from engine.train import Reporter


@dataclass
class Progress:
    """What the driver carries from commit to commit."""

    iteration: int = 0
    accepted: int = 0
    """The iteration whose model counts; later ones were rejected."""
    seconds: float = 0.0
    tokens: int = 0
    """Generated, in all."""
    steps: int = 0
    """Gradient steps from the first model to the accepted one."""
    monitor: dict[str, Any] = field(default_factory=dict)
    knobs: Knobs = field(default_factory=Knobs)
    """Settings as alarms have turned them."""
    accuracy: dict[str, Any] = field(default_factory=dict)
    """Scores of the accepted model on the validation problems."""
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
    model: LanguageModel
    """The accepted one."""
    accuracy: Items
    """What it reaches on the validation problems."""


def improve(
    task: Task,
    config: TextConfig,
    run_path: Path,
    verify: Verify,
    *,
    resume: bool,
    reporter: Reporter,
) -> list[dict[str, Any]]:
    """Run a method in `run_path`; go on with what is there on `resume`. The rows of the final table.

    Raises UserError for what the user can mend. KeyboardInterrupt (also on SIGTERM) drops the iteration
    under way; everything up to the last commit stays.
    """
    for warning in check_start(task.kind, expected_real_share(task, config), config.guards):
        reporter.message(f"warning: {warning}")
    total = config.loop.iterations
    with ExitStack() as stack:
        stack.enter_context(terminable())
        warn = reporter.message
        run = stack.enter_context(
            TextRun.open(run_path, warn) if resume else TextRun.create(run_path, config, warn)
        )
        parts = _assemble(stack, task, run, verify, reporter)
        reporter.start(None, total, parts.progress.iteration)
        reporter.message(f"run {run_path}")
        while parts.progress.iteration < total and not parts.progress.stopped:
            _iterate(parts)
        if parts.progress.stopped:
            reporter.message(f"stopped: {parts.progress.stopped}")
        table = final_table(parts)
        reporter.finish(table)
        return table


def _assemble(stack: ExitStack, task: Task, run: TextRun, verify: Verify, reporter: Reporter) -> Parts:
    config = run.config
    checkpoint = run.latest()
    real, holdout = real_data(task, config)
    shown = {demonstration.prompt.id for demonstration in (*real, *holdout)}
    wanted = len(shown) + config.sample.prompts * min(max(config.loop.iterations, 2), 8)
    prompts = [p for p in task.prompts("train", wanted, config.seed) if p.id not in shown]
    index = EvaluationIndex(evaluation_prompts(task, config))
    refuse_overlap([*real, *holdout], index)
    metrics = stack.enter_context(Metrics(run.path, checkpoint.iteration if checkpoint else -1))
    if checkpoint:
        progress = Progress.of(checkpoint.progress)
        base, model = load_model(run.model_folder(0)), load_model(run.model_folder(progress.accepted))
        monitor, accuracy = (
            Monitor.from_json(progress.monitor, config.monitor, instruments(task)),
            Items(**progress.accuracy),
        )
    else:
        started = time.monotonic()
        progress = Progress(knobs=knobs_of(config))
        base = model = first_model(task, config, real, reporter)
        progress.seconds = time.monotonic() - started
        monitor, accuracy = Monitor(config.monitor, instruments(task)), Items((), ())
    watch = Watch(task, config, holdout, base, verify)
    parts = Parts(
        task,
        config,
        run,
        verify,
        real,
        prompts,
        index,
        watch,
        monitor,
        metrics,
        reporter,
        progress,
        model,
        accuracy,
    )
    if not checkpoint:
        look = watch.look(model)
        parts.accuracy = look.accuracy
        progress.tokens = look.tokens
        monitor.update(observation(look, 0, [], 1.0, 0))
        _commit(parts, model, [], {})
    return parts


def real_data(task: Task, config: TextConfig) -> tuple[list[Demonstration], list[Demonstration]]:
    """(what models may learn from, what is kept apart to watch them)."""
    count, apart = config.model.demonstrations, config.measure.holdout
    found = task.demonstrations(count + apart, config.seed)
    apart = min(apart, len(found) // 5)
    return found[: len(found) - apart][:count], found[len(found) - apart :]


def first_model(
    task: Task, config: TextConfig, real: Sequence[Demonstration], reporter: Reporter
) -> LanguageModel:
    """The model that is named, or one built from nothing and trained on demonstrations."""
    settings = config.model
    if settings.path:
        return load_model(Path(settings.path), Path(settings.adapter) if settings.adapter else None)
    if not real:
        raise UserError(
            f"task '{task.name}' has no demonstrations to build a model on; name one with --model"
        )
    reporter.message(f"building a model of {settings.size} parameters on {len(real)} demonstrations")
    model = new_model(task, config, real)
    learn(model, config, mix([], real, config.mix, 0), settings.steps, (0,))
    return model


def new_model(task: Task, config: TextConfig, real: Sequence[Demonstration]) -> LanguageModel:
    """A model with fresh weights that can spell the task."""
    alphabet = task.alphabet or "".join(
        sorted({letter for d in real for letter in d.prompt.text + d.completion})
    )
    return build_model(alphabet, config.model.size, config.seed)


def evaluation_prompts(task: Task, config: TextConfig) -> list[Prompt]:
    """Every problem that a checkpoint of this run is gated, watched or reported on."""
    measure = config.measure
    validation = max(measure.validation, config.monitor.prompts)
    return [*task.prompts("validation", validation, 0), *task.prompts("test", measure.test, 0)]


def learn(
    model: LanguageModel,
    config: TextConfig,
    examples: Sequence[Example],
    steps: int,
    purpose: tuple[object, ...],
) -> dict[str, float]:
    """Train `model` in place; the loss and what the learner says of itself."""
    learner = TextLearner(model, config.learner, row_seed(config.seed, "learn", *purpose))
    rows = texts(
        model,
        [example.prompt for example in examples],
        [example.completion for example in examples],
        [example.weight for example in examples],
    )
    return learner.fit(rows, Supervised(), steps=steps)


def _iterate(parts: Parts) -> None:
    config, progress = turned(parts.config, parts.progress.knobs), parts.progress
    started, iteration = time.monotonic(), progress.iteration + 1
    prompts = _practised(parts, config, iteration)
    episodes = rollout(
        parts.task, _policies(parts, config.sample.policies), prompts, config.sample, config.loop.rows,
        parts.verify, seed=config.seed, iteration=iteration,
    )  # fmt: skip
    steps = round(config.update.steps * config.update.growth ** (iteration - 1))
    student, taken, leaked = _starting_model(parts), 0, 0
    values: dict[str, float] = {}
    for number, threshold in enumerate(config.filter.thresholds):
        episodes = mark_kept(parts.task, episodes, config.filter, threshold)
        episodes, met = without_items(episodes, parts.index)
        leaked += met
        seed = row_seed(config.seed, "mix", iteration)
        examples = mix(_learnable(parts, config, episodes), parts.real, config.mix, seed)
        if not examples:
            parts.reporter.message(f"iteration {iteration}: no completion scores {threshold:g} or more")
            break
        values = learn(student, config, examples, steps, (iteration, number))
        taken += steps
    _judge(parts, student, iteration, episodes, values, taken, leaked)
    progress.seconds += time.monotonic() - started
    _commit(parts, student, episodes, values)


def _judge(
    parts: Parts,
    student: LanguageModel,
    iteration: int,
    episodes: Sequence[Episode],
    values: dict[str, float],
    steps: int,
    leaked: int,
) -> None:
    """Measure what came out, and let the gate and the alarms decide what becomes of it."""
    config, progress, old = parts.config, parts.progress, parts.accuracy
    look = parts.watch.look(student)
    passed = gate(look.accuracy.scores, old.scores, old.keys, config.monitor, config.seed)
    share = real_share(parts, episodes)
    seen = observation(look, iteration, episodes, share, leaked)
    alerts = parts.monitor.update(replace(seen, gate=passed))
    changes = respond(alerts, progress.knobs, config.guards)
    for alert in alerts:
        parts.reporter.message(f"{alert.level.name} {alert.metric}: {alert.message}")
    for reason in changes.reasons:
        parts.reporter.message(f"guard: {reason}")
    values["gate/p_worse"], values["gate/difference"] = passed.p_worse, passed.difference
    progress.iteration = iteration
    progress.tokens += sum(episode.tokens for episode in episodes) + look.tokens
    progress.knobs = changes.knobs
    if changes.stop:
        progress.stopped = next(alert.message for alert in alerts if alert.level == Level.STOP)
    if changes.reject or changes.roll_back:
        parts.monitor.discard()
    else:
        base = 0 if config.update.start == "base" else progress.steps
        progress.accepted, progress.steps = iteration, base + steps
        parts.model, parts.accuracy = student, look.accuracy


def without_items(episodes: Sequence[Episode], index: EvaluationIndex) -> tuple[list[Episode], int]:
    """The episodes, those that hold an evaluation item no longer kept; how many are on its own problem."""
    hits = {hit.index: hit.by for hit in overlap(episodes, index)}
    cleaned = [replace(e, kept=e.kept and number not in hits) for number, e in enumerate(episodes)]
    return cleaned, sum(by == "key" for by in hits.values())


def _practised(parts: Parts, config: TextConfig, iteration: int) -> list[Prompt]:
    """Problems of one iteration; where a band of pass rates is set, none that is known to lie outside it."""
    low, high = config.sample.band
    prompts = parts.prompts
    if (low, high) != (0.0, 1.0):
        rates = pass_rates(parts.run.episodes())
        prompts = [p for p in prompts if low <= rates.get(p.id, low) <= high]
    return draw(prompts, config.sample.prompts, row_seed(config.seed, "prompts", iteration))


def pass_rates(episodes: Sequence[Episode]) -> dict[str, float]:
    """Share of a problem's completions that are right, by its id."""
    tried: dict[str, list[bool]] = {}
    for episode in episodes:
        tried.setdefault(episode.prompt.id, []).append(episode.result.score >= 1)
    return {name: sum(right) / len(right) for name, right in tried.items()}


def _commit(
    parts: Parts, model: LanguageModel, episodes: Sequence[Episode], values: Mapping[str, float]
) -> None:
    progress = parts.progress
    progress.monitor = parts.monitor.to_json()
    progress.accuracy = asdict(parts.accuracy)
    kept = sum(episode.kept for episode in episodes)
    line = {
        **values,
        **parts.monitor.metrics(),
        "data/sampled": len(episodes),
        "data/kept": kept,
        "data/yield": kept / max(len(episodes), 1),
        "speed/tokens": progress.tokens,
        "machine/memory_mb": resident_mb(),
        "minutes": progress.seconds / 60,
        "accepted": progress.accepted,
    }
    parts.metrics.write(progress.iteration, line)
    parts.run.commit(progress.iteration, model, asdict(progress), episodes)
    write_report(parts.run.path / REPORT, run_page(parts.task, parts.config, parts.monitor, episodes))
    parts.reporter.iteration({"iteration": progress.iteration, **line})


def knobs_of(config: TextConfig) -> Knobs:
    """The settings that guards may turn, as the run begins with them."""
    return Knobs(
        real_fraction=config.mix.real_fraction,
        accumulate=config.mix.keep == "accumulate",
        temperature=config.sample.temperature,
        cap=config.filter.per_prompt,
        band=config.sample.band,
        steps=config.update.steps,
    )


def turned(config: TextConfig, knobs: Knobs) -> TextConfig:
    """Settings of the next iteration: the run's, and over them what alarms have changed."""
    layers = {
        "sample": {"temperature": knobs.temperature, "band": knobs.band},
        "filter": {"per_prompt": knobs.cap},
        "mix": {
            "real_fraction": knobs.real_fraction,
            "keep": "accumulate" if knobs.accumulate else "replace",
        },
        "update": {"steps": knobs.steps},
    }
    return build_section(TextConfig, merge(config.model_dump(), layers))


def run_page(
    task: Task, config: TextConfig, monitor: Monitor, episodes: Sequence[Episode], notes: Sequence[str] = ()
) -> RunPage:
    """The report of a run, with samples of its newest episodes."""
    samples = draw_samples(episodes, [], {}, monitor.tools.modes, count=10, seed=config.seed)
    facts = {"task": config.task, "method": config.method, "seed": str(config.seed)}
    facts["model"] = config.model.path or f"built, {config.model.size} parameters"
    title = f"{config.method} on {task.name}"
    return RunPage(
        title, monitor.history, monitor.alerts, samples, facts, notes, thresholds=config.monitor.thresholds
    )


def instruments(task: Task) -> Instruments:
    """What the monitors know of a task."""
    return Instruments(
        solutions=task.solutions,
        leaks=task.leaks,
        modes=lambda episode: task.modes(episode.prompt, episode.completion),
    )


def _policies(parts: Parts, count: int) -> list[Policy]:
    """The accepted model and the newest before it."""
    policies = [Policy(parts.model, parts.model.digest())]
    for iteration in range(parts.progress.accepted - 1, -1, -1):
        if len(policies) < count:
            model = load_model(parts.run.model_folder(iteration))
            policies.append(Policy(model, model.digest()))
    return policies


def _starting_model(parts: Parts) -> LanguageModel:
    """A model of its own to train: what the first model was, or a copy of the accepted one."""
    first = parts.config.update.start == "base"
    return load_model(parts.run.model_folder(0 if first else parts.progress.accepted))


def _learnable(parts: Parts, config: TextConfig, episodes: Sequence[Episode]) -> list[Episode]:
    """What passed now, and with `accumulate` what passed before."""
    now = [episode for episode in episodes if episode.kept]
    if config.mix.keep == "replace":
        return now
    return [episode for episode in parts.run.episodes() if episode.kept] + now


def draw(prompts: Sequence[Prompt], count: int, seed: int) -> list[Prompt]:
    """`count` different problems at random, in their order; all where there are no more."""
    if count >= len(prompts):
        return list(prompts)
    return [prompts[index] for index in sorted(Random(seed).sample(range(len(prompts)), count))]


def expected_real_share(task: Task, config: TextConfig) -> float:
    """A lower bound of the share of real data that training will see, before anything is generated."""
    if not config.mix.real or not task.demonstrations(1, config.seed):
        return 0.0
    if config.mix.real_fraction or config.sample.samples == 0:
        return config.mix.real_fraction or 1.0
    own = config.sample.prompts * min(config.filter.per_prompt, config.sample.samples)
    return config.model.demonstrations / (config.model.demonstrations + own)


def real_share(parts: Parts, episodes: Sequence[Episode]) -> float:
    """Share of the characters trained on that is real data."""
    own = sum(len(episode.completion) for episode in episodes if episode.kept)
    real = sum(len(demonstration.completion) for demonstration in parts.real)
    return (
        real / max(real + own, 1) if parts.config.mix.real_fraction == 0 else parts.config.mix.real_fraction
    )


def final_table(parts: Parts) -> list[dict[str, Any]]:
    """Base, control and result on the test problems; the control has as many steps on real data."""
    task, config, run = parts.task, parts.config, parts.run
    prompts = task.prompts("test", config.measure.test, 0)
    parts.reporter.message(f"measuring on {len(prompts)} test problems")

    def measured(model: LanguageModel) -> Result:
        return evaluate(
            task, Policy(model, ""), prompts, parts.verify,
            samples=config.measure.samples, rows=config.loop.rows, seed=config.seed,
        )  # fmt: skip

    first = measured(load_model(run.model_folder(0)))
    rows = [table_row("first", first)]
    if config.measure.control and parts.real and parts.progress.steps:
        control = load_model(run.model_folder(0))
        learn(control, config, mix([], parts.real, config.mix, 0), parts.progress.steps, ("control",))
        rows.append(table_row("control", measured(control), first))
    result = measured(parts.model)
    rows.append(table_row(f"iteration {parts.progress.accepted}", result, first))
    return rows
