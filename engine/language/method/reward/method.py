"""The method that trains a reward model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.language.method.method import Method

if TYPE_CHECKING:
    from engine.language.method.sampler import Sampler
    from engine.language.method.trainer import Trainer
    from engine.language.settings import TextConfig


class RewardMethod(Method):
    """A reward model of the first model's samples, or of a file of comparisons."""

    def settings(self) -> type[TextConfig]:
        """With a section of its own."""
        from engine.language.method.reward.settings import RewardTextConfig

        return RewardTextConfig

    def sampler(self, config: TextConfig) -> Sampler:
        """Samples, or none where a file has the comparisons."""
        from engine.language.method.reward.settings import RewardTextConfig
        from engine.language.method.sampler import Samples

        assert isinstance(config, RewardTextConfig)
        if config.reward.path:
            return Samples(config.changed({"sample": {"samples": 0, "simulations": 0}}))
        return super().sampler(config)

    def trainer(self, config: TextConfig) -> Trainer:
        """Comparisons, whatever `update.loss` says of others."""
        from engine.language.method.reward.trainer import Comparisons

        return Comparisons(config)


REWARD = RewardMethod(
    papers=("2204.05862", "2310.02743"),
    changes={
        "sample": {"prompts": 4000, "samples": 8},
        "filter": {"thresholds": (0.0,), "distinct": False, "per_prompt": 100},
        "update": {"steps": 600},
        "learner": {"learning_rate": 1e-3},
        "measure": {"samples": 16, "control": False},
        "loop": {"iterations": 1},
    },
)
