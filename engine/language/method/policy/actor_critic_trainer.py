"""The student learns from what it has just written, token by token, against what a critic expected."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.errors import UserError
from engine.language.episode import Episode
from engine.language.learner.objective.actor_critic import Acted, ActorCritic, Critic, values_at_tokens
from engine.language.learner.text_learner import TextLearner
from engine.language.measure.watch import drawn_tokens
from engine.language.method.policy.credit import credit
from engine.language.method.policy.group_sampler import GroupSampler
from engine.language.method.policy.group_trainer import Means, PolicyTrainer
from engine.language.method.policy.kl_control import adapted
from engine.language.method.policy.ppo_config import PpoSettings
from engine.language.method.policy.reward import is_told, rewards_of
from engine.language.method.sampler import Sampler
from engine.language.method.turn import Learnt, Turn
from engine.language.rollout import row_seed
from engine.language.task import Task

FACTOR = "beta_factor"
"""What a run carries from turn to turn: what policy.beta is multiplied by."""
CRITIC = "critic"
"""The companion's name."""
SCORED = 2 / 3
"""Completions that a step could learn from in the time in which two models read one without a gradient."""


@dataclass
class ActorSampler(GroupSampler):
    """Rounds of completions; a critic compares, so that one of a problem is enough."""

    least = 1


