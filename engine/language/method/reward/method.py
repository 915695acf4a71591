"""The method that trains a reward model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.method.method import Method, code_of

if TYPE_CHECKING:
    from engine.language.method.reward.settings import RewardTextConfig
    from engine.language.method.sampler import Sampler
    from engine.language.method.trainer import Trainer
    from engine.language.method.verdict import Judge
    from engine.language.settings import TextConfig
    from engine.language.task import Task


class RewardMethod(Method):
    """A reward model of the first model's samples, by verdicts or by a judge, or of a file of comparisons."""

    def settings(self) -> type[TextConfig]:
        """With a section of its own."""
        from engine.language.method.reward.settings import RewardTextConfig

        return RewardTextConfig

    def sampler(self, config: TextConfig) -> Sampler:
        """Samples, or none where a file has the comparisons."""
        from engine.language.method.sampler import Samples

        if own(config).reward.path:
            return Samples(config.changed({"sample": {"samples": 0, "simulations": 0}}))
        return super().sampler(config)

    def judge(self, config: TextConfig) -> Judge | None:
        """Whoever `judge.by` names; nobody in the verifier's place where that judges as it is."""
        from engine.language.method.judged.judge import chosen_judge

        return chosen_judge(own(config).judge)

    def trainer(self, config: TextConfig) -> Trainer:
        """Comparisons, whatever `update.loss` says of others."""
        from engine.language.method.reward.trainer import Comparisons

        return Comparisons(config)

    def check(self, config: TextConfig) -> None:
        """Refuse a judge that is not named, or beside a file."""
        from engine.language.method.judged.judge import check_judge

        settings = own(config)
        if settings.reward.path and self.judge(config) is not None:
            is_biased = settings.judge.by == "verifier"
            said = (
                f"judge.bias = {settings.judge.bias:g}" if is_biased else f"judge.by = {settings.judge.by!r}"
            )
            raise UserError(
                f"{said} beside reward.path: comparisons are a judge's or a file's; leave one of them out"
            )
        check_judge(settings.judge)
        super().check(config)

    def sources(self, config: TextConfig, task: Task) -> dict[str, Path]:
        """Also the file of a function that judges."""
        return super().sources(config, task) | code_of("judge.program", own(config).judge.program)

    def fits(self, config: TextConfig, task: Task) -> None:
        """Refuse games of two, where what is better depends on one's side, and a file of nothing."""
        from engine.language.method.reward.trainer import comparisons_of_file

        super().fits(config, task)
        if task.num_players == 2:
            raise UserError(f"task '{task.name}' is a game of two, whose positions are valued by prm or orm")
        if own(config).reward.path:
            comparisons_of_file(config, task)


def own(config: TextConfig) -> RewardTextConfig:
    """The settings of a run by this method."""
    from engine.language.method.reward.settings import RewardTextConfig

    assert isinstance(config, RewardTextConfig)
    return config


REWARD = RewardMethod(
    papers=("2204.05862", "2310.02743", "2309.00267"),
    changes={
        "sample": {"prompts": 4000, "samples": 8},
        "filter": {"thresholds": (0.0,), "distinct": False, "per_prompt": 100},
        "update": {"steps": 600},
        "learner": {"learning_rate": 1e-3},
        "measure": {"samples": 16, "control": False},
        "loop": {"iterations": 1},
    },
)
