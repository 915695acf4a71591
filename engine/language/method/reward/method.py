"""The method that trains a reward model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.method.method import Method

if TYPE_CHECKING:
    from engine.language.method.sampler import Sampler
    from engine.language.method.trainer import Trainer
    from engine.language.settings import TextConfig
    from engine.language.task import Task


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

    def fits(self, config: TextConfig, task: Task) -> None:
        """Refuse games of two, where what is better depends on one's side, and a file of nothing."""
        from engine.language.method.reward.settings import RewardTextConfig
        from engine.language.method.reward.trainer import comparisons_of_file

        super().fits(config, task)
        assert isinstance(config, RewardTextConfig)
        if task.num_players == 2:
            raise UserError(f"task '{task.name}' is a game of two, whose positions are valued by prm or orm")
        if config.reward.path:
            comparisons_of_file(config, task)


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
