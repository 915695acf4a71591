"""The loop on text: write, filter, learn, look, judge, commit; it knows no method by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import WriteError
from engine.language.episode import Episode
from engine.language.measure.evaluation import values_of
from engine.language.measure.final_table import final_table
from engine.language.measure.watch import Look, observation
from engine.language.method.registry import method_of
from engine.language.method.turn import Learnt, Turn
from engine.language.model.model import LanguageModel
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.gate import gate
from engine.language.monitor.guard import Changes, Knobs, check_start, respond
from engine.language.monitor.levels import Alert, Level
from engine.language.monitor.monitor import Monitor
from engine.language.parts import Parts
from engine.language.problem.contamination import EvaluationIndex, overlap
from engine.language.record.text_run import TextRun, judged_iteration
from engine.language.rollout import Verify
from engine.language.settings import TextConfig
from engine.language.setup import assemble
from engine.language.task import Task
from engine.run.interrupt import terminable
from engine.run.metrics import resident_mb
from engine.run.reporter import Reporter


@dataclass(frozen=True)
class Committed:
    """What a run has just committed, for whoever shows it."""

    path: Path
    """Of the run."""
    task: Task
    config: TextConfig
    monitor: Monitor
    episodes: Sequence[Episode]
    """Of the iteration."""


Show = Callable[[Committed], object]


def improve(
    task: Task,
    config: TextConfig,
    run_path: Path,
    verify: Verify,
    *,
    resume: bool,
    reporter: Reporter,
    on_commit: Show = lambda _: None,
) -> list[dict[str, Any]]:
    """Run a method in `run_path`; go on with what is there on `resume`. The rows of the final table.

    `on_commit` is called after each commit. Raises UserError for what the user can mend. KeyboardInterrupt
    (also on SIGTERM) drops the iteration under way; everything up to the last commit stays.
    """
    method = method_of(config)
    method.check(config)
    share = method.trainer(config).expected_real_share(task)
    for warning in check_start(method.verdicts(task), share, config.guards):
        reporter.message(f"warning: {warning}")
    with ExitStack() as stack:
        stack.enter_context(terminable())
        warn = reporter.message
        run = stack.enter_context(
            TextRun.open(run_path, warn) if resume else TextRun.create(run_path, config, warn)
        )
        try:
            parts = assemble(stack, task, method, run, verify, reporter)
            if note := parts.role.note:
                reporter.message(note)
            if run.manifest is None:
                _look_first(parts, on_commit)
        except WriteError:
            raise
        except (Exception, SystemExit):
            if not resume:
                run.abandon()
            raise
        return _go_on(parts, config.loop.iterations, on_commit)


def _go_on(parts: Parts, total: int, on_commit: Show) -> list[dict[str, Any]]:
    """The iterations that are left of `total`, and the final table."""
    progress, reporter, path = parts.progress, parts.reporter, parts.run.path
    reporter.start(None, total, progress.iteration)
    reporter.message(f"run {path}")
    while progress.iteration < total and not progress.stopped:
        _iterate(parts, on_commit)
    if progress.stopped:
        reporter.message(
            f"stopped: {progress.stopped}; judge samples with 'selfplay text inspect {path}', "
            "read them back with --verdicts, and resume"
        )
    table = final_table(parts)
    reporter.finish(table)
    return table


def _look_first(parts: Parts, on_commit: Show) -> None:
    """Measure the first model, which later ones are compared with, and commit it."""
    look, values = _looked_at(parts, parts.model)
    parts.accuracy = parts.role.figure(look, values)
    parts.progress.tokens += look.tokens
    parts.monitor.update(observation(look, values, 0, [], 1.0, 0))
    _commit(parts, parts.model, [], {}, on_commit)


def _iterate(parts: Parts, on_commit: Show) -> None:
    """Write, filter, learn, look, judge, commit."""
    started, turn = time.monotonic(), parts.turn()
    episodes, learnt, leaked = _practise(parts, turn)
    _judge(parts, turn, episodes, learnt, leaked)
    parts.progress.seconds += time.monotonic() - started
    _commit(parts, turn.student, episodes, learnt.values, on_commit)


def _practise(parts: Parts, turn: Turn) -> tuple[list[Episode], Learnt, int]:
    """Write, and at each threshold filter and learn, as often as the sampler goes round.

    The episodes with what was kept, what came of them, and how many are on evaluation items.
    """
    sampler, trainer = parts.method.sampler(turn.config), parts.method.trainer(turn.config)
    episodes, learnt, leaked = list[Episode](), Learnt(), 0
    for turn.round in range(sampler.rounds):
        written = sampler.write(turn)
        for number, threshold in enumerate(turn.config.filter.thresholds):
            written = trainer.marked(turn.task, written, threshold)
            written, met = without_items(written, parts.index)
            leaked += met
            found = trainer.learn(turn, written, threshold, number)
            learnt = learnt.then(found)
            if not found.steps:
                parts.reporter.message(
                    f"iteration {turn.iteration}: no completion scores {threshold:g} or more"
                )
                break
        episodes += written
    return episodes, learnt, leaked


def _judge(parts: Parts, turn: Turn, episodes: Sequence[Episode], learnt: Learnt, leaked: int) -> None:
    """Look at what came out, and let the gate and the alarms decide what becomes of it."""
    progress, old, config = parts.progress, parts.accuracy, turn.config
    look, told = _looked_at(parts, turn.student)
    compared = parts.role.figure(look, told)
    passed = gate(compared.scores, old.scores, old.keys, config.monitor, config.seed)
    share = parts.method.trainer(config).real_share(turn, episodes)
    seen = observation(look, told, turn.iteration, episodes, share, leaked)
    human = judged_iteration(parts.run.path) == turn.iteration - 1
    alerts = parts.monitor.update(replace(seen, gate=passed, human=human))
    changes = guarded(alerts, progress.knobs, share, config.guards)
    for alert in alerts:
        parts.reporter.message(f"{alert.level.name} {alert.metric}: {alert.message}")
    for reason in changes.reasons:
        parts.reporter.message(f"guard: {reason}")
    for reason in changes.withheld:
        parts.reporter.message(f"guard, not acting: {reason}")
    learnt.values["gate/p_worse"], learnt.values["gate/difference"] = passed.p_worse, passed.difference
    progress.iteration = turn.iteration
    progress.tokens += learnt.tokens + sum(episode.tokens for episode in episodes) + look.tokens
    progress.knobs = changes.knobs
    if changes.stop:
        progress.stopped = next(alert.message for alert in alerts if alert.level == Level.STOP)
    if changes.reject or changes.roll_back:
        parts.monitor.discard()
    else:
        base = progress.steps if config.update.start == "last" else 0
        progress.accepted, progress.steps = turn.iteration, base + learnt.steps
        parts.model, parts.accuracy = turn.student, compared
        if config.monitor.drift_from == "trained" and not progress.drift_base:
            progress.drift_base = turn.iteration
            parts.watch.rebase(parts.writer(turn.student))


def _looked_at(parts: Parts, model: LanguageModel) -> tuple[Look, list[float] | None]:
    """What the monitors see of a model, and what its value head says of the probe where it has one."""
    with parts.reporter.phase("looking at the model", parts.watch.rows) as move:
        look = parts.watch.look(parts.writer(model), move)
    return look, None if model.value_head is None else values_of(model, look.probe).tolist()


def without_items(episodes: Sequence[Episode], index: EvaluationIndex) -> tuple[list[Episode], int]:
    """The episodes, those that hold an evaluation item no longer kept; how many are on its own problem."""
    hits = {hit.index: hit.by for hit in overlap(episodes, index)}
    cleaned = [replace(e, kept=e.kept and number not in hits) for number, e in enumerate(episodes)]
    return cleaned, sum(by == "key" for by in hits.values())


def _commit(
    parts: Parts,
    model: LanguageModel,
    episodes: Sequence[Episode],
    values: Mapping[str, float],
    on_commit: Show,
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
    on_commit(Committed(parts.run.path, parts.task, parts.config, parts.monitor, episodes))
    parts.reporter.iteration({"iteration": progress.iteration, **line})


def guarded(alerts: Sequence[Alert], knobs: Knobs, share: float, config: GuardConfig) -> Changes:
    """What alarms change, where a fraction of 0 stands for the share that the real data has anyway."""
    if knobs.real_fraction > 0:
        return respond(alerts, knobs, config)
    changes = respond(alerts, replace(knobs, real_fraction=share), config)
    if changes.knobs.real_fraction == share:
        return replace(changes, knobs=replace(changes.knobs, real_fraction=0.0))
    return changes