@dataclass
class ActorCriticTrainer(PolicyTrainer):
    """PPO: rewards of tokens, a critic, generalised advantages, several clipped passes over a round."""

    config: PpoSettings
    learns_values = True
    _critic: TextLearner | None = field(default=None, init=False)
    _spread: float = field(default=0.0, init=False)
    _missed: float = field(default=0.0, init=False)
    _told: bool = field(default=False, init=False)

    def check(self, sampler: Sampler) -> None:
        """Also refuse what belongs to groups, and a coefficient that could not move."""
        super().check(sampler)
        policy, ppo = self.config.policy, self.config.ppo
        of_groups = {
            "baseline": policy.baseline != "critic",
            "scale": policy.scale == "group",
            "mean": policy.mean != "token",
            "surrogate": policy.surrogate != "clipped",
            "ratio": policy.ratio != "token",
            "divergence": policy.divergence != "reward",
            "refills": policy.refills > 0,
            "overlong": policy.overlong > 0,
        }
        for name, is_other in of_groups.items():
            if is_other:
                raise UserError(
                    f"policy.{name} = {getattr(policy, name)!r} is for groups, and {self.config.method} has "
                    "a critic; leave it out"
                )
        if ppo.kl_budget and not policy.beta:
            raise UserError(
                f"ppo.kl_budget = {ppo.kl_budget:g} adapts policy.beta, which is 0 and would stay so; set it "
                "to 0.05 or so"
            )

    def idle(self) -> dict[str, str]:
        """Also what no budget adapts, no further pass sees, and no head weighs."""
        policy, ppo = self.config.policy, self.config.ppo
        single = "on rounds of one step (policy.updates times policy.minibatches), whose values are as drawn"
        return super().idle() | {
            "ppo.kl_gain": "without ppo.kl_budget" * (ppo.kl_budget == 0),
            "ppo.kl_step": "on a single pass (policy.updates = 1)" * (policy.updates == 1),
            "ppo.value_weight": "with ppo.critic = 'model', which learns by itself" * (ppo.critic == "model"),
            "ppo.value_clip": single * (self.config.steps_a_round == 1),
        }

    def nothing(self, turn: Turn, threshold: float) -> str:
        """No score."""
        del threshold
        return f"iteration {turn.iteration}: no completion has a score to learn from"

    def read(self, rounds: int) -> float:
        """What a critic of its own reads, too, and what reference and critic score once a round."""
        written = rounds * self.config.policy.groups * self.config.sample.samples
        return super().read(rounds) * (1 if self.config.ppo.critic == "head" else 2) + SCORED * written

    @property
    def num_companions(self) -> int:  # type: ignore[override]
        """A critic, where that is a model of its own."""
        return int(self.config.ppo.critic != "head")

    def marked(self, task: Task, episodes: Sequence[Episode], threshold: float) -> list[Episode]:
        """Kept is what is reinforced on the whole: what scores more than the round's mean."""
        del threshold, task
        return [replace(each, kept=kept) for each, kept in zip(episodes, _above(episodes), strict=True)]

    def learn(self, turn: Turn, episodes: Sequence[Episode], threshold: float, number: int) -> Learnt:
        """The passes over one round."""
        del threshold, number
        self._tell(turn, episodes)
        learnable = [
            each
            for each, is_above in zip(episodes, _above(episodes), strict=True)
            if is_told(each)
            and (each.kept or not is_above)
            and (each.ended or self.config.policy.truncated == "score")
        ]
        rows = self._rows(turn, learnable) if learnable else []
        if not rows:
            return self.ended(turn, 0)
        before, update = self.learner(turn).step, 0
        for update in range(self.config.policy.updates):
            if self._passed(turn, rows, update) > (self.config.ppo.kl_step or np.inf):
                break
        self._means.add({"ppo/passes": update + 1.0})
        return self.ended(turn, self.learner(turn).step - before)

    def learner(self, turn: Turn) -> TextLearner:
        """Of the student, and of its value head where that is the critic."""
        if self._learner is None and self.config.ppo.critic == "head":
            turn.student.add_value_head(returns=True)
            seed, rate = row_seed(turn.config.seed, "learn", turn.iteration), self.config.ppo.critic_rate
            self._learner = TextLearner(turn.student, self.updating, seed, head_rate=rate)
        return super().learner(turn)

    def critic(self, turn: Turn) -> TextLearner | None:
        """Of a critic that is a model of its own, the same in every round of an iteration."""
        if self.config.ppo.critic == "head":
            return None
        if self._critic is None:
            model = turn.companions.get(CRITIC, lambda: copy.deepcopy(turn.first))
            model.add_value_head(returns=True)
            seed = row_seed(turn.config.seed, CRITIC, turn.iteration)
            own = self.updating.model_copy(update={"learning_rate": self.config.ppo.critic_rate})
            self._critic = TextLearner(model, own, seed)
        return self._critic

    def ended(self, turn: Turn, steps: int) -> Learnt:
        """What came of the rounds so far; the critic ends with the policy."""
        if self._critic is not None and turn.round == self.config.rounds - 1 and self._critic.step:
            self._critic.end_updates()
        learnt = super().ended(turn, steps)
        if self._spread:
            learnt.values["ppo/explained"] = 1 - self._missed / self._spread
        return learnt

    def beta(self, turn: Turn) -> float:
        """The coefficient of KL as it has been adapted so far."""
        return float(self.config.policy.beta * turn.memory.get(FACTOR, 1.0))

    def _passed(self, turn: Turn, rows: Sequence[Acted], update: int) -> float:
        """One pass over a round; nats a token that it has moved the policy."""
        policy, ppo, found = self.config.policy, self.config.ppo, Means()
        objective = ActorCritic(
            clip_low=policy.clip_low, clip_high=policy.clip_high, value_clip=ppo.value_clip,
            value_weight=ppo.value_weight if ppo.critic == "head" else 0.0, entropy=policy.entropy,
            temperature=self.config.sample.temperature,
        )  # fmt: skip
        steps = self.taken(self.config.rounds)
        for number, part in enumerate(self.minibatches(turn, rows, update)):
            examples = [*part, *self.real(turn, len(part), update, number)]
            found.add(self.learner(turn).update(examples, objective.of(examples), steps=steps))
            if critic := self.critic(turn):
                found.add(critic.update(part, Critic(ppo.value_clip).of(part), steps=steps))
        self._means.add(found.values)
        return found.values.get("ppo/kl_step", 0.0)

    def _rows(self, turn: Turn, episodes: Sequence[Episode]) -> list[Acted]:
        """Responses with what each token did; ExplosionError where the policy has gone too far."""
        policy, ppo = self.config.policy, self.config.ppo
        heads = turn.student.codec.encode_prompts([each.prompt.text for each in episodes])
        pairs = list(zip(heads, [drawn_tokens(each) for each in episodes], strict=True))
        self.learner(turn)  # the head is there from now on
        old = self.drawn(turn, episodes, pairs)
        reference = self.scored(turn, turn.reference(policy.reference), pairs)
        far = [float((one - two).sum(dtype=float)) for one, two in zip(old, reference, strict=True)]
        kl = float(np.mean(far))
        self._means.add({"policy/kl_sequence": kl, "ppo/beta": self.beta(turn)})
        turn.hold(sum(far) / sum(map(len, old)))
        critic = self.critic(turn)
        values = values_at_tokens(critic.model if critic else turn.student, pairs)
        found = credit(
            rewards_of(episodes, ppo), old, reference, values, beta=self.beta(turn), gamma=ppo.gamma,
            lam=ppo.lam, critic_lam=ppo.critic_lam, whiten=policy.scale == "batch",
        )  # fmt: skip
        self._spread, self._missed = self._spread + found.spread, self._missed + found.missed
        if ppo.kl_budget:
            turn.memory[FACTOR] = adapted(turn.memory.get(FACTOR, 1.0), kl, ppo.kl_budget, ppo.kl_gain)
        return [
            Acted(head, tail, *numbers)
            for (head, tail), *numbers in zip(
                pairs, old, found.advantages, values, found.returns, strict=True
            )
        ]

    def _tell(self, turn: Turn, episodes: Sequence[Episode]) -> None:
        """What was written, and once an iteration that scores are missing."""
        if not episodes:
            return
        told = [each.result.score for each in episodes if is_told(each)]
        absent = len(episodes) - len(told)
        numbers = {
            "policy/length": float(np.mean([each.tokens for each in episodes])),
            "policy/truncated": float(np.mean([not each.ended for each in episodes])),
        }
        self._means.add(numbers | ({"policy/reward": float(np.mean(told))} if told else {}))
        if absent and not self._told:
            self._told = True
            turn.reporter.message(
                f"iteration {turn.iteration}: {absent} of {len(episodes)} completions of a round have no "
                "score; nothing is learnt from them"
            )


def _above(episodes: Sequence[Episode]) -> list[bool]:
    """Which score more than the mean of those that have a score."""
    told = [each.result.score for each in episodes if is_told(each)]
    mean = float(np.mean(told)) if told else 0.0
    return [is_told(each) and each.result.score > mean for each in episodes]
