"""The student learns from what it has just written, by its advantages, round after round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.config import TextLearnerConfig
from engine.language.learner.filter import shared
from engine.language.learner.objective.joined import Joined
from engine.language.learner.objective.policy import PolicyGradient, Sampled
from engine.language.learner.objective.text import Text
from engine.language.learner.text_learner import TextLearner
from engine.language.measure.watch import drawn_tokens
from engine.language.method.policy.advantage import (
    Floats,
    RoleBaseline,
    advantages_of,
    by_token,
    grouped,
    has_spread,
    overlong_penalty,
    results_of,
    scaled_by_batch,
)
from engine.language.method.policy.config import PolicySettings
from engine.language.method.sampler import Sampler
from engine.language.method.trainer import (
    Trainer,
    real_texts,
    unfiltered,
    without_first,
    without_values,
)
from engine.language.method.turn import Learnt, Turn
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score_tokens
from engine.language.monitor.levels import Response
from engine.language.problem.problems import demonstrations
from engine.language.rollout import row_seed
from engine.language.task import Task

Logprobs = list[NDArray[np.float32]]

HELD = 64
"""Completions of a round by which its distance from the first model is told."""


@dataclass
class Means:
    """Means of numbers by metrics tag, over rounds or steps that had them."""

    totals: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, numbers: dict[str, float]) -> None:
        """One round's."""
        for name, number in numbers.items():
            self.totals[name] = self.totals.get(name, 0.0) + number
            self.counts[name] = self.counts.get(name, 0) + 1

    @property
    def values(self) -> dict[str, float]:
        """The means."""
        return {name: total / self.counts[name] for name, total in self.totals.items()}


@dataclass
class PolicyTrainer(Trainer):
    """What policy gradients have in common: rounds of updates with one optimizer."""

    config: PolicySettings
    _learner: TextLearner | None = field(default=None, init=False)
    _means: Means = field(default_factory=Means, init=False)
    _texts: list[Text] = field(default_factory=list, init=False)

    def check(self, sampler: Sampler) -> None:
        """Refuse settings that have no effect here."""
        del sampler
        config = self.config
        without = {
            'update.loss = "text"': config.update.loss != "text",
            "update.growth = 1": config.update.growth != 1,
            "filter.thresholds of one": len(config.filter.thresholds) > 1,
            'mix.keep = "replace"': config.mix.keep != "replace",
            "learner.patience = 0": config.learner.patience > 0,
            "model.lora.dropout = 0": config.model.lora.dropout > 0,
        }
        for wanted, is_other in without.items():
            if is_other:
                raise UserError(f"{config.method} learns from its own rounds as they are: take {wanted}")
        if config.update.steps < config.steps_a_round:
            raise UserError(
                f"update.steps = {config.update.steps}: a round alone takes {config.steps_a_round} "
                "(policy.updates times policy.minibatches); take as many or more"
            )
        if config.mix.real != (config.mix.real_fraction > 0):
            raise UserError(
                f"{config.method} joins real data by its share: give both mix.real = true and a "
                "mix.real_fraction above 0, or neither"
            )

    def nothing(self, turn: Turn, threshold: float) -> str:
        """No problem told better from worse."""
        del threshold
        return f"iteration {turn.iteration}: all completions of each problem score alike"

    def knobs(self) -> Mapping[Response, str]:
        """The weight of the divergence from the reference."""
        return {"kl": "policy.beta"}

    def idle(self) -> dict[str, str]:
        """Nothing is filtered; a round of a single step is of the policy that has drawn it."""
        config = self.config
        found = super().idle() | unfiltered(config, f"on how {config.method} works") | without_values(config)
        own = ("learning_rate", "schedule", "final_rate")
        found |= without_first(config, own, "updates take policy.learning_rate")
        found["policy.decay"] = "but with policy.baseline = 'role'" * (config.policy.baseline != "role")
        if config.steps_a_round == 1:
            single = "on rounds of one step (policy.updates times policy.minibatches), whose ratios are 1"
            found |= dict.fromkeys(("policy.clip_low", "policy.clip_high"), single)
        return found

    def real_share(self, turn: Turn, episodes: Sequence[Episode]) -> float:
        """As `mix.real_fraction` says."""
        del episodes
        return self.config.mix.real_fraction if turn.real else 0.0

    def expected_real_share(self, task: Task) -> float:
        """Likewise."""
        has_real = self.config.mix.real and bool(demonstrations(task, 1, self.config.seed))
        return self.config.mix.real_fraction if has_real else 0.0

    def real(self, turn: Turn, others: int, *part: int) -> list[Text]:
        """Real data that joins a minibatch of so many responses."""
        mixing = self.config.mix
        if not mixing.real or not turn.real:
            return []
        if not self._texts:
            self._texts = real_texts(turn)
        seed = row_seed(turn.seed, "real", turn.iteration, *part)
        return shared(self._texts, others, mixing.real_fraction, seed)

    def taken(self, rounds: int) -> int:
        """Steps of an iteration."""
        return rounds * self.config.steps_a_round

    def read(self, rounds: int) -> float:
        """All completions of each round, in each update; those without an advantage are spared."""
        settings = self.config.policy
        return float(rounds * settings.groups * self.config.sample.samples * settings.updates)

    def learner(self, turn: Turn) -> TextLearner:
        """Of the turn's student, the same in every round of an iteration."""
        if self._learner is None:
            seed = row_seed(turn.config.seed, "learn", turn.iteration)
            self._learner = TextLearner(turn.student, self.updating, seed)
        return self._learner

    @property
    def updating(self) -> TextLearnerConfig:
        """Settings of updates."""
        own = {"learning_rate": self.config.policy.learning_rate, "schedule": "constant"}
        return self.config.learner.model_copy(update=own)

    def scored(self, turn: Turn, model: LanguageModel, rows: Sequence[tuple[Tokens, Tokens]]) -> Logprobs:
        """ln p of the tokens of responses at the temperature they were drawn at, as steps compute it."""
        heads, tails = [head for head, _ in rows], [tail for _, tail in rows]
        with self._arithmetic(turn):
            return score_tokens(model, heads, tails, self.config.sample.temperature)

    def drawn(
        self, turn: Turn, episodes: Sequence[Episode], rows: Sequence[tuple[Tokens, Tokens]]
    ) -> Logprobs:
        """Likewise of the student, which has drawn them: as it was told then, where that is the same."""
        told = [each.logprobs for each in episodes]
        weight = next(iter(turn.student.network.parameters()))
        is_exact = weight.dtype == torch.float32 and not self.learner(turn).computes_bf16
        if is_exact and self.config.sample.temperature == 1:
            return [each for each in told if each is not None]
        return self.scored(turn, turn.student, rows)

    def minibatches(self, turn: Turn, rows: Sequence[Any], update: int) -> list[list[Any]]:
        """The rows in `policy.minibatches` parts, drawn anew for each update."""
        count = self.config.policy.minibatches
        if count == 1:
            return [list(rows)]
        source = np.random.default_rng(row_seed(turn.seed, "parts", turn.iteration, update))
        order = source.permutation(len(rows))
        return [[rows[place] for place in part] for part in np.array_split(order, count) if len(part)]

    def ended(self, turn: Turn, steps: int) -> Learnt:
        """What came of the rounds so far, of which the last one took `steps`."""
        learner, found = self.learner(turn), dict[str, float]()
        if turn.round == self.config.rounds - 1 and learner.step:
            found = learner.end_updates()
        return Learnt(self._means.values | found, steps)

    def _arithmetic(self, turn: Turn) -> AbstractContextManager[Any]:
        return torch.autocast(
            turn.student.device.type, torch.bfloat16, enabled=self.learner(turn).computes_bf16
        )


