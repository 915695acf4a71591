"""The phase of reinforcement: PPO on what the preference model says of a reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from engine.language.episode import Episode
from engine.language.method.constitution.phase import constitution_for, settings_of, share_broken
from engine.language.method.constitution.preferred import preference_model
from engine.language.method.policy.actor_critic_trainer import ActorCriticTrainer, ActorSampler
from engine.language.method.turn import Learnt, Turn
from engine.language.model.scoring import rewards
from engine.language.rollout import Verify
from engine.language.task import Demonstration, Prompt, VerifyResult


class Reinforced(ActorSampler):
    """Rounds of replies, each with the preference model's opinion for a score."""

    def write(self, turn: Turn) -> list[Episode]:
        """A round."""
        with _preferring(turn):
            return super().write(turn)


@dataclass
class Reinforcer(ActorCriticTrainer):
    """PPO; beside it what the rules say of the replies of each round.

    Real data that breaks a rule is what the preference model is to turn the policy from: none of it joins.
    """

    _real_kept: list[Demonstration] | None = field(default=None, init=False)

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """The passes over one round."""
        before, turn.real = turn.real, self._fit(turn)
        try:
            learnt = super().learn(turn, episodes, threshold, number)
        finally:
            turn.real = before
        return replace(learnt, values={**learnt.values, **share_broken(turn, episodes, "broken_samples")})

    def _fit(self, turn: Turn) -> Sequence[Demonstration]:
        """Real data that breaks no rule."""
        if not self.config.mix.real_fraction:
            return []
        if self._real_kept is None:
            constitution = constitution_for(self.config, turn.task)
            count = settings_of(self.config).checked
            self._real_kept = [
                each
                for each in turn.real
                if not constitution.broken(each.prompt.text, each.completion, count)
            ]
        return self._real_kept


@contextmanager
def _preferring(turn: Turn) -> Iterator[None]:
    """Let the preference model give the turn's verdicts."""
    before = turn.verify
    turn.verify = preferring(turn)
    try:
        yield
    finally:
        turn.verify = before


def preferring(turn: Turn) -> Verify:
    """Scores of the preference model: the sigmoid of its reward, with what the verifier read."""
    model = preference_model(turn)

    def verify(pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
        found = rewards(model, [prompt.text for prompt, _ in pairs], [text for _, text in pairs])
        scores = 1 / (1 + np.exp(-found.astype(np.float64).clip(-700, 700)))
        return [
            replace(
                truth, score=float(score), kind="learned", gold=truth.score,
                reason=f"in truth {truth.score:g}",
            )
            for truth, score in zip(turn.truth(pairs), scores, strict=True)
        ]  # fmt: skip

    return verify
