"""What self-rewarding writes and learns: pairs by scores, beside texts that keep writer and judge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from engine.language.episode import Episode
from engine.language.learner.filter import shared
from engine.language.learner.objective.text import Supervised, Text
from engine.language.learner.text_learner import TextLearner
from engine.language.learner.training import tell_ending
from engine.language.material import draw, evaluation_prompts, practice, real_data
from engine.language.method.idle import every, without
from engine.language.method.judged.assessor.model_assessor import ModelAssessor
from engine.language.method.judged.config import SelfRewardingSettings
from engine.language.method.judged.instruction import MAX_TOKENS, new_problems, problem_texts
from engine.language.method.judged.judge import held, tokens_written
from engine.language.method.judged.length import length_slope, without_length
from engine.language.method.judged.teaching import Lesson, lesson_texts, read_lessons
from engine.language.method.preference.sampler import Candidates
from engine.language.method.preference.scored import ScoredPairs
from engine.language.method.preference.trainer import Material
from engine.language.method.trainer import Stage, real_texts
from engine.language.method.turn import Learnt, Turn
from engine.language.model.model import LanguageModel
from engine.language.problem.contamination import EvaluationIndex
from engine.language.rollout import Draw, Policy, row_seed, sample
from engine.language.settings import TextConfig
from engine.language.task import Task

SAMPLES = 4
"""Completions of a problem whose verdicts are learnt."""


class Instructing(Candidates):
    """Completions of problems to practise on, and of those that the model makes itself."""

    def write(self, turn: Turn) -> list[Episode]:
        """What became of new problems is in the turn's memory."""
        settings = own(turn.config).instruction
        if settings.prompts:
            found = new_problems(turn, settings)
            turn.memory["instruction"] = {
                "iteration": turn.iteration,
                "tokens": found.tokens,
                "figures": found.figures(),
            }
            turn.reporter.message(
                f"{len(found.prompts)} new problems of {found.drawn} texts: {found.unfit} state none, "
                f"{found.held} are evaluation items, {found.similar} are known or similar"
            )
            turn.prompts = [*turn.prompts, *found.prompts]
        return super().write(turn)

    def written(self, length: float) -> float:
        """New problems count by those of the task."""
        instruction = own(self.config).instruction
        more = instruction.prompts / max(1, self.config.sample.prompts)
        return (1 + more) * super().written(length) + more * MAX_TOKENS / 4


