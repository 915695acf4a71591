"""The set-up of the loop on text: the data, the first model and what watches it, new or as they were left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from engine.language.first_model import first_model
from engine.language.learner.side import without_losers
from engine.language.material import evaluation_prompts, practice, real_data
from engine.language.measure.watch import Watch, instruments, watched
from engine.language.method.companion import Companions
from engine.language.method.method import Method
from engine.language.method.role import Role
from engine.language.method.turn import Library, Turn
from engine.language.method.verdict import seat
from engine.language.model.ability import ability_of
from engine.language.model.model import LanguageModel
from engine.language.monitor.metric.measure import Instruments
from engine.language.monitor.metric.observation import Items
from engine.language.monitor.monitor import Monitor
from engine.language.parts import Parts, Progress
from engine.language.problem.contamination import EvaluationIndex, overlap, refuse_overlap
from engine.language.problem.problems import refuse_shared
from engine.language.record.text_run import TextCheckpoint, TextRun, judged_iteration
from engine.language.rollout import Verify
from engine.language.round_trip import check_texts, without_misfits
from engine.language.settings import TextConfig
from engine.language.task import Demonstration, Prompt, Task
from engine.run.metrics import Metrics
from engine.run.reporter import Reporter


@dataclass
class _Material:
    """The texts of a run."""

    prompts: list[Prompt]
    real: list[Demonstration]
    holdout: list[Demonstration]
    measured: list[Prompt]
    index: EvaluationIndex


@dataclass
class _State:
    """Where a run stands."""

    progress: Progress
    base: LanguageModel
    model: LanguageModel
    monitor: Monitor
    accuracy: Items


def assemble(
    stack: ExitStack, task: Task, method: Method, run: TextRun, verify: Verify, reporter: Reporter
) -> Parts:
    """All that the loop needs, as the newest commit of the run left it; `stack` closes the metrics.

    Where there is no commit the first model is made, and prepared for the method. UserError for settings,
    problems and texts that cannot be worked with.
    """
    config, checkpoint, said = run.config, run.latest(), reporter.message
    found, library = _material(task, run, verify, reporter), Library()
    last = checkpoint.iteration if checkpoint else -1
    metrics = stack.enter_context(Metrics(run.path, last, warn=said))
    state = (
        _resumed(task, method, run, checkpoint)
        if checkpoint
        else _begun(task, method, run, found.real, reporter, library)
    )
    base = state.base
    if slow := ability_of(base).slow:
        said(slow)
    found.prompts, found.real, found.holdout = without_misfits(
        base, found.prompts, found.real, found.holdout, said
    )
    turn = None
    if not checkpoint:
        check_texts(base, found.prompts, found.measured, found.real, verify, said)
        turn = _prepare(task, method, run, verify, reporter, found, state, library)
    watched_from = drift_base(run, method.role(config), state.progress, base)
    watch = Watch(task, config, found.holdout, watched_from, verify)
    return Parts(
        task, config, method, run, verify, found.real, found.prompts, found.index, watch, state.monitor,
        metrics, reporter, state.progress, base, state.model, state.accuracy, library, turn,
    )  # fmt: skip


def drift_base(run: TextRun, role: Role, progress: Progress, base: LanguageModel) -> LanguageModel | None:
    """The model that drift is measured from, None where it is yet to be trained."""
    if progress.drift_base:
        return run.model(role.writing(progress.drift_base))
    return base if run.config.monitor.drift_from == "first" else None


def _material(task: Task, run: TextRun, verify: Verify, reporter: Reporter) -> _Material:
    """Texts that hold no evaluation item; of games of two the demonstrations that show how to win."""
    config = run.config
    real, holdout = real_data(task, config)
    prompts, measured = practice(task, config, real, holdout), evaluation_prompts(task, config)
    refuse_shared(task, prompts, measured)
    index = EvaluationIndex(measured)
    refuse_overlap([*real, *holdout], index)
    real, holdout = (_without_hits(part, index, reporter) for part in (real, holdout))
    return _Material(prompts, without_losers(task, real, verify), holdout, measured, index)


def _without_hits(
    real: Sequence[Demonstration], index: EvaluationIndex, reporter: Reporter
) -> list[Demonstration]:
    """Real data without what has the text of an evaluation item."""
    hits = {hit.index for hit in overlap(real, index)}
    if hits:
        reporter.message(f"{len(hits)} of {len(real)} demonstrations resemble evaluation items: left out")
    return [each for number, each in enumerate(real) if number not in hits]


def _resumed(task: Task, method: Method, run: TextRun, checkpoint: TextCheckpoint) -> _State:
    """As the checkpoint has it; a stop is over once a person has judged that iteration."""
    progress = Progress.of(checkpoint.progress, run.config)
    if judged_iteration(run.path) == progress.iteration:
        progress.stopped = ""
    tools = _tools(task, method, run.config)
    monitor = Monitor.from_json(progress.monitor, watched(task, run.config), tools)
    base, model = run.model(0), run.model(progress.accepted)
    return _State(progress, base, model, monitor, Items.from_json(progress.accuracy))


def _begun(
    task: Task,
    method: Method,
    run: TextRun,
    real: Sequence[Demonstration],
    reporter: Reporter,
    library: Library,
) -> _State:
    """Before anything is learnt."""
    started, config = time.monotonic(), run.config
    values = method.trainer(config).learns_values

    def check(model: LanguageModel) -> None:
        method.ready(config, task, model, library)

    model = first_model(task, config, real, reporter, values=values, check=check)
    progress = Progress(seconds=time.monotonic() - started)
    monitor = Monitor(watched(task, config), _tools(task, method, config))
    return _State(progress, model, model, monitor, Items((), ()))


def _tools(task: Task, method: Method, config: TextConfig) -> Instruments:
    judge = method.judge(config)
    return instruments(task, () if judge is None else judge.prompts)


def _prepare(
    task: Task,
    method: Method,
    run: TextRun,
    verify: Verify,
    reporter: Reporter,
    found: _Material,
    state: _State,
    library: Library,
) -> Turn:
    """Teach the first model what the method's writing takes; the turn of iteration 0."""
    started, config, model = time.monotonic(), run.config, state.model
    turn = Turn(
        task, config, 0, verify, reporter, found.prompts, found.real, run, library,
        Companions({}, run.companion), method.role(config), model, model, 0, lambda: model,
    )  # fmt: skip
    seat(method.judge(config), turn)
    state.progress.tokens += method.trainer(config).prepare(turn)
    state.progress.seconds += time.monotonic() - started
    return turn
