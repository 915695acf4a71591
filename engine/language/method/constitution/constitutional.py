"""Constitutional AI (Bai et al. 2022, 2212.08073) as one method of several phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.method.method import Method

if TYPE_CHECKING:
    from engine.language.episode import Episode
    from engine.language.method.sampler import Sampler
    from engine.language.method.trainer import Stage, Trainer
    from engine.language.method.turn import Library, Turn
    from engine.language.model.model import LanguageModel
    from engine.language.settings import TextConfig
    from engine.language.task import Kind, Task


class Constitutional(Method):
    """Each iteration is a phase: revise, prefer, reinforce."""

    def settings(self) -> type[TextConfig]:
        """With sections of its own."""
        from engine.language.method.constitution.config import ConstitutionalSettings

        return ConstitutionalSettings

    def practice(self, turn: Turn) -> tuple[Sampler, Trainer]:
        """Those of the iteration's phase."""
        from engine.language.method.constitution.phase import phase_of
        from engine.language.method.constitution.phases import parts_of

        return parts_of(turn.config, phase_of(turn.config, turn.iteration))

    def sampler(self, config: TextConfig) -> Sampler:
        """Of the first phase."""
        from engine.language.method.constitution.phase import phase_of
        from engine.language.method.constitution.phases import parts_of

        return parts_of(config, phase_of(config, 1))[0]

    def trainer(self, config: TextConfig) -> Trainer:
        """Of all phases."""
        from engine.language.method.constitution.phases import Phases

        return Phases(config)

    def idle(self, config: TextConfig, task: Task) -> dict[str, str]:
        """Of what is written, too, that which has an effect in no phase."""
        found = super().idle(config, task)
        for name, reason in self.sampler(config).idle().items():
            if found.get(name) == reason:
                del found[name]
        return found | self.trainer(config).idle()

    def verdicts(self, task: Task) -> Kind:
        """A model's opinion, that of a preference model at last."""
        del task
        return "learned"

    def stages(self, config: TextConfig, length: float, problems: int) -> Sequence[Stage]:
        """What each phase writes and learns."""
        from engine.language.method.constitution.phases import stages

        return stages(config, length, problems)

    def fits(self, config: TextConfig, task: Task) -> None:
        """Refuse games of two."""
        super().fits(config, task)
        if task.num_players > 1:
            raise UserError(
                f"task '{task.name}' is a game of two, whose texts nobody revises; take alphazero or grpo"
            )

    def ready(self, config: TextConfig, task: Task, model: LanguageModel, library: Library) -> None:
        """Also refuse principles that the models which are asked by them cannot read."""
        from engine.language.method.constitution.phases import check_readable

        super().ready(config, task, model, library)
        check_readable(config, task, model, library)

    def sources(self, config: TextConfig, task: Task) -> dict[str, Path]:
        """Also the constitution that the task brings."""
        from engine.language.method.constitution.phase import settings_of

        found = super().sources(config, task)
        if task.constitution and not settings_of(config).path:
            found["constitution"] = Path(task.constitution)
        return found

    def figures(self, turn: Turn, episodes: Sequence[Episode]) -> Mapping[str, float]:
        """The share of replies that break a rule which a program can check, nothing without such rules."""
        from engine.language.method.constitution.phase import share_broken

        return share_broken(turn, episodes, "broken")


CONSTITUTIONAL = Constitutional(
    papers=("2212.08073",),
    changes={
        "sample": {"prompts": 1000, "samples": 4},
        "update": {"start": "last"},
        "mix": {"real_fraction": 0.2},
        "measure": {"control": False},
        "policy": {
            "updates": 4,
            "minibatches": 2,
            "baseline": "critic",
            "scale": "batch",
            "divergence": "reward",
            "reference": "accepted",
            "clip_high": 0.2,
            "beta": 0.1,
        },
        "ppo": {"score": "odds", "reward_clip": 5.0},
        "loop": {"iterations": 3},
    },
)
