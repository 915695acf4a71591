"""What a run on text works on: real data, problems to practise on, problems to measure by."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.problem.problems import demonstrations, modes, problems, some_problems
from engine.language.task import Demonstration, Prompt, Task

if TYPE_CHECKING:
    from engine.language.settings import TextConfig


def real_data(task: Task, config: TextConfig) -> tuple[list[Demonstration], list[Demonstration]]:
    """(what models may learn from, what is kept apart to watch them)."""
    count, apart = config.model.demonstrations, config.measure.holdout
    found = demonstrations(task, count + apart, config.seed)
    apart = min(apart, len(found) // 5)
    return found[: len(found) - apart][:count], found[len(found) - apart :]


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
    """Problems of the training split without a demonstration; all but those kept apart where each has one, or
    where `sample.demonstrated` says so.

    Raises UserError where there are none though the method samples.
    """
    apart = {demonstration.prompt.id for demonstration in holdout}
    shown = apart | {demonstration.prompt.id for demonstration in real}
    wanted = len(shown) + config.sample.prompts * min(max(config.loop.iterations, 2), 8)
    found = [prompt for prompt in problems(task, "train", wanted, config.seed) if prompt.id not in apart]
    fresh = [] if config.sample.demonstrated else [prompt for prompt in found if prompt.id not in shown]
    if not found and config.sample.samples:
        raise UserError(f"task '{task.name}' has no problem of the split train to practise on; give it some")
    check_kinds(task, config, fresh or found, real)
    return fresh or found


def check_kinds(
    task: Task, config: TextConfig, prompts: Sequence[Prompt], real: Sequence[Demonstration]
) -> None:
    """UserError where rare kinds are to count more and the task names none."""
    strata = {prompt.stratum for prompt in prompts}
    if config.sample.rare and len(strata) < 2:
        raise UserError(
            f"sample.rare = {config.sample.rare:g}: the problems of task '{task.name}' are of one stratum; "
            "leave it out"
        )
    shows = any(modes(task, each.prompt, each.completion) for each in real) if config.mix.rare else True
    if len(strata) < 2 and real and not shows:
        raise UserError(
            f"mix.rare = {config.mix.rare:g}: task '{task.name}' names neither strata nor modes; leave it out"
        )


def draw(prompts: Sequence[Prompt], count: int, seed: int, rare: float = 0.0) -> list[Prompt]:
    """`count` different problems at random, in their order; all where there are no more.

    The chance of one is the share of its stratum to the power of minus `rare`, in a draw one after another
    (Efraimidis and Spirakis 2006).
    """
    if count >= len(prompts):
        return list(prompts)
    source = Random(seed)
    if not rare:
        return [prompts[index] for index in sorted(source.sample(range(len(prompts)), count))]
    strata = Counter(prompt.stratum for prompt in prompts)
    scores = [
        math.log(1 - source.random()) * (strata[prompt.stratum] / len(prompts)) ** rare for prompt in prompts
    ]
    best = sorted(range(len(prompts)), key=lambda index: (-scores[index], index))[:count]
    return [prompts[index] for index in sorted(best)]
