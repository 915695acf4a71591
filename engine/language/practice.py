"""What an iteration writes, and what a model learns from it besides the text: visits and values."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from engine.language.episode import Episode
from engine.language.learner.filter import mix, shared
from engine.language.learner.held_out import parted
from engine.language.learner.label import merged, outcome_labels, read_labels
from engine.language.learner.lesson import (
    Lesson,
    Mixed,
    anchor_lessons,
    rank_lessons,
    real_lessons,
    value_lessons,
    visit_lessons,
)
from engine.language.learner.side import best_result
from engine.language.learner.text_learner import TextLearner
from engine.language.model.model import LanguageModel
from engine.language.parts import Parts, tell_ending
from engine.language.rollout import Draw, Policy, Verify, rollout, row_seed, sample
from engine.language.search.tree_search import Plan, search_completions
from engine.language.settings import TextConfig
from engine.language.task import Prompt, Task
from engine.run.reporter import Reporter

SEARCHED_AT_ONCE = 1024
"""Problems whose trees share their requests."""


def write_episodes(
    parts: Parts, config: TextConfig, policies: Sequence[Policy], prompts: Sequence[Prompt], iteration: int
) -> list[Episode]:
    """Completions to learn from: sampled, or written by a tree search whose ends the verifier judges."""
    sampling = config.sample
    if sampling.simulations == 0:
        most = len(prompts) * sampling.samples * (2 if sampling.rationalize else 1)
        with parts.reporter.phase("sampling", most) as move:
            return rollout(
                parts.task, policies, prompts, sampling, config.loop.rows,
                parts.verify, seed=config.seed, iteration=iteration, on_rows=move,
            )  # fmt: skip
    plan = Plan(
        sampling.simulations,
        sampling.tree_tokens or None,
        sampling.temperature,
        judge=True,
        rows=config.loop.rows,
    )
    episodes: list[Episode] = []
    with parts.reporter.phase("searching", len(prompts)) as move:
        for place in range(0, len(prompts), SEARCHED_AT_ONCE):
            episodes += search_completions(
                parts.task, policies[0], prompts[place : place + SEARCHED_AT_ONCE], plan, config.search,
                config.proposals, parts.verify, seed=config.seed, iteration=iteration, critic=parts.model,
            )  # fmt: skip
            move(len(episodes))
    return episodes


def teach(
    parts: Parts,
    config: TextConfig,
    student: LanguageModel,
    episodes: Sequence[Episode],
    steps: int,
    iteration: int,
) -> dict[str, float] | None:
    """Train the value head, and the policy on visits where the settings say so; None without a lesson."""
    kept = [episode for episode in episodes if episode.kept]
    writer = parts.writer(parts.model)
    policy = Policy(writer, writer.digest())
    labels, tokens = read_labels(
        config.value, policy, parts.task, episodes if config.update.loss == "visits" else kept,
        Draw(rows=config.loop.rows), parts.verify, seed=config.seed, iteration=iteration,
    )  # fmt: skip
    parts.progress.tokens += tokens
    student.add_value_head(config.value.likelihood > 0)
    lessons: list[Lesson] = []
    if config.value.kind == "pairwise":
        lessons += rank_lessons(student, labels)
    else:
        lessons += value_lessons(student, parts.task, labels)
    anchor = None
    if config.update.loss == "visits":
        lessons += visit_lessons(student, parts.task, kept)
    elif not config.is_critic:
        anchor = parts.model
        if config.value.kind == "pairwise" or config.value.labels == "file":
            lessons += anchor_lessons(student, kept)
    if not lessons:
        return None
    seed = row_seed(config.seed, "mix", iteration)
    if config.value.likelihood:
        right = _right(parts.task, kept)
        written = real_lessons(student, mix(right, parts.real, config.mix, seed, task=parts.task))
        lessons += shared(written, len(lessons), config.value.likelihood, seed)
    elif config.mix.real:
        mixed = mix(kept, parts.real, config.mix, seed, task=parts.task)
        lessons += real_lessons(student, mixed[len(kept) :])
    with parts.reporter.phase("training", steps, "steps") as move:
        return fit(student, config, lessons, anchor, steps, (iteration, 0), move)


def _right(task: Task, kept: Sequence[Episode]) -> list[Episode]:
    """The right ones, in a game of two the won ones, each text of a problem once."""
    won = [each for each in kept if best_result(task, each.result) >= 1]
    return list({(each.prompt.id, each.completion): each for each in won}.values())


def first_value(
    task: Task,
    config: TextConfig,
    model: LanguageModel,
    prompts: Sequence[Prompt],
    verify: Verify,
    reporter: Reporter,
) -> int:
    """Train a value head on what comes of the first model's own samples; the tokens generated for it.

    The policy is anchored. Without such a head a search would take whatever is unfinished for better than a
    wrong end.
    """
    model.add_value_head()
    drawn = prompts[: config.sample.prompts]
    episodes = sample(
        task, [Policy(model, "")], drawn, config.value.completions, Draw(rows=config.loop.rows), verify,
        seed=config.seed, iteration=0,
    )  # fmt: skip
    lessons = value_lessons(model, task, merged(outcome_labels(task, episodes)))
    if not lessons:
        reporter.message("every game was forfeited: nothing is known of what positions are worth")
        return sum(episode.tokens for episode in episodes)
    steps = config.value.steps
    with reporter.phase("training a value head", steps, "steps") as move:
        found = fit(model, config, lessons, copy.deepcopy(model), steps, ("value",), move)
    tell_ending(reporter, config, found, steps)
    return sum(episode.tokens for episode in episodes)


def fit(
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
