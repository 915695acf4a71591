"""The training of a reward model, or of several that judge together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from random import Random

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.held_out import parted as set_apart
from engine.language.learner.objective.reward import BradleyTerry
from engine.language.learner.text_learner import TextLearner
from engine.language.learner.training import tell_ending
from engine.language.material import evaluation_prompts, practice, real_data
from engine.language.method.idle import every
from engine.language.method.judged.config import JudgeConfig
from engine.language.method.judged.judge import chosen_judge, tokens_written
from engine.language.method.judged.length import freed_of_length
from engine.language.method.reward.comparison import (
    centred,
    compared_samples,
    lessons,
    measured,
    parted,
    that_fit,
)
from engine.language.method.reward.role import Rewarder
from engine.language.method.reward.settings import RewardConfig, RewardTextConfig
from engine.language.method.role import Role
from engine.language.method.sampler import Sampler
from engine.language.method.trainer import Trainer, learnable, unfiltered, without_values
from engine.language.method.turn import Learnt, Turn
from engine.language.model.model import LanguageModel, Panel
from engine.language.problem.contamination import EvaluationIndex
from engine.language.problem.preference_file import Preference, read_preferences
from engine.language.rollout import row_seed
from engine.language.settings import TextConfig
from engine.language.task import Task

CENTRED = 1024
"""Comparisons by which the level of the rewards is set."""


class Comparisons(Trainer):
    """Which of two responses is the better is learnt by the value head, and by the trunk under it."""

    learns_values = True
    accumulates = True

    @property
    def reward(self) -> RewardConfig:
        """The method's own settings."""
        assert isinstance(self.config, RewardTextConfig)
        return self.config.reward

    @property
    def judge(self) -> JudgeConfig:
        """Who prefers, where no file does."""
        assert isinstance(self.config, RewardTextConfig)
        return self.config.judge

    @property
    def num_companions(self) -> int:  # type: ignore[override]
        """The members beside the first, which are saved with it."""
        return self.reward.members - 1

    @cached_property
    def role(self) -> Role:
        """A critic's."""
        return Rewarder(
            is_verified=not self.reward.path,
            is_judged=chosen_judge(self.judge) is not None,
            by_gold=self.config.guards.gate_on == "gold",
        )

    def check(self, sampler: Sampler) -> None:
        """Samples to compare are two at least."""
        del sampler
        thresholds = self.config.filter.thresholds
        if len(thresholds) > 1:
            raise UserError(
                f"filter.thresholds {list(thresholds)}: a reward model has one training; give one"
            )
        if self.reward.path:
            return
        if self.config.sample.samples < 2 and not self.config.sample.simulations:
            raise UserError(
                f"sample.samples = {self.config.sample.samples}: comparisons need two samples of a problem "
                "or more; or name a file with reward.path"
            )

    def idle(self) -> dict[str, str]:
        """Nothing but comparisons is learnt; of a file's nothing is sampled or filtered."""
        config, reward = self.config, self.reward
        file = "where a file has the comparisons (reward.path)" * bool(reward.path)
        few = "on a reward model alone (reward.members = 1)" * (reward.members == 1)
        many = few or "but with reward.combine = 'deviation'" * (reward.combine != "deviation")
        found = super().idle() | without_values(config)
        found |= dict.fromkeys(("mix.real", "mix.real_fraction"), f"on how {config.method} works")
        found |= {f"judge.{name}": reason for name, reason in self.judge.idle().items()}
        if file:
            found |= unfiltered(config, file) | {"mix.keep": file} | every(config, "judge", file)
        return found | {
            "reward.per_prompt": file,
            "reward.temperature": file,
            "reward.combine": few,
            "reward.deviations": many,
        }

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """One training for each member, and what they know of the comparisons held out."""
        del threshold
        own, apart = self._comparisons(turn, episodes)
        tokens = tokens_written(turn)
        if not own:
            return Learnt(tokens=tokens)
        members = self._members(turn)
        values: dict[str, float] = {}
        for place, member in enumerate(members):
            drawn = own if len(members) == 1 else _drawn(own, row_seed(turn.seed, "panel", place))
            found = self._fit(turn, member, drawn, number, place, len(members))
            values = values or found
        if len(members) > 1:
            turn.student.panel = Panel(tuple(members[1:]), self.reward.combine, self.reward.deviations)
        values["reward/comparisons"] = float(len(own))
        values |= measured(turn.student, apart) if apart else {}
        self._tell(turn, values)
        return Learnt(values, int(values["loss/steps"]), tokens)

    def taken(self, rounds: int) -> int:
        """Those of each member."""
        return super().taken(rounds) * self.reward.members

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """All: nothing of its own writing reaches the policy, which stays the first model's."""
        del turn, episodes
        return 1.0

    def expected_real_share(self, task: Task) -> float:
        """All."""
        del task
        return 1.0

    def _members(self, turn: Turn) -> list[LanguageModel]:
        """The student and those beside it, each with a value head."""
        known = turn.student.panel.members if turn.student.panel else ()
        others = [*known, *(turn.start() for _ in range(len(known), self.reward.members - 1))]
        members = [turn.student, *others[: self.reward.members - 1]]
        for member in members:
            member.panel = None
            member.add_value_head()
        return members

    def _comparisons(
        self, turn: Turn, episodes: Sequence[Episode]
    ) -> tuple[list[Preference], list[Preference]]:
        """(to learn from, held out): of the file, or of the samples that passed."""
        settings, seed = self.reward, row_seed(turn.config.seed, "comparisons", turn.iteration)
        if settings.path:
            pairs = comparisons_of_file(turn.config, turn.task, turn.reporter.message)
        else:
            judged = [each for each in learnable(turn, episodes) if not each.result.is_missing]
            if self.judge.length_control:
                judged = freed_of_length(judged)
            pairs = compared_samples(judged, settings.per_prompt, settings.temperature, seed)
            if not pairs:
                turn.reporter.message("no two samples of a problem have different scores: nothing to compare")
        fit = that_fit(turn.student, pairs)
        if len(fit) < len(pairs):
            turn.reporter.message(
                f"{len(pairs) - len(fit)} of {len(pairs)} comparisons are left out: over the model's context "
                f"of {turn.student.context} tokens, or with letters it cannot spell"
            )
        if settings.comparisons and len(fit) > settings.comparisons:
            chosen = sorted(Random(seed).sample(range(len(fit)), settings.comparisons))
            fit = [fit[place] for place in chosen]
        own, apart = parted(fit, settings.held_out, turn.config.seed)
        if fit and not own:
            turn.reporter.message("so few problems are compared that none is held out")
            return apart, []
        return own, apart

    def _fit(
        self,
        turn: Turn,
        model: LanguageModel,
        pairs: Sequence[Preference],
        number: int,
        place: int,
        count: int,
    ) -> dict[str, float]:
        config = self.config
        purpose = (*turn.purpose(number), "member", place) if place else turn.purpose(number)
        learner = TextLearner(model, config.learner, row_seed(config.seed, "learn", *purpose))
        examples = lessons(model, pairs)
        own, apart = set_apart(examples, [each.key for each in examples], config.learner, config.seed)
        what = f"training {place + 1} of {count}" if count > 1 else "training"
        with turn.reporter.phase(what, turn.steps, "steps") as move:
            values = learner.fit(
                own, BradleyTerry(self.reward.centre), steps=turn.steps, held_out=apart, on_step=move
            )
        tell_ending(turn.reporter, config, values, turn.steps)
        centred(model, pairs[:CENTRED])
        return values

    def _tell(self, turn: Turn, values: dict[str, float]) -> None:
        if "reward/accuracy" in values:
            turn.reporter.message(
                f"reward model: {values['reward/accuracy']:.1%} of {values['reward/held_out']:.0f} held-out "
                f"comparisons, calibration error {values['reward/calibration']:.3f}"
            )


def comparisons_of_file(
    config: TextConfig, task: Task, tell: Callable[[str], None] = lambda _: None
) -> list[Preference]:
    """Those of `reward.path`, without evaluation items; UserError as `read_preferences`."""
    assert isinstance(config, RewardTextConfig)
    real, holdout = real_data(task, config)
    problems = [*practice(task, config, real, holdout), *(each.prompt for each in real)]
    index = EvaluationIndex(evaluation_prompts(task, config))
    return read_preferences(Path(config.reward.path), task, problems=problems, index=index, tell=tell)


def _drawn(pairs: Sequence[Preference], seed: int) -> list[Preference]:
    """As many, drawn with replacement."""
    return Random(seed).choices(list(pairs), k=len(pairs))
