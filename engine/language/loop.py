"""The loop on text: write, filter, learn, look, judge, commit; it knows no method by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import WriteError
from engine.language.episode import Episode
from engine.language.judgement import Judged, judge, looked_at, own_figures
from engine.language.measure.final_table import final_table
from engine.language.measure.watch import observation
from engine.language.method.idle import refuse_idle
from engine.language.method.registry import changed_idle, method_of
from engine.language.method.trainer import Trainer
from engine.language.method.turn import ExplosionError, Learnt, Turn
from engine.language.monitor.guard import check_start
from engine.language.monitor.journal import Entry, entries
from engine.language.monitor.monitor import Monitor
from engine.language.parts import Parts
from engine.language.problem.contamination import EvaluationIndex, overlap
from engine.language.record.source import Sources
from engine.language.record.text_run import TextRun
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
    guards: Sequence[Entry] = ()
    """What guards have done so far."""
    asked: int = 0
    """Completions that a person is to judge from now on."""
    probe: Sequence[Episode] = ()
    """Those of the new model on the monitors' problems."""


Show = Callable[[Committed], object]
Ask = Callable[[Committed], dict[str, Any]]


@dataclass(frozen=True)
class Viewer:
    """Who shows a run to people. By default nobody is shown or asked anything."""

    show: Show = lambda _: None
    """Called after each commit."""
    ask: Ask = lambda _: {}
    """Called before a commit in which `asked` is above 0: what a person is to judge; that commit holds it."""


