"""What has a value head in it: a search's visits with its values, or values alone."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.filter import mark_kept, mix, shared
from engine.language.learner.label import Label, merged, outcome_labels, read_labels
from engine.language.learner.lesson import (
    Lesson,
    anchor_lessons,
    rank_lessons,
    real_lessons,
    value_lessons,
    visit_lessons,
)
from engine.language.learner.side import best_result
from engine.language.learner.training import learn_lessons, tell_ending
from engine.language.method.role import Critic, Role
from engine.language.method.sampler import Sampler
from engine.language.method.trainer import Stage, Trainer
from engine.language.method.turn import Learnt, Turn
from engine.language.model.model import LanguageModel
from engine.language.rollout import Draw, Policy, row_seed, sample
from engine.language.task import Task

LEFT = 0.5
"""Of a completion, what follows its starts on average."""


class ValueTrainer(Trainer):
    """Starts of completions are labelled, and lessons made of the labels."""

    learns_values = True

    def check(self, sampler: Sampler) -> None:
        """Labels need their source, and one training has one threshold."""
        value, thresholds = self.config.value, self.config.filter.thresholds
        if value.labels == "file" and not value.path:
            raise UserError(
                'value.labels = "file" needs value.path: JSON lines with prompt, completions, labels'
            )
        if value.labels == "search" and not sampler.has_visits:
            raise UserError('value.labels = "search" needs sample.simulations of at least 1')
        if len(thresholds) > 1:
            raise UserError(f"filter.thresholds {list(thresholds)}: give one where values are learnt")

    def idle(self) -> dict[str, str]:
        """Of values those that belong to other labels."""
        labels = self.config.value.labels
        return super().idle() | {
            "value.path": "but with value.labels = 'file'" * (labels != "file"),
            "value.mix": "but with value.labels = 'search'" * (labels != "search"),
            "value.completions": "but with value.labels = 'rollouts'" * (labels != "rollouts"),
            "value.steps": "but where update.loss = 'visits', whose search needs a value head first",
        }

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """Labels, the lessons that they and the episodes are, and texts to go on writing."""
        del threshold
        config, value, student = self.config, self.config.value, turn.student
        kept = [episode for episode in episodes if episode.kept]
        labels, tokens = read_labels(
            value, Policy(turn.writer, turn.writer.digest()), turn.task, self._labelled(episodes),
            Draw(rows=config.loop.rows), turn.verify, seed=turn.seed, iteration=turn.iteration,
        )  # fmt: skip
        student.add_value_head(value.likelihood > 0)
        lessons = self._lessons(turn, labels, kept)
        if not lessons:
            return Learnt(tokens=tokens)
        lessons += self._written(turn, kept, len(lessons))
        with turn.reporter.phase("training", turn.steps, "steps") as move:
            values = learn_lessons(
                student, config, lessons, self._anchor(turn), turn.steps, turn.purpose(number), move
            )
        tell_ending(turn.reporter, config, values, turn.steps)
        return Learnt(values, int(values["loss/steps"]), tokens)

    def labelled(self, length: float, problems: int) -> float:
        """To finish the starts of completions, one of each step at most."""
        value, sampling = self.config.value, self.config.sample
        if value.labels != "rollouts":
            return 0.0
        starts = problems * min(sampling.samples, self.config.filter.per_prompt)
        return starts * value.completions * LEFT * length

    @abstractmethod
    def _labelled(self, episodes: Sequence[Episode]) -> list[Episode]:
        """Episodes whose starts are labelled."""

    def _anchor(self, turn: Turn) -> LanguageModel | None:
        """The model whose policy is kept."""
        del turn
        return None

    def _lessons(self, turn: Turn, labels: Sequence[Label], kept: Sequence[Episode]) -> list[Lesson]:
        del kept
        if self.config.value.kind == "pairwise":
            return rank_lessons(turn.student, labels)
        return value_lessons(turn.student, turn.task, labels)

    def _written(self, turn: Turn, kept: Sequence[Episode], others: int) -> list[Lesson]:
        """Texts that join `others` lessons: real data, or as much as a critic's `value.likelihood` says."""
        config, seed = self.config, row_seed(turn.seed, "mix", turn.iteration)
        if config.value.likelihood:
            right = _right(turn.task, kept)
            mixed = mix(right, turn.real, config.mix, seed, task=turn.task)
            return shared(real_lessons(turn.student, mixed), others, config.value.likelihood, seed)
        if not config.mix.real:
            return []
        mixed = mix(kept, turn.real, config.mix, seed, task=turn.task)
        return real_lessons(turn.student, mixed[len(kept) :])


