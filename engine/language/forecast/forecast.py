"""What a run on text would take, before it is begun: tokens and steps by stage, and minutes here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.language.forecast.pace import Pace
from engine.language.forecast.work import learning_pace, mean_length, prompt_length, writing_pace
from engine.language.material import evaluation_prompts, practice, real_data
from engine.language.method.idle import refuse_idle
from engine.language.method.registry import changed_idle, method_of
from engine.language.method.turn import Library
from engine.language.model.ability import ability_of
from engine.language.monitor.guard import check_start
from engine.language.problem.problems import demonstrations, refuse_shared, some_problems
from engine.language.record.source import Sources
from engine.language.rollout import Verify
from engine.language.round_trip import check_texts, without_misfits
from engine.language.task import Demonstration, Task

if TYPE_CHECKING:
    from engine.language.method.trainer import Stage
    from engine.language.model.model import LanguageModel
    from engine.language.settings import TextConfig

SHOWN = 200
"""Demonstrations that lengths are taken from."""

REST = 1.25
"""The larger end of a forecast over what was measured: files, quick verdicts, batches half full."""


@dataclass(frozen=True)
class Counts:
    """Problems that there are, of what the settings ask for."""

    practised: int
    """In one iteration."""
    validation: int
    watched: int
    """On which the monitor's samples are drawn."""
    test: int


@dataclass(frozen=True)
class Forecast:
    """What a run would take."""

    rows: list[dict[str, Any]]
    """{"stage", "tokens", "steps", "minutes_from", "minutes_to"}; the last is the sum. Tokens are those
    written and those of the steps' batches."""
    assumptions: list[str]
    """What it rests on, a line each."""


def forecast(task: Task, config: TextConfig, verify: Verify, given: Collection[str] = ()) -> Forecast:
    """Count what a run would do, and measure for some seconds how fast this machine does it.

    `verify` judges demonstrations that a named model's tokenizer changes, where there are any. UserError for
    settings, of those `given` by name, problems and texts that a run would refuse.
    """
    from engine.language.first_model import named_model, new_model

    method = method_of(config)
    Sources(method.sources(config, task)).require()
    method.check(config)
    notes = refuse_idle(changed_idle(method, config, task), given)
    method.fits(config, task)
    trainer = method.trainer(config)
    notes += check_start(method.kind(config, task), trainer.expected_real_share(task), config.guards)
    real = demonstrations(task, min(config.model.demonstrations, SHOWN), config.seed)
    model = named_model(config, values=trainer.learns_values)
    if model is not None:
        more, real = text_notes(task, model, config, verify)
        notes, real = notes + more, real[:SHOWN]
    elif not real:
        raise UserError(
            f"task '{task.name}' has no demonstrations to build a model on; name one with --model"
        )
    model = model or new_model(task, config, real)
    method.ready(config, task, model, Library())
    length = mean_length(task, model, real)
    writing = writing_pace(task, model, config, round(length))
    learning = learning_pace(task, model, config, real)
    whole, rows = length + prompt_length(task, model, real), []
    for stage in stages(config, length, counts_of(task, config, real)):
        batches = stage.texts * whole / config.learner.batch_tokens or stage.steps
        tokens = stage.written + batches * config.learner.batch_tokens
        least = stage.written * writing.free_s + batches * learning.free_s
        most = REST * (stage.written * writing.now_s + batches * learning.now_s)
        rows.append(_row(stage.name, tokens, stage.steps, least / 60, most / 60))
    columns = [[row[name] for row in rows] for name in ("tokens", "steps", "minutes_from", "minutes_to")]
    return Forecast(
        [*rows, _row("all", *(sum(column) for column in columns))],
        [*notes, *_assumptions(task, config, model, real, length, writing, learning)],
    )


def counts_of(task: Task, config: TextConfig, real: Sequence[Demonstration]) -> Counts:
    """Of a task's problems; UserError where a split has too few."""
    measured = len(evaluation_prompts(task, config))
    tests = len(some_problems(task, "test", config.measure.test, 0))
    return Counts(
        min(config.sample.prompts, len(practice(task, config, real, []))),
        min(config.measure.validation, measured - tests),
        min(config.monitor.prompts, measured - tests),
        tests,
    )