@dataclass
class GroupTrainer(PolicyTrainer):
    """GRPO, RLOO and what lies between: advantages by the other completions of a problem, or by role."""

    def check(self, sampler: Sampler) -> None:
        """Also refuse choices that exclude each other."""
        super().check(sampler)
        policy = self.config.policy
        if policy.baseline == "critic":
            raise UserError(f'policy.baseline = "critic" is for ppo; {self.config.method} trains none')
        if policy.baseline == "role" and policy.scale == "group":
            raise UserError(
                'policy.baseline = "role" compares with other problems, too: take policy.scale = "none" or '
                '"batch"'
            )
        if policy.divergence == "reward" and policy.beta and policy.refills:
            raise UserError("policy.refills looks at scores, before a divergence is taken off: set it to 0")

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """Kept is what is made likelier by its score: those above the mean of their problem."""
        del threshold
        above = self._above(task, episodes)
        return [replace(each, kept=kept) for each, kept in zip(episodes, above, strict=True)]

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """The updates of one round."""
        del threshold, number
        groups = grouped(episodes)
        lively = [group for group in groups if has_spread(episodes[place].result.score for place in group)]
        lengths = [each.tokens for each in episodes]
        self._means.add(
            {
                "policy/reward": float(np.mean([each.result.score for each in episodes])),
                "policy/zero_spread": 1 - len(lively) / len(groups),
                "policy/length": float(np.mean(lengths)),
                "policy/truncated": float(np.mean([not each.ended for each in episodes])),
            }
        )
        if self.config.policy.refills:
            episodes = [episodes[place] for group in lively[: self.config.policy.groups] for place in group]
        rows = self._rows(turn, episodes) if episodes else []
        if not any(self._has_gradient(row) for row in rows):
            return self.ended(turn, 0)
        learner, objective = self.learner(turn), self._objective(turn)
        before = learner.step
        for update in range(self.config.policy.updates):
            for number, part in enumerate(self.minibatches(turn, rows, update)):
                if read := [row for row in part if self._has_gradient(row)]:
                    real = self.real(turn, len(part), update, number)
                    whole = Joined.of(objective, part, read, real)
                    steps = self.taken(self.config.rounds)
                    self._means.add(learner.update([*read, *real], whole, steps=steps))
        return self.ended(turn, learner.step - before)

    @property
    def _beta(self) -> float:
        """Of the divergence in the loss."""
        return 0.0 if self.config.policy.divergence == "reward" else self.config.policy.beta

    def _has_gradient(self, row: Sampled) -> bool:
        return bool(self.config.policy.entropy or self._beta or np.any(row.advantage))

    def _objective(self, turn: Turn) -> PolicyGradient:
        policy = self.config.policy
        return PolicyGradient(
            clip_low=policy.clip_low, clip_high=policy.clip_high, surrogate=policy.surrogate,
            ratio=policy.ratio, mean=policy.mean, max_tokens=turn.task.max_tokens, beta=self._beta,
            unbiased=policy.divergence == "unbiased", entropy=policy.entropy,
            temperature=self.config.sample.temperature,
        )  # fmt: skip

    def _above(self, task: Task, episodes: Sequence[Episode]) -> list[bool]:
        """Which completions score more than their problem's do on average; of a game of two, which decide."""
        scores = np.array([each.result.score for each in episodes])
        found = [False] * len(episodes)
        for group in grouped(episodes):
            mean = float(scores[group].mean())
            for place in group:
                gap = scores[place] - mean
                is_decided = abs(gap) > 0 and not episodes[place].result.is_forfeit
                found[place] = bool(is_decided if task.num_players > 1 else gap > 0)
        return found

    def _rows(self, turn: Turn, episodes: Sequence[Episode]) -> list[Sampled]:
        """What is learnt from: not what was barred since it was marked, nor what is cut and masked."""
        policy, student = self.config.policy, turn.student
        heads = student.codec.encode_prompts([each.prompt.text for each in episodes])
        tails = [drawn_tokens(each) for each in episodes]
        pairs = list(zip(heads, tails, strict=True))
        is_first = self.config.steps_a_round == 1
        by_reward = policy.beta > 0 and policy.divergence == "reward"
        old = None if is_first and not by_reward else self.drawn(turn, episodes, pairs)
        reference: Logprobs | None = None
        if policy.beta:
            reference = self.scored(turn, turn.reference(policy.reference), pairs)
        self._hold(turn, episodes, pairs, reference if policy.reference == "first" else None)
        penalty = np.zeros(len(episodes))
        if by_reward:
            assert old is not None
            assert reference is not None
            change = [float((one - other).sum()) for one, other in zip(old, reference, strict=True)]
            self._means.add({"policy/kl_sequence": float(np.mean(change))})
            penalty += policy.beta * np.array(change)
        own = self._advantages(turn, episodes, penalty)
        above = self._above(turn.task, episodes)
        rows = []
        for place, (episode, (head, tail)) in enumerate(zip(episodes, pairs, strict=True)):
            is_barred = above[place] and not episode.kept
            if is_barred or (policy.truncated == "mask" and not episode.ended):
                continue
            advantage: float | NDArray[np.float32] = float(own[place, 0])
            if turn.task.num_players > 1:
                advantage = by_token(student.codec, turn.task, episode, tail, own[place])
            rows.append(
                Sampled(
                    head, tail, None if is_first or old is None else old[place], advantage,
                    None if reference is None else reference[place],
                )
            )  # fmt: skip
        return rows

    def _hold(
        self,
        turn: Turn,
        episodes: Sequence[Episode],
        pairs: Sequence[tuple[Tokens, Tokens]],
        known: Logprobs | None,
    ) -> None:
        """Tell the turn how far the student has gone from the first model, by some of the completions.

        `known` is what the first model makes of all of them, where that has been asked already.
        """
        part = slice(HELD)
        own = self.drawn(turn, episodes[part], pairs[part])
        first = self.scored(turn, turn.first, pairs[part]) if known is None else known[part]
        nats = sum(float((one - two).sum(dtype=float)) for one, two in zip(own, first, strict=True))
        self._means.add({"policy/kl_first": nats / sum(map(len, own))})
        turn.hold(nats / sum(map(len, own)))

    def _advantages(self, turn: Turn, episodes: Sequence[Episode], penalty: Floats) -> Floats:
        """Of each player, [N, players]; `penalty` [N] is taken off every result."""
        policy, limit = self.config.policy, turn.task.max_tokens
        results = np.array([results_of(turn.task, each) for each in episodes])
        overlong = [overlong_penalty(each.tokens, limit, policy.overlong) for each in episodes]
        rewards = results - (penalty + np.array(overlong))[:, None]
        columns = range(rewards.shape[1])
        if policy.baseline == "role":
            roles = RoleBaseline(policy.decay, turn.memory.get("roles", []))
            centred = roles.advantages(rewards)
            turn.memory["roles"] = roles.means
            return np.stack([scaled_by_batch(centred[:, c], rewards[:, c], policy) for c in columns], 1)
        groups = grouped(episodes)
        return np.stack([advantages_of(rewards[:, c], groups, policy) for c in columns], 1)