def improve(
    task: Task,
    config: TextConfig,
    run_path: Path,
    verify: Verify,
    *,
    resume: bool,
    reporter: Reporter,
    viewer: Viewer = Viewer(),
    given: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Run a method in `run_path`; go on with what is there on `resume`. The rows of the final table.

    `viewer` is called at each commit. `given` are the dotted names of settings that somebody has asked for:
    one of them without effect is refused, of others a line tells. Raises UserError for what the user can
    mend. KeyboardInterrupt (also on SIGTERM) drops the iteration under way; everything up to the last commit
    stays.
    """
    method = method_of(config)
    sources = Sources(method.sources(config, task))
    sources.require()
    method.check(config)
    for line in refuse_idle(changed_idle(method, config, task), given):
        reporter.message(f"warning: {line}")
    method.fits(config, task)
    share = method.trainer(config).expected_real_share(task)
    warnings = tuple(check_start(method.kind(config, task), share, config.guards))
    for warning in warnings:
        reporter.message(f"warning: {warning}")
    with ExitStack() as stack:
        stack.enter_context(terminable())
        warn = reporter.message
        run = stack.enter_context(
            TextRun.open(run_path, warn, sources)
            if resume
            else TextRun.create(run_path, config, warn, sources)
        )
        try:
            parts = assemble(stack, task, method, run, verify, reporter)
            if note := parts.role.note:
                reporter.message(note)
            if run.manifest is None:
                parts.progress.guards = [Entry(0, withheld=warnings).to_json()] if warnings else []
                _look_first(parts, viewer)
        except WriteError:
            raise
        except (Exception, SystemExit):
            if not resume:
                run.abandon()
            raise
        return _go_on(parts, config.loop.iterations, viewer)


def _go_on(parts: Parts, total: int, viewer: Viewer) -> list[dict[str, Any]]:
    """The iterations that are left of `total`, and the final table."""
    progress, reporter, path = parts.progress, parts.reporter, parts.run.path
    reporter.start(None, total, progress.iteration)
    reporter.message(f"run {path}")
    while progress.iteration < total and not (progress.stopped or progress.done):
        _iterate(parts, viewer)
    if progress.done:
        reporter.message(f"ended after iteration {progress.iteration}: {progress.done}")
    if progress.stopped:
        reporter.message(
            f"stopped: {progress.stopped}; judge samples with 'selfplay text inspect {path}', "
            "read them back with --verdicts, and resume"
        )
    table = final_table(parts)
    reporter.finish(table)
    return table


def _look_first(parts: Parts, viewer: Viewer) -> None:
    """Measure the first model, which later ones are compared with, and commit it."""
    turn = parts.now
    assert turn is not None
    look, values = looked_at(parts, turn, parts.model)
    parts.accuracy = parts.role.figure(look, values)
    parts.progress.tokens += look.tokens
    parts.monitor.update(observation(look, values, 0, [], 1.0, 0))
    parts.progress.companions, parts.progress.memory = turn.companions.places(0), turn.memory
    figures = parts.method.figures(turn, look.greedy)
    parts.monitor.note(0, own_figures(figures))
    _commit(parts, turn, Judged(), [], figures, viewer)


def _iterate(parts: Parts, viewer: Viewer) -> None:
    """Write, filter, learn, look, judge, commit."""
    started, turn = time.monotonic(), parts.turn()
    episodes, learnt, leaked = _practise(parts, turn)
    judged = judge(parts, turn, episodes, learnt, leaked)
    parts.progress.done = learnt.done
    parts.progress.seconds += time.monotonic() - started
    _commit(parts, turn, judged, episodes, learnt.values, viewer)


def _practise(parts: Parts, turn: Turn) -> tuple[list[Episode], Learnt, int]:
    """Write, and at each threshold filter and learn, as often as the sampler goes round.

    The episodes with what was kept, what came of them, and how many are on evaluation items.
    """
    sampler, trainer = parts.method.practice(turn)
    episodes, learnt, leaked = list[Episode](), Learnt(), 0
    with _counted(parts.reporter, sampler.rounds) as move:
        for turn.round in range(sampler.rounds):
            written, missing = by_verdict(sampler.write(turn))
            met, episodes = 0, episodes + missing
            for number, threshold in enumerate(turn.config.filter.thresholds):
                written = trainer.marked(turn.task, written, threshold)
                written, met = without_items(written, parts.index)
                found = _held(trainer, turn, written, threshold, number)
                learnt = learnt.then(found)
                if not found.steps:
                    if sampler.rounds == 1:
                        parts.reporter.message(trainer.nothing(turn, threshold))
                    break
            leaked += met  # the last time round: the same episodes at every threshold
            episodes += written
            move(turn.round + 1)
            if turn.exploded is not None:
                return episodes, learnt, leaked
    if sampler.rounds > 1 and not learnt.steps:
        parts.reporter.message(trainer.nothing(turn, turn.config.filter.thresholds[0]))
    return episodes, learnt, leaked


def _counted(reporter: Reporter, rounds: int) -> AbstractContextManager[Callable[[float], None]]:
    """Shows the rounds of an iteration, where there are several."""
    return reporter.phase("practising", rounds, "rounds") if rounds > 1 else nullcontext(lambda _: None)


def _held(trainer: Trainer, turn: Turn, written: list[Episode], threshold: float, number: int) -> Learnt:
    """What came of a training; nothing more is learnt in a turn where one had to be stopped."""
    if turn.exploded is not None:
        return Learnt(steps=1)
    try:
        return trainer.learn(turn, written, threshold, number)
    except ExplosionError as error:
        turn.exploded = error.nats
        turn.reporter.message(
            f"iteration {turn.iteration}: {error.nats:.3g} nats a token from its reference, training ends"
        )
        return Learnt(steps=1)


def by_verdict(episodes: Sequence[Episode]) -> tuple[list[Episode], list[Episode]]:
    """(episodes that have a verdict, those that the judge said nothing of, from which nothing is learnt)."""
    missing = [episode for episode in episodes if episode.result.is_missing]
    return [episode for episode in episodes if not episode.result.is_missing], missing


def without_items(episodes: Sequence[Episode], index: EvaluationIndex) -> tuple[list[Episode], int]:
    """The episodes, those that hold an evaluation item no longer kept; how many are on its own problem."""
    hits = {hit.index: hit.by for hit in overlap(episodes, index)}
    cleaned = [replace(e, kept=e.kept and number not in hits) for number, e in enumerate(episodes)]
    return cleaned, sum(by == "key" for by in hits.values())


def _commit(
    parts: Parts,
    turn: Turn,
    judged: Judged,
    episodes: Sequence[Episode],
    values: Mapping[str, float],
    viewer: Viewer,
) -> None:
    progress = parts.progress
    progress.monitor = parts.monitor.to_json()
    progress.accuracy = parts.accuracy.to_json()
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
    committed = Committed(
        parts.run.path, parts.task, parts.config, parts.monitor, episodes, entries(progress.guards),
        judged.asked, judged.probe,
    )  # fmt: skip
    if judged.asked:
        progress.request = viewer.ask(committed)
    parts.run.begin(progress.iteration)
    parts.metrics.write(progress.iteration, line)
    parts.run.commit(progress.iteration, turn.student, asdict(progress), episodes, turn.companions.changed())
    viewer.show(committed)
    parts.reporter.iteration({"iteration": progress.iteration, **line})
