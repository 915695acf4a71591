"""The loop on text: generate, verify, filter, learn, measure; one driver for every method."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from engine.errors import WriteError
from engine.language.episode import Episode
from engine.language.evaluation import values_of
from engine.language.final_table import final_table
from engine.language.learner.filter import mark_kept, mix, pass_rates
from engine.language.learner.side import without_losers
from engine.language.model.ability import ability_of
from engine.language.model.model import LanguageModel
from engine.language.model.tiny_model import renewed
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.gate import gate
from engine.language.monitor.guard import Changes, Knobs, check_start, respond
from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.metric.observation import Items
from engine.language.monitor.monitor import Monitor
from engine.language.parts import (
    Parts,
    Progress,
    check_settings,
    drift_base,
    evaluation_prompts,
    expected_real_share,
    first_model,
    instruments,
    knobs_of,
    learn,
    practice,
    real_data,
    tell_ending,
    turned,
    watched,
)
from engine.language.practice import first_value, teach, write_episodes
from engine.language.problem.contamination import EvaluationIndex, overlap, refuse_overlap
from engine.language.problem.problems import refuse_shared
from engine.language.record.text_run import REPORT, TextRun, judged_iteration
from engine.language.rollout import Policy, Verify, row_seed
from engine.language.round_trip import as_written, check_texts, without_misfits
from engine.language.settings import TextConfig
from engine.language.task import Demonstration, Prompt, Task
from engine.language.watch import Look, Watch, observation
from engine.report.report import RunPage, write_report
from engine.report.sample import draw_samples
from engine.run.interrupt import terminable
from engine.run.metrics import Metrics, resident_mb
from engine.run.reporter import Reporter
from engine.statistics import areas_within


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
    check_settings(config)
    for warning in check_start(task.kind, expected_real_share(task, config), config.guards):
        reporter.message(f"warning: {warning}")
    total = config.loop.iterations
    with ExitStack() as stack:
        stack.enter_context(terminable())
        warn = reporter.message
        run = stack.enter_context(
            TextRun.open(run_path, warn) if resume else TextRun.create(run_path, config, warn)
        )
        try:
            parts = _assemble(stack, task, run, verify, reporter)
        except WriteError:
            raise
        except (Exception, SystemExit):
            if not resume:
                run.abandon()
            raise
        reporter.start(None, total, parts.progress.iteration)
        reporter.message(f"run {run_path}")
        while parts.progress.iteration < total and not parts.progress.stopped:
            _iterate(parts)
        if parts.progress.stopped:
            reporter.message(
                f"stopped: {parts.progress.stopped}; judge samples with 'selfplay text inspect {run_path}', "
                "read them back with --verdicts, and resume"
            )
        table = final_table(parts)
        reporter.finish(table)
        return table


def _assemble(stack: ExitStack, task: Task, run: TextRun, verify: Verify, reporter: Reporter) -> Parts:
    config = run.config
    checkpoint = run.latest()
    real, holdout = real_data(task, config)
    prompts, measured = practice(task, config, real, holdout), evaluation_prompts(task, config)
    refuse_shared(task, prompts, measured)
    index = EvaluationIndex(measured)
    refuse_overlap([*real, *holdout], index)
    real, holdout = (_without_hits(part, index, reporter) for part in (real, holdout))
    real = without_losers(task, real, verify)
    last = checkpoint.iteration if checkpoint else -1
    metrics = stack.enter_context(Metrics(run.path, last, warn=reporter.message))
    if checkpoint:
        progress = Progress.of(checkpoint.progress)
        if judged_iteration(run.path) == progress.iteration:
            progress.stopped = ""
        base, model = run.model(0), run.model(progress.accepted)
        monitor = Monitor.from_json(progress.monitor, watched(task, config), instruments(task))
        accuracy = Items(**progress.accuracy)
    else:
        started = time.monotonic()
        progress = Progress(knobs=knobs_of(config))
        base = model = first_model(task, config, real, reporter)
        progress.seconds = time.monotonic() - started
        monitor, accuracy = Monitor(watched(task, config), instruments(task)), Items((), ())
    if slow := ability_of(base).slow:
        reporter.message(slow)
    prompts, real, holdout = without_misfits(base, prompts, real, holdout, reporter.message)
    if not checkpoint:
        check_texts(base, prompts, measured, real, verify, reporter.message)
    if not checkpoint and config.update.loss == "visits" and model.value_head is None:
        started = time.monotonic()
        progress.tokens += first_value(task, config, model, prompts, verify, reporter)
        progress.seconds += time.monotonic() - started
    watch = Watch(task, config, holdout, drift_base(run, progress, base), verify)
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
        base,
        model,
        accuracy,
    )
    if config.is_critic:
        reporter.message("the model learns to value texts and writes none: the first model does")
    if not checkpoint:
        with reporter.phase("looking at the model", watch.rows) as move:
            look = watch.look(model, move)
        values = _values(model, look)
        parts.accuracy = _compared(config, look, values)
        progress.tokens += look.tokens
        monitor.update(observation(look, values, 0, [], 1.0, 0))
        _commit(parts, model, [], {})
    return parts


def _iterate(parts: Parts) -> None:
    config, progress = turned(parts.config, parts.progress.knobs), parts.progress
    started, iteration = time.monotonic(), progress.iteration + 1
    prompts = _practised(parts, config, iteration)
    policies = _policies(parts, config.sample.num_writers)
    episodes = write_episodes(parts, config, policies, prompts, iteration)
    steps = round(config.update.steps * config.update.growth ** (iteration - 1))
    student, taken, leaked = _starting_model(parts), 0, 0
    values: dict[str, float] = {}
    for number, threshold in enumerate(config.filter.thresholds):
        episodes = mark_kept(
            parts.task, episodes, config.filter, threshold, by_visits=config.update.loss == "visits"
        )
        episodes, met = without_items(episodes, parts.index)
        leaked += met
        if config.update.loss == "text":
            seed = row_seed(config.seed, "mix", iteration)
            learnable = as_written(student, _learnable(parts, config, episodes), parts.reporter.message)
            examples = mix(learnable, parts.real, config.mix, seed, task=parts.task, threshold=threshold)
            found = None
            if examples:
                with parts.reporter.phase("training", steps, "steps") as move:
                    found = learn(student, config, examples, steps, (iteration, number), move)
        else:
            found = teach(parts, config, student, episodes, steps, iteration)
        if found is None:
            parts.reporter.message(f"iteration {iteration}: no completion scores {threshold:g} or more")
            break
        tell_ending(parts.reporter, config, found, steps)
        values, taken = found, taken + int(found["loss/steps"])
    _judge(parts, config, student, iteration, episodes, values, taken, leaked)
    progress.seconds += time.monotonic() - started
    _commit(parts, student, episodes, values)


def _judge(
    parts: Parts,
    config: TextConfig,
    student: LanguageModel,
    iteration: int,
    episodes: Sequence[Episode],
    values: dict[str, float],
    steps: int,
    leaked: int,
) -> None:
    """Measure what came out, and let the gate and the alarms decide what becomes of it."""
    progress, old = parts.progress, parts.accuracy
    with parts.reporter.phase("looking at the model", parts.watch.rows) as move:
        look = parts.watch.look(parts.writer(student), move)
    told = _values(student, look)
    compared = _compared(config, look, told)
    passed = gate(compared.scores, old.scores, old.keys, config.monitor, config.seed)
    share = real_share(parts, config, episodes)
    seen = observation(look, told, iteration, episodes, share, leaked)
    human = judged_iteration(parts.run.path) == iteration - 1
    alerts = parts.monitor.update(replace(seen, gate=passed, human=human))
    changes = guarded(alerts, progress.knobs, share, config.guards)
    for alert in alerts:
        parts.reporter.message(f"{alert.level.name} {alert.metric}: {alert.message}")
    for reason in changes.reasons:
        parts.reporter.message(f"guard: {reason}")
    for reason in changes.withheld:
        parts.reporter.message(f"guard, not acting: {reason}")
    values["gate/p_worse"], values["gate/difference"] = passed.p_worse, passed.difference
    progress.iteration = iteration
    progress.tokens += sum(episode.tokens for episode in episodes) + look.tokens
    progress.knobs = changes.knobs
    if changes.stop:
        progress.stopped = next(alert.message for alert in alerts if alert.level == Level.STOP)
    if changes.reject or changes.roll_back:
        parts.monitor.discard()
    else:
        base = progress.steps if config.update.start == "last" else 0
        progress.accepted, progress.steps = iteration, base + steps
        parts.model, parts.accuracy = student, compared
        if config.monitor.drift_from == "trained" and not progress.drift_base:
            progress.drift_base = iteration
            parts.watch.rebase(parts.writer(student))


def _values(model: LanguageModel, look: Look) -> list[float] | None:
    """What the model's value head says of the probe's samples, where it has one."""
    return None if model.value_head is None else values_of(model, look.probe).tolist()


def _compared(config: TextConfig, look: Look, values: Sequence[float] | None) -> Items:
    """What the gate compares models by: greedy scores; of critics how they tell the probe's samples apart.

    The latter is the area under the curve of each problem, 0.5 where the values tell nothing.
    """
    if not config.is_critic:
        return look.accuracy
    keys = list({episode.prompt.id: episode.prompt.key for episode in look.probe}.values())
    right = np.array([episode.worth >= 1 for episode in look.probe]).reshape(len(keys), -1)
    told = np.full(right.shape, 0.5) if values is None else np.asarray(values).reshape(right.shape)
    return Items(keys, np.nan_to_num(areas_within(right, told), nan=0.5).tolist())


def _without_hits(
    real: Sequence[Demonstration], index: EvaluationIndex, reporter: Reporter
) -> list[Demonstration]:
    """Real data without what has the text of an evaluation item."""
    hits = {hit.index for hit in overlap(real, index)}
    if hits:
        reporter.message(f"{len(hits)} of {len(real)} demonstrations resemble evaluation items: left out")
    return [each for number, each in enumerate(real) if number not in hits]


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
        rates = pass_rates(parts.run.episodes(), distinct=config.sample.distinct)
        prompts = [p for p in prompts if low <= rates.get(p.id, low) <= high]
    return draw(prompts, config.sample.prompts, row_seed(config.seed, "prompts", iteration))


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
    parts.run.begin(progress.iteration)
    parts.metrics.write(progress.iteration, line)
    parts.run.commit(progress.iteration, model, asdict(progress), episodes)
    write_report(parts.run.path / REPORT, run_page(parts.task, parts.config, parts.monitor, episodes))
    parts.reporter.iteration({"iteration": progress.iteration, **line})


def run_page(
    task: Task, config: TextConfig, monitor: Monitor, episodes: Sequence[Episode], notes: Sequence[str] = ()
) -> RunPage:
    """The report of a run, with samples of its newest episodes."""
    samples = draw_samples(episodes, [], {}, monitor.tools.modes, count=10, seed=config.seed)
    facts = {"task": config.task, "method": config.method, "seed": str(config.seed)}
    facts["model"] = config.model.path or f"built, {config.model.size} parameters"
    if config.is_critic:
        facts["role"] = "a critic, which values what the first model writes"
    title = f"{config.method} on {task.name}"
    return RunPage(
        title, monitor.history, monitor.alerts, samples, facts, notes, thresholds=config.monitor.thresholds
    )


def _policies(parts: Parts, count: int) -> list[Policy]:
    """The accepted model, the newest before it, and where a model was built others built like it."""
    newest = parts.writer(parts.model)
    policies = [Policy(newest, newest.digest())]
    for iteration in range(-1 if parts.config.is_critic else parts.progress.accepted - 1, -1, -1):
        if len(policies) < count:
            model = parts.run.model(iteration)
            policies.append(Policy(model, model.digest()))
    for number in range(len(policies), count if not parts.config.model.path else 0):
        seeds = parts.config.model_copy(update={"seed": row_seed(parts.config.seed, "policy", number)})
        model = first_model(parts.task, seeds, parts.real, parts.reporter)
        policies.append(Policy(model, model.digest()))
    return policies


def _starting_model(parts: Parts) -> LanguageModel:
    """A model of its own to train: what the first model was, a copy of the accepted one, or a fresh one."""
    start, progress = parts.config.update.start, parts.progress
    model = parts.run.model(progress.accepted if start == "last" else 0)
    return (
        renewed(model, row_seed(parts.config.seed, "fresh", progress.iteration + 1))
        if start == "fresh"
        else model
    )


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


def guarded(alerts: Sequence[Alert], knobs: Knobs, share: float, config: GuardConfig) -> Changes:
    """What alarms change, where a fraction of 0 stands for the share that the real data has anyway."""
    if knobs.real_fraction > 0:
        return respond(alerts, knobs, config)
    changes = respond(alerts, replace(knobs, real_fraction=share), config)
    if changes.knobs.real_fraction == share:
        return replace(changes, knobs=replace(changes.knobs, real_fraction=0.0))
    return changes


def real_share(parts: Parts, config: TextConfig, episodes: Sequence[Episode]) -> float:
    """Share of the characters trained on that is real data."""
    if config.update.loss == "value":
        return 1.0  # nothing of its own writing reaches the policy
    if not config.mix.real or not parts.real:
        return 0.0
    if config.mix.real_fraction:
        return config.mix.real_fraction
    own = sum(len(episode.completion) for episode in _learnable(parts, config, episodes))
    real = sum(len(demonstration.completion) for demonstration in parts.real)
    return real / max(real + own, 1)
