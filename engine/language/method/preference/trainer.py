"""A training on pairs, and what is watched of it: whether chosen responses stay likely."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from random import Random

import numpy as np

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.filter import shared
from engine.language.learner.held_out import parted
from engine.language.learner.objective.desirability import Wanted
from engine.language.learner.objective.preference import Pair
from engine.language.learner.objective.text import Text
from engine.language.learner.text_learner import TextLearner
from engine.language.learner.training import tell_ending
from engine.language.method.preference.config import PreferenceConfig, PreferenceSettings
from engine.language.method.preference.lesson import (
    Row,
    likelihoods,
    measured_pairs,
    pair_lessons,
    readable,
    wanted_lessons,
)
from engine.language.method.preference.pairing import Comparison, Opinion, opinions
from engine.language.method.sampler import Sampler
from engine.language.method.trainer import Trainer, real_texts, without_first, without_values
from engine.language.method.turn import Learnt, Turn
from engine.language.monitor.levels import Response
from engine.language.rollout import row_seed

WATCHED = 256
"""Pairs, at most, on which it is measured whether the chosen response stays likely."""

SURE = 2.0
"""Standard errors by which they must have become less likely for a warning."""


@dataclass
class Material:
    """What a training is on: pairs, and single responses with labels."""

    comparisons: list[Comparison] = field(default_factory=list)
    labelled: list[Opinion] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    """What is told of it, by metrics tag."""


class PairTrainer(Trainer):
    """Chosen responses are to gain on rejected ones, as a reference model finds them likely."""

    accumulates = True
    is_judged = True
    """Whether chosen responses have been judged as they are written, so that no other spelling will do."""

    @property
    def preference(self) -> PreferenceConfig:
        """Its settings."""
        assert isinstance(self.config, PreferenceSettings)
        return self.config.preference

    def check(self, sampler: Sampler) -> None:
        """Losses with what they take, and one training an iteration."""
        del sampler
        self.preference.check()
        thresholds = self.config.filter.thresholds
        if len(thresholds) > 1:
            raise UserError(f"filter.thresholds {list(thresholds)}: give one where pairs are learnt")
        if self.config.update.start == "fresh" and self.preference.reference != "none":
            raise UserError(
                'update.start = "fresh" has nothing to do with a reference: take "last" or "base", or '
                'preference.reference = "none"'
            )

    def knobs(self) -> Mapping[Response, str]:
        """A reference holds the student by beta."""
        return {} if self.preference.reference == "none" else {"kl": "preference.beta"}

    def idle(self) -> dict[str, str]:
        """Values are not learnt, no hint is looked for, and pairs have a rate of their own."""
        other = f"on how {self.config.method} works"
        own = without_first(self.config, ("learning_rate",), "pairs are learnt at preference.learning_rate")
        return super().idle() | without_values(self.config) | own | {"filter.leaks": other}

    def nothing(self, turn: Turn, threshold: float) -> str:
        """There was no pair."""
        del threshold
        return f"iteration {turn.iteration}: there is no pair to learn from"

    @abstractmethod
    def material(self, turn: Turn, episodes: Sequence[Episode], threshold: float) -> Material:
        """What is learnt from."""

    def rate(self, turn: Turn) -> float:
        """Learning rate of the iteration's trainings."""
        del turn
        return self.preference.learning_rate

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """Pairs of what the tokenizer gives back as it was judged, beside real data where that joins."""
        config, student = self.config, turn.student
        material = self.material(turn, episodes, threshold)
        values = dict(material.values)
        examples = self._lessons(turn, material)
        values["preference/pairs"] = float(len(examples))
        if not examples:
            return Learnt(values)
        rows = self._watched(turn, examples)
        before = [likelihoods(student, side) for side in rows]
        seed = row_seed(config.seed, "learn", *turn.purpose(number))
        lessons = [*examples, *self._real(turn, len(examples))]
        own, apart = parted(lessons, [each.key for each in lessons], config.learner, config.seed)
        own_rate = {"learning_rate": self.rate(turn)}
        learner = TextLearner(student, config.learner.model_copy(update=own_rate), seed)
        with turn.reporter.phase("training", turn.steps, "steps") as move:
            values |= learner.fit(
                own, self.preference.objective(), steps=turn.steps, held_out=apart, on_step=move
            )
        tell_ending(turn.reporter, config, values, turn.steps)
        after = [likelihoods(student, side) for side in rows]
        values |= _displacement(turn, self.preference, before, after)
        return Learnt(values, int(values["loss/steps"]))

    def _lessons(self, turn: Turn, material: Material) -> list[Pair] | list[Wanted]:
        student, preference = turn.student, self.preference
        comparisons = self._readable(turn, material.comparisons)
        reference = None if preference.reference == "none" else turn.reference(preference.reference)
        if preference.loss != "kto":
            return measured_pairs(pair_lessons(comparisons, student), reference)
        kept = readable(student, [(each.prompt, each.response) for each in material.labelled])
        _tell(turn, kept, "labelled responses")
        found = [*opinions(comparisons), *compress(material.labelled, kept)]
        Random(row_seed(turn.seed, "strays", turn.iteration)).shuffle(found)
        assert reference is not None
        return wanted_lessons(found, student, reference) if len(found) > 1 else []

    def _readable(self, turn: Turn, comparisons: Sequence[Comparison]) -> list[Comparison]:
        good = readable(
            turn.student, [(each.prompt, each.chosen) for each in comparisons], as_written=self.is_judged
        )
        bad = readable(turn.student, [(each.prompt, each.rejected) for each in comparisons])
        kept = [one and other for one, other in zip(good, bad, strict=True)]
        _tell(turn, kept, "pairs")
        return list(compress(comparisons, kept))

    def _real(self, turn: Turn, others: int) -> list[Text]:
        """Real data to go on writing: each once, or as much as makes `mix.real_fraction` of the lessons."""
        mixing = self.config.mix
        if not mixing.real or not turn.real:
            return []
        found = real_texts(turn)
        if not mixing.real_fraction:
            return found
        return shared(found, others, mixing.real_fraction, row_seed(turn.seed, "mix", turn.iteration))

    def _watched(self, turn: Turn, examples: Sequence[Pair] | Sequence[Wanted]) -> list[list[Row]]:
        """Some of the chosen responses, and of the rejected ones."""
        source = Random(row_seed(turn.seed, "watched", turn.iteration))
        some = source.sample(list(examples), min(WATCHED, len(examples)))
        pairs = [each for each in some if isinstance(each, Pair)]
        single = [each for each in some if isinstance(each, Wanted)]
        chosen = [(each.prompt, each.chosen) for each in pairs]
        rejected = [(each.prompt, each.rejected) for each in pairs]
        chosen += [(each.prompt, each.response) for each in single if each.is_wanted]
        rejected += [(each.prompt, each.response) for each in single if not each.is_wanted]
        return [chosen, rejected]


