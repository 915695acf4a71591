"""Self-rewarding: the model judges what it writes, and learns from the best and the worst of each problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.method.judged.config import JudgeConfig, SelfRewardingSettings
from engine.language.method.method import code_of
from engine.language.method.preference.dpo import PreferenceMethod

if TYPE_CHECKING:
    from engine.language.episode import Episode
    from engine.language.method.judged.rewarded import RewardedPairs
    from engine.language.method.sampler import Sampler
    from engine.language.method.turn import Turn
    from engine.language.method.verdict import Judge
    from engine.language.settings import TextConfig
    from engine.language.task import Task


@dataclass(frozen=True)
class SelfRewarding(PreferenceMethod):
    """Iterative DPO on pairs of a judge's making (Yuan et al. 2024)."""

    def settings(self) -> type[TextConfig]:
        """With those of pairs, of the judge and of new problems."""
        return SelfRewardingSettings

    def judge(self, config: TextConfig) -> Judge | None:
        """Whoever `judge.by` names; nobody in the verifier's place where that judges as it is."""
        from engine.language.method.judged.judge import chosen_judge

        return chosen_judge(judge_settings(config))

    def sampler(self, config: TextConfig) -> Sampler:
        """Several completions of each problem, of new ones too."""
        from engine.language.method.judged.rewarded import Instructing

        return Instructing(config)

    def trainer(self, config: TextConfig) -> RewardedPairs:
        """Best against worst, by the judge's scores."""
        from engine.language.method.judged.rewarded import RewardedPairs

        return RewardedPairs(config)

    def check(self, config: TextConfig) -> None:
        """Refuse a judge that is not named, and settings that would have no effect."""
        from engine.language.method.judged.judge import check_judge

        assert isinstance(config, SelfRewardingSettings)
        check_judge(config.judge)
        if config.teach.path and config.judge.by != "self":
            raise UserError(
                f"teach.path: judge.by = {config.judge.by!r} does not learn to judge; leave it out"
            )
        if config.preference.path:
            raise UserError("preference.path: pairs are made by a judge here; take dpo for those of a file")
        super().check(config)

    def fits(self, config: TextConfig, task: Task) -> None:
        """Refuse tasks that read no problem, where new ones are wanted, and a file of no judgements."""
        from engine.language.method.judged.instruction import check_instruction
        from engine.language.method.judged.rewarded import judgements_of_file

        super().fits(config, task)
        assert isinstance(config, SelfRewardingSettings)
        check_instruction(task, config.instruction)
        if config.teach.path:
            judgements_of_file(config, task)

    def sources(self, config: TextConfig, task: Task) -> dict[str, Path]:
        """Also the file of a function that judges."""
        return super().sources(config, task) | code_of("judge.program", judge_settings(config).program)

    def figures(self, turn: Turn, episodes: Sequence[Episode]) -> Mapping[str, float]:
        """What became of the problems that the model made."""
        found = dict(super().figures(turn, episodes))
        if turn.iteration and turn.memory.get("instruction", {}).get("iteration") == turn.iteration:
            found |= turn.memory["instruction"]["figures"]
        return found


def judge_settings(config: TextConfig) -> JudgeConfig:
    """Of a run by this method."""
    assert isinstance(config, SelfRewardingSettings)
    return config.judge


SELF_REWARDING = SelfRewarding(
    papers=("2401.10020",),
    changes={
        "sample": {"samples": 4, "prompts": 2000},
        "filter": {"thresholds": (0.0,), "distinct": False, "per_prompt": 1},
        "mix": {"real_fraction": 0.5},
        # Small models forget to write where much is pushed down: chosen ones are learnt first of all.
        "preference": {"beta": 0.02, "sft": 5.0},
        "update": {"start": "last", "steps": 150},
        "learner": {"learning_rate": 1e-3},
    },
)
