"""Policy gradients whose baseline is the other completions of a problem."""

from __future__ import annotations

from engine.language.method.method import Method
from engine.language.method.sampler import Sampler
from engine.language.method.trainer import Trainer
from engine.language.settings import TextConfig

ROUNDS = {
    # Rewards choose among what the model writes: one that has seen much, not often, writes more that differs.
    "model": {"size": "0.1M", "demonstrations": 6000, "steps": 1200},
    # Rewards alone say what is learnt: on what demonstrations leave over, that would be the rarer kinds.
    "sample": {"prompts": 3200, "demonstrated": True},
    "update": {"start": "last", "steps": 100},
    "loop": {"iterations": 10},
    # Kinds of problems that the first model could do are lost without.
    "mix": {"real_fraction": 0.2},
    # What is not rewarded becomes unlikely, real data too: KL says how far the model may go.
    "monitor": {"thresholds": {"holdout": {"warn": 0.5, "alert": 1.0}}},
}


class GroupPolicy(Method):
    """The student writes groups, and learns from each at once."""

    def settings(self) -> type[TextConfig]:
        """With a section `policy`."""
        from engine.language.method.policy.config import PolicySettings

        return PolicySettings

    def sampler(self, config: TextConfig) -> Sampler:
        """Groups."""
        from engine.language.method.policy.config import PolicySettings
        from engine.language.method.policy.group_sampler import GroupSampler

        assert isinstance(config, PolicySettings)
        return GroupSampler(config)

    def trainer(self, config: TextConfig) -> Trainer:
        """By their advantages."""
        from engine.language.method.policy.config import PolicySettings
        from engine.language.method.policy.group_trainer import GroupTrainer

        assert isinstance(config, PolicySettings)
        return GroupTrainer(config)


GRPO = GroupPolicy(papers=("2402.03300", "2503.14476"), changes=ROUNDS)

RLOO = GroupPolicy(
    papers=("2402.14740",),
    changes=ROUNDS
    | {
        "policy": {
            "baseline": "others",
            "scale": "none",
            "mean": "row",
            "ratio": "sequence",
            "divergence": "reward",
            "clip_high": 0.2,
        }
    },
)
