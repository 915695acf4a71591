"""Proximal policy optimisation: a policy gradient whose baseline is a critic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.method.method import Method

if TYPE_CHECKING:
    from engine.language.method.sampler import Sampler
    from engine.language.method.trainer import Trainer
    from engine.language.method.verdict import Judge
    from engine.language.settings import TextConfig
    from engine.language.task import Task


class ActorCriticPolicy(Method):
    """The student writes as it has become, and learns from each round token by token."""

    def settings(self) -> type[TextConfig]:
        """With the sections `policy` and `ppo`."""
        from engine.language.method.policy.ppo_config import PpoSettings

        return PpoSettings

    def sampler(self, config: TextConfig) -> Sampler:
        """Rounds of completions, of which a problem may have but one."""
        from engine.language.method.policy.actor_critic_trainer import ActorSampler
        from engine.language.method.policy.ppo_config import PpoSettings

        assert isinstance(config, PpoSettings)
        return ActorSampler(config)

    def trainer(self, config: TextConfig) -> Trainer:
        """By advantages over a critic."""
        from engine.language.method.policy.actor_critic_trainer import ActorCriticTrainer
        from engine.language.method.policy.ppo_config import PpoSettings

        assert isinstance(config, PpoSettings)
        return ActorCriticTrainer(config)

    def fits(self, config: TextConfig, task: Task) -> None:
        """Refuse games of two."""
        super().fits(config, task)
        if task.num_players > 1:
            raise UserError(
                f"task '{task.name}' is a game of two; {config.method} learns for one: take grpo or rloo"
            )

    def judge(self, config: TextConfig) -> Judge | None:
        """The reward model that `ppo.reward_model` names."""
        from engine.language.method.policy.ppo_config import PpoSettings
        from engine.language.method.reward.judge import RewardModel

        assert isinstance(config, PpoSettings)
        return RewardModel(config.ppo.reward_model) if config.ppo.reward_model else None


PPO = ActorCriticPolicy(
    papers=("1707.06347", "1506.02438", "1909.08593"),
    changes={
        # Rewards alone say what is learnt: on what demonstrations leave over, that would be the rarer kinds.
        "sample": {"prompts": 3200, "demonstrated": True},
        "policy": {
            "learning_rate": 1e-4,
            "updates": 2,
            "baseline": "critic",
            "scale": "batch",
            "divergence": "reward",
            "clip_high": 0.2,
            "beta": 0.01,
        },
        "update": {"start": "last", "steps": 100},
        # What is not rewarded becomes unlikely, real data too: KL says how far the model may go.
        "monitor": {"thresholds": {"holdout": {"warn": 0.5, "alert": 1.0}}},
        "loop": {"iterations": 3},
        "mix": {"real": False},
    },
)
