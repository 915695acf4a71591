"""How fast this machine does the work of a run: what it writes, and its gradient steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.forecast.pace import Pace, measure
from engine.language.method.registry import method_of
from engine.language.problem.problems import some_problems
from engine.language.round_trip import fits
from engine.language.task import Demonstration, Task

if TYPE_CHECKING:
    from engine.language.model.model import LanguageModel
    from engine.language.settings import TextConfig

LONGEST = 32
"""Tokens of the completions that the pace is measured on."""

_PARTS = 64
"""The smallest burst of learning is that part of a batch."""


def mean_length(task: Task, model: LanguageModel, real: Sequence[Demonstration]) -> float:
    """Tokens of a completion with its end, by the demonstrations; half of the most without any."""
    if not real:
        return task.max_tokens / 2
    rows = model.codec.encode_completions([d.prompt.text for d in real], [d.completion for d in real])
    return 1 + sum(len(row) for row in rows) / len(rows)


def prompt_length(task: Task, model: LanguageModel, real: Sequence[Demonstration]) -> float:
    """Tokens of a prompt, by the demonstrations; without any, by some problems."""
    prompts = [d.prompt.text for d in real] or [each.text for each in some_problems(task, "train", 64, 0)]
    fitting = list(compress(prompts, fits(model, prompts)))
    return sum(map(len, model.encode_prompts(fitting))) / max(1, len(fitting))


def writing_pace(task: Task, model: LanguageModel, config: TextConfig, length: int) -> Pace:
    """Of a token that the model writes, in batches like the run's."""
    from engine.language.model.generation.distinct import draw_distinct
    from engine.language.model.generation.generation import generate
    from engine.language.model.generation.successors import Drawn

    found = [prompt.text for prompt in some_problems(task, "train", config.loop.rows, 0)]
    found = list(compress(found, fits(model, found)))
    if not found:
        raise UserError(f"task '{task.name}' has no problem of the split train that the model has room for")
    limit, sampling = max(1, min(length, LONGEST, task.max_tokens)), config.sample
    each = method_of(config).sampler(config).rows
    number = 0

    def burst(rows: int) -> float:
        nonlocal number
        number += 1
        texts = [found[(number + place // each) % len(found)] for place in range(rows)]
        if not sampling.distinct:
            seeds = range(number * rows, (number + 1) * rows)
            written = generate(model, texts, seeds=seeds, max_tokens=limit, stop=(task.end,))
            return sum(each.tokens for each in written)
        texts = texts[::each]
        drawn = draw_distinct(
            model, texts, [min(each, rows)] * len(texts), [Drawn() for _ in texts],
            seeds=range(number * rows, number * rows + len(texts)), max_tokens=limit, stop=(task.end,),
        )  # fmt: skip
        return sum(completion.tokens for draw in drawn for completion in draw.completions)

    return measure(burst, config.loop.rows, _processors(model, config))


def learning_pace(
    task: Task, model: LanguageModel, config: TextConfig, real: Sequence[Demonstration]
) -> Pace:
    """Of a gradient step on a batch like the run's; `model` learns in it."""
    from engine.language.learner.objective.text import Supervised, Text, texts
    from engine.language.learner.text_learner import TextLearner

    shown = [
        each
        for each, fit in zip(real, fits(model, [d.prompt.text + d.completion for d in real]), strict=True)
        if fit
    ]
    examples = texts(model, [d.prompt.text for d in shown], [d.completion for d in shown])
    if not examples:
        prompts = [prompt.text for prompt in some_problems(task, "train", 64, 0)]
        prompts = list(compress(prompts, fits(model, prompts)))
        examples = [Text(row[:1], row[1:] or row) for row in model.encode_prompts(prompts)]
    whole = config.learner.batch_tokens

    def burst(size: int) -> float:
        tokens = max(16, whole * size // _PARTS)
        settings = config.learner.model_copy(update={"batch_tokens": tokens, "ema_decay": 0.0})
        many = examples * (1 + 8 * tokens // sum(len(each.prompt) + len(each.response) for each in examples))
        TextLearner(model, settings, 0).fit(many, Supervised(), steps=1)
        return tokens / whole

    return measure(burst, _PARTS, _processors(model, config))


def _processors(model: LanguageModel, config: TextConfig) -> int:
    """That a burst keeps busy; 0 where a GPU works."""
    import torch

    # A run sets them at its first step, and they stay.
    torch.set_num_threads(config.learner.threads)
    return config.learner.threads if model.device.type == "cpu" else 0
