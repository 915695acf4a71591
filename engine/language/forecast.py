"""What a run on text would take, before it is begun: tokens by stage, and minutes on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.language.problem.problems import demonstrations, fits, problems
from engine.language.task import Demonstration, Task

if TYPE_CHECKING:
    from engine.language.model.model import LanguageModel
    from engine.language.settings import TextConfig

SHORTEST = 8
"""Tokens of the first completions that the rate is measured on; later ones are twice as long each time."""

TRAINING_COST = 3.0
"""Forward and backward of a token against its generation in a large batch."""


ASKING = 0.3
"""Of a search's visits, those that ask for steps as often as a new node does; the rest meet ends and steps
that are known. Measured on Countdown."""

LEFT = 0.5
"""Of a completion, what follows its starts on average."""


def forecast(task: Task, config: TextConfig) -> list[dict[str, Any]]:
    """Rows {"stage", "tokens", "minutes"}; the last is the sum. The rate is measured for a second.

    UserError for settings that a run would refuse.
    """
    from engine.language.model.model_folder import load_model
    from engine.language.parts import check_settings, new_model

    check_settings(config)
    real = demonstrations(task, min(config.model.demonstrations, 200), config.seed)
    if not config.model.path and not real:
        raise UserError(
            f"task '{task.name}' has no demonstrations to build a model on; name one with --model"
        )
    model = load_model(Path(config.model.path)) if config.model.path else new_model(task, config, real)
    length = mean_length(task, model, real)
    generated_s = 1 / rate(task, model, config)
    rows: list[dict[str, Any]] = []
    for stage, tokens, cost in stages(config, length):
        seconds = tokens * generated_s * cost
        rows.append({"stage": stage, "tokens": round(tokens), "minutes": round(seconds / 60, 2)})
    tokens, minutes = (sum(row[column] for row in rows) for column in ("tokens", "minutes"))
    return [*rows, {"stage": "all", "tokens": tokens, "minutes": round(minutes, 1)}]


def stages(config: TextConfig, length: float) -> list[tuple[str, float, float]]:
    """(stage, tokens, cost of one against a generated one), where a completion has `length` tokens."""
    sampling, measure, update = config.sample, config.measure, config.update
    growth = [update.growth**iteration for iteration in range(config.loop.iterations)]
    trained = config.learner.batch_tokens
    looks = measure.validation * 2 + config.monitor.prompts * config.monitor.samples
    models = 1 if config.is_critic else 3 if measure.control else 2
    final = measure.test * (1 + measure.samples) * models
    steps = update.steps * len(config.filter.thresholds) * sum(growth)
    control = (update.steps * growth[-1] if growth else 0) if measure.control else 0
    built = 0 if config.model.path else config.model.steps
    written = config.loop.iterations * sampling.prompts * tokens_of_one(config, length)
    first, labels = first_value_tokens(config, length), label_tokens(config, length)
    return [
        ("build the first model", built * trained, TRAINING_COST),
        *([("first value head", first, 1.0)] if first else []),
        ("generate", written, 1.0),
        *([("label", labels, 1.0)] if labels else []),
        ("learn", steps * trained, TRAINING_COST),
        ("watch", (config.loop.iterations + 1) * looks * length, 1.0),
        ("control", control * trained, TRAINING_COST),
        ("measure", final * length, 1.0),
    ]


def tokens_of_one(config: TextConfig, length: float) -> float:
    """Generated for one problem in one iteration."""
    sampling = config.sample
    if sampling.simulations == 0:
        return sampling.samples * (2 if sampling.rationalize else 1) * length
    searched = ASKING * sampling.simulations * config.proposals.initial_proposals * length
    return min(searched, sampling.tree_tokens or searched)


def first_value_tokens(config: TextConfig, length: float) -> float:
    """What a first value head costs, its training counted as tokens generated."""
    if config.update.loss != "visits":
        return 0.0
    trained = config.value.steps * config.learner.batch_tokens * TRAINING_COST
    return config.sample.prompts * config.value.completions * length + trained


def label_tokens(config: TextConfig, length: float) -> float:
    """Generated to finish the starts of completions, one of each step at most."""
    if config.update.loss == "text" or config.value.labels != "rollouts":
        return 0.0
    starts = config.sample.prompts * min(config.sample.samples, config.filter.per_prompt)
    return config.loop.iterations * starts * config.value.completions * LEFT * length


def mean_length(task: Task, model: LanguageModel, real: Sequence[Demonstration]) -> float:
    """Tokens of a completion with its end, by the demonstrations; half of the most without any."""
    if not real:
        return task.max_tokens / 2
    rows = model.codec.encode_completions([d.prompt.text for d in real], [d.completion for d in real])
    return 1 + sum(len(row) for row in rows) / len(rows)


def rate(task: Task, model: LanguageModel, config: TextConfig) -> float:
    """Tokens a second of batched generation, measured for about a second on the starts of completions."""
    from engine.language.model.generation import generate

    texts = [prompt.text for prompt in problems(task, "train", config.loop.rows, 0)]
    texts = list(compress(texts, fits(model, texts)))
    if not texts:
        raise UserError(f"task '{task.name}' has no problem of the split train that the model has room for")
    start, number, length = time.monotonic(), 0, min(SHORTEST, task.max_tokens)
    while True:
        began, seeds = time.monotonic(), range(number, number + len(texts))
        count = sum(c.tokens for c in generate(model, texts, seeds=seeds, max_tokens=length))
        now, number = time.monotonic(), number + len(texts)
        if now - start >= 1.0:
            return max(count, 1) / (now - began)
        length = min(2 * length, task.max_tokens)