def _displacement(
    turn: Turn, preference: PreferenceConfig, before: Sequence[list[float]], after: Sequence[list[float]]
) -> dict[str, float]:
    """By how many nats responses have become likelier; told where chosen ones surely have become less so."""
    changes = [np.subtract(new, old) for new, old in zip(after, before, strict=True)]
    names = ("preference/chosen_change", "preference/rejected_change")
    values = {name: float(change.mean()) for name, change in zip(names, changes, strict=True) if len(change)}
    chosen = changes[0]
    if len(chosen) > 1:
        mean, error = float(chosen.mean()), float(chosen.std(ddof=1)) / len(chosen) ** 0.5
        values["preference/displaced"] = float(mean + SURE * error < 0)
        if values["preference/displaced"]:
            more = "preference.sft above 0" if not preference.sft else "a larger preference.sft"
            turn.reporter.message(
                f"WARN preference/chosen_change: chosen responses have become less likely by {-mean:.3g} "
                f"nats (likelihood displacement); {more}, a larger preference.beta or fewer steps hold them"
            )
    return values


def _tell(turn: Turn, kept: Sequence[bool], what: str) -> None:
    if not all(kept):
        turn.reporter.message(
            f"{kept.count(False)} of {len(kept)} {what} are left out: over the model's context of "
            f"{turn.student.context} tokens, with letters it cannot spell, or given back by its tokenizer as "
            "another text"
        )