class RewardedPairs(ScoredPairs):
    """The best of a problem against the worst; texts beside the pairs keep the writer and the judge."""

    slope = 0.0
    """Of score over length, in the iteration."""

    def idle(self) -> dict[str, str]:
        """Also what the judge, its lessons and new problems have no use for."""
        config = own(self.config)
        teach, new = config.teach, config.instruction
        by = f"with judge.by = {config.judge.by!r}, which does not learn to judge"
        apart = by * (config.judge.by != "self") or without("teach.steps", teach.steps)
        alone = (by + " and without instruction.prompts") * (config.judge.by != "self" and not new.prompts)
        found = super().idle() | {
            f"judge.{name}": reason for name, reason in config.judge.idle(teaches=bool(teach.steps)).items()
        }
        found |= {
            "teach.labels": apart or "where a file has the lessons (teach.path)" * bool(teach.path),
            "teach.path": apart,
            "teach.steps": alone,
            "teach.share": alone or without("teach.steps", teach.steps or new.prompts),
        }
        if not new.prompts:
            found |= every(config, "instruction", "without instruction.prompts", ("prompts",))
        if (teach.steps and config.judge.by == "self") or (new.prompts and teach.steps):
            found["learner.learning_rate"] = ""
        return found

    def prepare(self, turn: Turn) -> int:
        """Teach the first model to judge, and to make problems where it is to and knows no words."""
        settings = own(self.config)
        teaching, tokens = self._teaching(turn, turn.student, turn.reporter.message)
        if not teaching or not settings.teach.steps:
            return tokens
        rows = real_texts(turn)
        joined = [*rows, *(shared(teaching, len(rows), 0.5, turn.seed) if rows else teaching)]
        steps = settings.teach.steps
        learner = TextLearner(turn.student, self.config.learner, row_seed(turn.seed, "teach"))
        with turn.reporter.phase("teaching the judge", steps, "steps") as move:
            values = learner.fit(joined, Supervised(), steps=steps, on_step=move)
        tell_ending(turn.reporter, self.config, values, steps)
        return tokens

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """What judges and new problems took to write counts."""
        found = super().learn(turn, episodes, threshold, number)
        made = turn.memory.get("instruction", {})
        problems = made["tokens"] if made.get("iteration") == turn.iteration else 0
        return replace(found, tokens=found.tokens + tokens_written(turn) + problems)

    def preparation(self, length: float, problems: int) -> list[Stage]:
        """The judge's lessons."""
        del problems
        settings = own(self.config)
        learns = settings.judge.by == "self"
        if not settings.teach.steps or not (learns or settings.instruction.prompts):
            return []
        written = settings.teach.labels * length if learns and not settings.teach.path else 0.0
        return [Stage("teach the judge", written, settings.teach.steps)]

    def material(self, turn: Turn, episodes: Sequence[Episode], threshold: float) -> Material:
        """Pairs, and how many problems have none since their completions tie."""
        found = super().material(turn, episodes, threshold)
        pairs = self._pairs([each for each in episodes if each.kept], threshold)
        paired = {chosen.prompt.id for chosen, _ in pairs}
        texts: dict[str, set[str]] = defaultdict(set)
        for each in episodes:
            texts[each.prompt.id].add(each.completion)
        ties = sum(len(own) > 1 and name not in paired for name, own in texts.items())
        found.values["pairs/ties"] = ties / max(1, len(texts))
        if ties:
            turn.reporter.message(
                f"{ties} of {len(texts)} problems have no pair: their completions score alike"
            )
        if pairs:
            longer = [one.tokens - other.tokens for one, other in pairs]
            found.values["pairs/longer"] = float(np.mean(longer))
        return found

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """What length explains is taken from all that was written."""
        self.slope = length_slope(episodes) if own(self.config).judge.length_control else 0.0
        return super().marked(task, episodes, threshold)

    def _pairs(self, episodes: Sequence[Episode], threshold: float) -> list[tuple[Episode, Episode]]:
        """By scores that are freed of length where `judge.length_control` says so."""
        if not self.slope:
            return super()._pairs(episodes, threshold)
        scores = without_length(episodes, self.slope)
        freed = [
            replace(each, result=replace(each.result, score=score))
            for each, score in zip(episodes, scores, strict=True)
        ]
        known = {id(other): each for each, other in zip(episodes, freed, strict=True)}
        return [(known[id(one)], known[id(two)]) for one, two in super()._pairs(freed, threshold)]

    def _real(self, turn: Turn, others: int) -> list[Text]:
        """Real data, and lessons of the judge by `teach.share` of both."""
        real = super()._real(turn, others)
        share = own(self.config).teach.share
        if not share:
            return real
        teaching, _ = self._teaching(turn, turn.first)
        return real + shared(teaching, len(real), share, row_seed(turn.seed, "teaching", turn.iteration))

    def _teaching(
        self, turn: Turn, writer: LanguageModel, tell: Callable[[str], None] = lambda _: None
    ) -> tuple[list[Text], int]:
        """(lessons, tokens written for them): of a judge that learns, each as heavy as a completion, and to
        make problems where that is wanted. `writer` wrote what is judged.
        """
        settings, model = own(self.config), turn.student
        found, tokens = list[Text](), 0
        if settings.judge.by == "self" and settings.teach.steps:
            lessons, tokens = labelled(turn, writer)
            judge = ModelAssessor(model, settings.judge, self.config.loop.rows)
            found = lesson_texts(judge, settings.judge, lessons, tell)
            if judge.answers_by_token:
                heavy = mean_length(model, lessons)
                found = [replace(each, weight=each.weight * heavy) for each in found]
        if settings.instruction.prompts:
            found += problem_texts(model, [each.prompt for each in turn.real])
        return found, tokens


def own(config: object) -> SelfRewardingSettings:
    """The settings of a run by this method."""
    assert isinstance(config, SelfRewardingSettings)
    return config


def mean_length(model: LanguageModel, lessons: Sequence[Lesson]) -> float:
    """Tokens of a completion with its end: an answer of one token is to weigh as much."""
    rows = model.codec.encode_completions(
        [each.prompt.text for each in lessons], [each.completion for each in lessons]
    )
    return 1 + sum(map(len, rows)) / max(1, len(rows))


def labelled(turn: Turn, writer: LanguageModel) -> tuple[list[Lesson], int]:
    """(what the judge learns from, tokens written for it): the file's, or `writer`'s completions, verified.

    They are on problems of the training split without a demonstration; the same throughout a run.
    """
    settings = own(turn.config)
    if settings.teach.path:
        tell = turn.reporter.message
        return held(turn.library, "lessons", lambda: judgements_of_file(turn.config, turn.task, tell)), 0
    key = ("labelled", writer.digest())
    return held(turn.library, key, lambda: _labelled(turn, writer, settings.teach.labels))


def judgements_of_file(
    config: TextConfig, task: Task, tell: Callable[[str], None] = lambda _: None
) -> list[Lesson]:
    """Those of `teach.path`, without evaluation items; UserError as `read_lessons`."""
    settings, index = own(config), EvaluationIndex(evaluation_prompts(task, config))
    return read_lessons(settings.teach.path, settings.judge, index, tell)


def _labelled(turn: Turn, writer: LanguageModel, count: int) -> tuple[list[Lesson], int]:
    if not count:
        return [], 0
    real, holdout = real_data(turn.task, turn.config)
    prompts = practice(turn.task, turn.config, real, holdout)
    prompts = draw(prompts, -(-count // SAMPLES), row_seed(turn.config.seed, "labels"))
    episodes = sample(
        turn.task, [Policy(writer, "")], prompts, SAMPLES, Draw(rows=turn.config.loop.rows), turn.truth,
        seed=row_seed(turn.config.seed, "labels"), iteration=0,
    )  # fmt: skip
    once = {(each.prompt.id, each.completion): each for each in episodes}.values()
    found = [Lesson(each.prompt, each.completion, each.worth) for each in once][:count]
    return found, sum(each.tokens for each in episodes)
