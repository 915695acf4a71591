"""The phase of reinforcement: PPO on what the preference model says of a reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from engine.language.episode import Episode
from engine.language.method.constitution.phase import share_broken
from engine.language.method.constitution.preferred import preference_model
from engine.language.method.policy.actor_critic_trainer import ActorCriticTrainer, ActorSampler
from engine.language.method.turn import Learnt, Turn
from engine.language.model.scoring import rewards
from engine.language.rollout import Verify
from engine.language.task import Prompt, VerifyResult


class Reinforced(ActorSampler):
    """Rounds of replies, each with the preference model's opinion for a score."""

    def write(self, turn: Turn) -> list[Episode]:
        """A round."""
        with _preferring(turn):
            return super().write(turn)


class Reinforcer(ActorCriticTrainer):
    """PPO; beside it what the rules say of the replies of each round."""

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """The passes over one round."""
        learnt = super().learn(turn, episodes, threshold, number)
        return replace(learnt, values={**learnt.values, **share_broken(turn, episodes, "broken_samples")})


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