class Visits(ValueTrainer):
    """The shares of a search's visits for the policy, and values beside them."""

    def check(self, sampler: Sampler) -> None:
        """Visits need a search."""
        super().check(sampler)
        if not sampler.has_visits:
            raise UserError('update.loss = "visits" needs sample.simulations of at least 1')

    def idle(self) -> dict[str, str]:
        """A first value head is trained."""
        return super().idle() | {"value.completions": "", "value.steps": ""}

    def prepare(self, turn: Turn) -> int:
        """Train a value head on what comes of the first model's own samples, its policy anchored.

        Without such a head a search would take whatever is unfinished for better than a wrong end.
        """
        config, model = self.config, turn.student
        if model.value_head is not None:
            return 0
        model.add_value_head()
        episodes = sample(
            turn.task, [Policy(model, "")], turn.prompts[: config.sample.prompts], config.value.completions,
            Draw(rows=config.loop.rows), turn.verify, seed=config.seed, iteration=0,
        )  # fmt: skip
        tokens = sum(episode.tokens for episode in episodes)
        lessons = value_lessons(model, turn.task, merged(outcome_labels(turn.task, episodes)))
        if not lessons:
            turn.reporter.message("every game was forfeited: nothing is known of what positions are worth")
            return tokens
        steps = config.value.steps
        with turn.reporter.phase("training a value head", steps, "steps") as move:
            found = learn_lessons(model, config, lessons, copy.deepcopy(model), steps, ("value",), move)
        tell_ending(turn.reporter, config, found, steps)
        return tokens

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """By score, way and number; of a game of two whoever wins, since both sides are improved on."""
        return mark_kept(task, episodes, self.config.filter, threshold, by_visits=True)

    def preparation(self, length: float, problems: int) -> list[Stage]:
        """The first value head."""
        value = self.config.value
        return [Stage("first value head", problems * value.completions * length, value.steps)]

    def _labelled(self, episodes: Sequence[Episode]) -> list[Episode]:
        return list(episodes)

    def _lessons(self, turn: Turn, labels: Sequence[Label], kept: Sequence[Episode]) -> list[Lesson]:
        return super()._lessons(turn, labels, kept) + visit_lessons(turn.student, turn.task, kept)


class Values(ValueTrainer):
    """Values alone; the policy stays what it was, or the model becomes a critic."""

    @property
    def role(self) -> Role:
        """A critic's where nothing keeps the policy."""
        return Role() if self.config.value.anchor else Critic()

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """All: nothing of its own writing reaches the policy."""
        del turn, episodes
        return 1.0

    def expected_real_share(self, task: Task) -> float:
        """All."""
        del task
        return 1.0

    def _labelled(self, episodes: Sequence[Episode]) -> list[Episode]:
        return [episode for episode in episodes if episode.kept]

    def _anchor(self, turn: Turn) -> LanguageModel | None:
        return turn.accepted if self.config.value.anchor else None

    def _lessons(self, turn: Turn, labels: Sequence[Label], kept: Sequence[Episode]) -> list[Lesson]:
        found, value = super()._lessons(turn, labels, kept), self.config.value
        if value.anchor and (value.kind == "pairwise" or value.labels == "file"):
            found += anchor_lessons(turn.student, kept)
        return found


def _right(task: Task, kept: Sequence[Episode]) -> list[Episode]:
    """The right ones, in a game of two the won ones, each text of a problem once."""
    won = [each for each in kept if best_result(task, each.result) >= 1]
    return list({(each.prompt.id, each.completion): each for each in won}.values())
