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
from engine.language.monitor.gate import gate
from engine.language.monitor.guard import Changes, Fate, check_start, respond
from engine.language.monitor.journal import Entry, entries
from engine.language.monitor.levels import Level
from engine.language.monitor.metric.observation import Items
from engine.language.monitor.monitor import Monitor
from engine.language.parts import Parts, Progress, turnable
from engine.language.problem.contamination import EvaluationIndex, overlap
from engine.language.record.text_run import TextRun, judged_iteration
from engine.language.rollout import Verify
from engine.language.settings import TextConfig
from engine.language.setup import assemble, drift_base
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
    guards: Sequence[Entry] = ()
    """What guards have done so far."""
    asked: int = 0
    """Completions that a person is to judge from now on."""
    probe: Sequence[Episode] = ()
    """Those of the new model on the monitors' problems, where any are asked for."""


Show = Callable[[Committed], object]


@dataclass(frozen=True)
class Judged:
    """What a person is asked to judge once an iteration is committed."""

    asked: int = 0
    probe: Sequence[Episode] = ()
    """Of the new model."""


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
    warnings = tuple(check_start(method.verdicts(task), share, config.guards))
    for warning in warnings:
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
                parts.progress.guards = [Entry(0, withheld=warnings).to_json()] if warnings else []
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
    _commit(parts, parts.model, Judged(), [], {}, on_commit)


def _iterate(parts: Parts, on_commit: Show) -> None:
    """Write, filter, learn, look, judge, commit."""
    started, turn = time.monotonic(), parts.turn()
    episodes, learnt, leaked = _practise(parts, turn)
    judged = _judge(parts, turn, episodes, learnt, leaked)
    parts.progress.seconds += time.monotonic() - started
    _commit(parts, turn.student, judged, episodes, learnt.values, on_commit)


def _practise(parts: Parts, turn: Turn) -> tuple[list[Episode], Learnt, int]:
    """Write, and at each threshold filter and learn, as often as the sampler goes round.

    The episodes with what was kept, what came of them, and how many are on evaluation items.
    """
    sampler, trainer = parts.method.sampler(turn.config), parts.method.trainer(turn.config)
    episodes, learnt, leaked = list[Episode](), Learnt(), 0
    for turn.round in range(sampler.rounds):
        written, met = sampler.write(turn), 0
        for number, threshold in enumerate(turn.config.filter.thresholds):
            written = trainer.marked(turn.task, written, threshold)
            written, met = without_items(written, parts.index)
            found = trainer.learn(turn, written, threshold, number)
            learnt = learnt.then(found)
            if not found.steps:
                parts.reporter.message(
                    f"iteration {turn.iteration}: no completion scores {threshold:g} or more"
                )
                break
        leaked += met  # the last time round: the same episodes at every threshold
        episodes += written
    return episodes, learnt, leaked


def _judge(parts: Parts, turn: Turn, episodes: Sequence[Episode], learnt: Learnt, leaked: int) -> Judged:
    """Look at what came out, and let the gate and the alarms decide what becomes of it."""
    progress, old, config = parts.progress, parts.accuracy, turn.config
    look, told = _looked_at(parts, turn.student)
    compared = parts.role.figure(look, told)
    passed = gate(compared.scores, old.scores, old.keys, config.monitor, config.seed)
    trainer = parts.method.trainer(config)
    share = trainer.real_share(turn, episodes)
    seen = observation(look, told, turn.iteration, episodes, share, leaked)
    human = judged_iteration(parts.run.path) == turn.iteration - 1
    alerts = parts.monitor.update(replace(seen, gate=passed, human=human))
    for alert in alerts:
        parts.reporter.message(f"{alert.level.name} {alert.metric}: {alert.message}")
    present, has_earlier = turnable(config, trainer, share), progress.accepted > 0
    changes = respond(alerts, present, config.guards, has_earlier=has_earlier)
    _record(parts, turn.iteration, changes)
    learnt.values["gate/p_worse"], learnt.values["gate/difference"] = passed.p_worse, passed.difference
    learnt.values.update(changes.metrics())
    progress.iteration = turn.iteration
    progress.tokens += learnt.tokens + sum(episode.tokens for episode in episodes) + look.tokens
    progress.patch |= changes.patch
    if changes.stop:
        progress.stopped = next(alert.message for alert in alerts if alert.level == Level.STOP)
    _settle(parts, turn, changes.fate, compared, learnt.steps)
    return Judged(changes.labels, look.probe) if changes.labels else Judged()


def _settle(parts: Parts, turn: Turn, fate: Fate, compared: Items, steps: int) -> None:
    """Make the new model the accepted one, or not, or the one accepted before the present one."""
    progress = parts.progress
    if fate == "roll-back":
        _roll_back(parts)
    elif fate == "reject":
        parts.monitor.discard()
    else:
        base = progress.steps if turn.config.update.start == "last" else 0
        progress.accepted, progress.steps = turn.iteration, base + steps
        parts.model, parts.accuracy = turn.student, compared
        if turn.config.monitor.drift_from == "trained" and not progress.drift_base:
            progress.drift_base = turn.iteration
            parts.watch.rebase(parts.writer(turn.student))


def _roll_back(parts: Parts) -> None:
    """Go on from the model accepted before the present one, and from what that was compared by.

    Settings stay as alarms have left them, and what was measured since stays in the record.
    """
    progress, run = parts.progress, parts.run
    iteration = int(run.progress(progress.accepted - 1)["accepted"])
    earlier = Progress.of(run.progress(iteration), parts.config)
    progress.accepted, progress.steps = iteration, earlier.steps
    parts.model, parts.accuracy = run.model(iteration), Items(**earlier.accuracy)
    parts.monitor.roll_back(earlier.monitor)
    if progress.drift_base != earlier.drift_base:
        progress.drift_base = earlier.drift_base
        parts.watch.rebase(drift_base(run, parts.role, progress, parts.base))
    parts.reporter.message(f"the model of iteration {iteration} is the accepted one again")


def _record(parts: Parts, iteration: int, changes: Changes) -> None:
    """Tell what guards did or would have done: on the console, in TensorBoard and in the run's journal."""
    entry = Entry.of(iteration, changes)
    for line in entry.lines():
        parts.reporter.message(line)
    if entry:
        parts.progress.guards.append(entry.to_json())
        parts.metrics.text(iteration, "guard/journal", entry.markdown())
    if changes.labels:
        parts.reporter.message(
            f"{changes.labels} completions are to be judged: 'selfplay text inspect {parts.run.path}' shows "
            "them, --verdicts reads them back"
        )


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
    judged: Judged,
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
    on_commit(
        Committed(
            parts.run.path, parts.task, parts.config, parts.monitor, episodes, entries(progress.guards),
            judged.asked, judged.probe,
        )
    )  # fmt: skip
    parts.reporter.iteration({"iteration": progress.iteration, **line})
