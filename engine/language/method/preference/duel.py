"""Duels of real data with the model's own writing, and how well the two are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.method.preference.config import SpinSettings
from engine.language.method.preference.lesson import likelihoods, pair_lessons
from engine.language.method.preference.pairing import Comparison, against_real, of_duels
from engine.language.method.preference.sampler import Opponent
from engine.language.method.preference.trainer import Material, PairTrainer
from engine.language.method.sampler import Sampler
from engine.language.method.trainer import learnable, unfiltered
from engine.language.method.turn import Learnt, Turn
from engine.language.problem.problems import demonstrations
from engine.language.task import Demonstration, Task


class Duels(PairTrainer):
    """Real data is the better side of every pair."""

    is_judged = False

    def check(self, sampler: Sampler) -> None:
        """Its pairs are real data against samples, whatever they score."""
        super().check(sampler)
        preference = self.preference
        if preference.path or preference.join:
            raise UserError("preference.path: spin's pairs are of real data and samples; take dpo for a file")
        if preference.gap or preference.pairing != "best-worst":
            raise UserError(
                "preference.gap and preference.pairing are of scores, and spin compares by none: leave them"
            )

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """All are the opponent's."""
        del task, threshold
        return [replace(episode, kept=True) for episode in episodes]

    def material(self, turn: Turn, episodes: Sequence[Episode], threshold: float) -> Material:
        """Duels without those in which both sides wrote the same, which teach nothing."""
        del threshold
        found = of_duels(against_real(learnable(turn, episodes), turn.real))
        equal = [each.chosen == each.rejected for each in found]
        share = sum(equal) / max(1, len(equal))
        if any(equal):
            turn.reporter.message(
                f"{sum(equal)} of {len(equal)} pairs are left out: the model wrote what real data says"
            )
        kept = [each for each, same in zip(found, equal, strict=True) if not same]
        return Material(kept, values={"preference/equal": share})

    def rate(self, turn: Turn) -> float:
        """Smaller from iteration to iteration where `spin.decay` is below 1."""
        assert isinstance(self.config, SpinSettings)
        return super().rate(turn) * self.config.spin.decay ** (turn.iteration - 1)

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """A training, and a look at how well held-out real data is told from the opponent's writing."""
        duels = self._held_out(turn)
        learnt = super().learn(turn, episodes, threshold, number)
        if not duels or not learnt.steps:
            return learnt
        own = sum(each.tokens for _, each in duels)
        told = self._told_apart(turn, of_duels(duels))
        values = learnt.values | told
        assert isinstance(self.config, SpinSettings)
        stop, accuracy = self.config.spin.stop, told["preference/real_told"]
        done = ""
        if stop and accuracy <= stop:
            done = f"real data is told from the model's own writing in {accuracy:.1%} of cases"
        return replace(learnt, values=values, tokens=learnt.tokens + own, done=done)

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """Half: the better sides of all pairs."""
        del episodes
        return 0.5 if turn.real else 0.0

    def expected_real_share(self, task: Task) -> float:
        """Half, where there is any."""
        return 0.5 if demonstrations(task, 1, self.config.seed) else 0.0

    unturned = ("sample.temperature",)

    def idle(self) -> dict[str, str]:
        """The opponent writes to the prompts of real data, and all of it is played against."""
        other = f"on how {self.config.method} works"
        unseen = "without held-out real data to look at (measure.holdout = 0)"
        found = super().idle() | unfiltered(self.config, other) | {"sample.band": other}
        return found | {"spin.stop": unseen * (self.config.measure.holdout == 0)}

    def labelled(self, length: float, problems: int) -> float:
        """To the prompts of held-out real data."""
        del problems
        return self.config.measure.holdout * length

    def _held_out(self, turn: Turn) -> list[tuple[Demonstration, Episode]]:
        prompts = list({each.prompt.id: each.prompt for each in turn.holdout}.values())
        written = Opponent(self.config).against(turn, prompts, 1)
        return list(against_real(written, turn.holdout))

    def _told_apart(self, turn: Turn, duels: Sequence[Comparison]) -> dict[str, float]:
        """How the student tells real data, which it has not learnt from, from the accepted model's writing.

        `real_margin` is the mean in nats of what real data gains on it, `real_told` the share of pairs in
        which it gains more, half of the equal ones; `real_change` by how much real data has become likelier.
        """
        pairs = pair_lessons(duels, turn.student)
        real = [(pair.prompt, pair.chosen) for pair in pairs]
        own = [(pair.prompt, pair.rejected) for pair in pairs]
        gains = [
            np.subtract(likelihoods(turn.student, rows), likelihoods(turn.accepted, rows))
            for rows in (real, own)
        ]
        equal = len(duels) - len(pairs)
        margin = np.concatenate((gains[0] - gains[1], np.zeros(equal)))
        return {
            "preference/real_margin": float(margin.mean()),
            "preference/real_told": float((margin > 0).mean() + (margin == 0).mean() / 2),
            "preference/real_change": float(gains[0].mean()) if len(pairs) else 0.0,
        }
