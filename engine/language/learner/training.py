"""A training: a model, what it is to learn, a number of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from engine.language.learner.filter import Example
from engine.language.learner.held_out import ending, parted
from engine.language.learner.lesson import Lesson, Mixed
from engine.language.learner.objective.text import Supervised, texts
from engine.language.learner.text_learner import TextLearner
from engine.language.model.model import LanguageModel
from engine.language.rollout import row_seed
from engine.run.reporter import Reporter

if TYPE_CHECKING:
    from engine.language.settings import TextConfig


def learn(
    model: LanguageModel,
    config: TextConfig,
    examples: Sequence[Example],
    steps: int,
    purpose: tuple[object, ...],
    on_step: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Train `model` in place on texts to write; the loss and what the learner says of itself."""
    learner = TextLearner(model, config.learner, row_seed(config.seed, "learn", *purpose))
    keys = [example.key for example in examples]
    rows = texts(
        model,
        [example.prompt for example in examples],
        [example.completion for example in examples],
        [example.weight for example in examples],
        [example.spans for example in examples],
        keys=keys,
    )
    own, apart = parted(rows, keys, config.learner, config.seed)
    return learner.fit(own, Supervised(), steps=steps, held_out=apart, on_step=on_step)


def learn_lessons(
    model: LanguageModel,
    config: TextConfig,
    lessons: Sequence[Lesson],
    anchor: LanguageModel | None,
    steps: int,
    purpose: tuple[object, ...],
    on_step: Callable[[int], None] | None = None,
) -> dict[str, float]:
    """Train `model` in place on lessons of any kind; the losses."""
    learner = TextLearner(model, config.learner, row_seed(config.seed, "learn", *purpose))
    objective = Mixed(config.value.weight, anchor, config.value.anchor)
    own, apart = parted(lessons, [lesson.key for lesson in lessons], config.learner, config.seed)
    return learner.fit(own, objective, steps=steps, held_out=apart, on_step=on_step)


def tell_ending(reporter: Reporter, config: TextConfig, values: Mapping[str, float], steps: int) -> None:
    """Say how a training ended, where held-out texts may end it."""
    if told := ending(config.learner, values, steps):
        reporter.message(told)