def text_notes(
    task: Task, model: LanguageModel, config: TextConfig, verify: Verify
) -> tuple[list[str], list[Demonstration]]:
    """What a run would tell of a named model and the task's texts, and the demonstrations that fit it.

    UserError where a run would refuse them.
    """
    notes = [slow] if (slow := ability_of(model).slow) else []
    real, holdout = real_data(task, config)
    prompts, measured = practice(task, config, real, holdout), evaluation_prompts(task, config)
    refuse_shared(task, prompts, measured)
    prompts, real, holdout = without_misfits(model, prompts, real, holdout, notes.append)
    check_texts(model, prompts, measured, real, verify, notes.append)
    return [note.removeprefix("warning: ") for note in notes], real


def _row(stage: str, tokens: float, steps: float, least: float, most: float) -> dict[str, Any]:
    return {
        "stage": stage,
        "tokens": round(tokens),
        "steps": round(steps),
        "minutes_from": round(least, 2),
        "minutes_to": round(most, 2),
    }


def stages(config: TextConfig, length: float, counts: Counts) -> list[Stage]:
    """The parts of a run, where a completion has `length` tokens."""
    from engine.language.method.trainer import Stage

    measure, update, method = config.measure, config.update, method_of(config)
    sampler, trainer, iterations = method.sampler(config), method.trainer(config), config.loop.iterations
    growth = [update.growth**iteration for iteration in range(iterations)]
    looks = counts.validation * 2 + counts.watched * config.monitor.samples
    final = counts.test * (1 + measure.samples) * (method.role(config).num_rows + measure.control)
    each = trainer.taken(sampler.rounds)
    taken = sum(growth) if update.start == "last" else max(growth, default=0)
    others = other_models(config)
    rounds = iterations * sampler.rounds
    written = rounds * sampler.practised(counts.practised) * sampler.written(length)
    labels = rounds * trainer.labelled(length, counts.practised)
    judge = method.judge(config)  # whom the monitors ask twice about their samples
    asked_again = counts.watched * config.monitor.samples
    verdicts = written / length + (iterations + 1) * (looks + asked_again)
    return [
        Stage("build the first model", steps=0 if config.model.path else config.model.steps),
        *trainer.preparation(length, counts.practised),
        *([Stage("build other models", steps=others * config.model.steps)] if others else []),
        *(
            method.stages(config, length, counts.practised)
            or [
                Stage("generate", written),
                *([Stage("label", labels)] if labels else []),
                Stage("learn", steps=each * sum(growth), texts=trainer.read(rounds)),
            ]
        ),
        *([Stage("judge", verdicts * judge.written(length))] if judge and judge.written(length) else []),
        Stage("watch", (iterations + 1) * looks * length),
        *([Stage("control", steps=each * taken)] if measure.control else []),
        Stage("measure", final * length),
    ]


def other_models(config: TextConfig) -> int:
    """Built like the first in the iterations that have fewer checkpoints than `sample.policies`."""
    if config.model.path:
        return 0
    method = method_of(config)
    role, wanted = method.role(config), method.sampler(config).num_writers
    there = [role.writing(iteration) + 1 for iteration in range(config.loop.iterations)]
    return sum(max(0, wanted - count) for count in there)


def _assumptions(
    task: Task,
    config: TextConfig,
    model: LanguageModel,
    real: Sequence[Demonstration],
    length: float,
    writing: Pace,
    learning: Pace,
) -> list[str]:
    source = f"as {len(real)} demonstrations have" if real else "half of the task's max_tokens"
    threads = f" on {config.learner.threads} thread{'s' * (config.learner.threads > 1)}"
    lines = [
        f"a completion has {length:.1f} tokens, {source}",
        f"measured{threads if model.device.type == 'cpu' else ' on the GPU'}: "
        f"{1 / writing.free_s:,.0f} tokens written a second, {1 / learning.free_s:.3g} steps of "
        f"{config.learner.batch_tokens} tokens",
    ]
    if assumption := method_of(config).sampler(config).assumption:
        lines.append(assumption)
    kept = model.saved_bytes * (1 + method_of(config).trainer(config).num_companions)
    whole = kept * (config.loop.iterations + 1)
    lines.append(f"a checkpoint takes {kept / 1e6:,.1f} MB, those of the run {whole / 1e6:,.1f} MB of disk")
    if not task.inline:
        lines.append("verdicts are not counted: this task's verifier runs in processes of its own")
    share = min(writing.share, learning.share)
    if writing.is_busy or learning.is_busy:
        lines.append(
            f"this machine is busy: others took {1 - share:.0%} of the processor meanwhile; "
            "the first minutes have it free, the second as it is now"
        )
    else:
        lines.append("the second minutes add a quarter for what is not measured")
    if config.learner.patience:
        lines.append("every training takes all its steps: learner.patience may end one sooner")
    return lines
