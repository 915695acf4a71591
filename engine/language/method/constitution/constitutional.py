"""Constitutional AI (Bai et al. 2022, 2212.08073) as one method of several phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.language.method.method import Method

if TYPE_CHECKING:
    from engine.language.episode import Episode
    from engine.language.method.sampler import Sampler
    from engine.language.method.trainer import Trainer
    from engine.language.method.turn import Turn
    from engine.language.settings import TextConfig


class Constitutional(Method):
    """Each iteration is a phase: revise, prefer, reinforce."""

    def settings(self) -> type[TextConfig]:
        """With a section of its own."""
        from engine.language.method.constitution.config import ConstitutionalSettings

        return ConstitutionalSettings

    def sampler(self, config: TextConfig) -> Sampler:
        """Of the first phase."""
        from engine.language.method.constitution.phase import Revisions

        return Revisions(config)

    def trainer(self, config: TextConfig) -> Trainer:
        """Of the first phase."""
        from engine.language.method.constitution.phase import RevisionTrainer

        return RevisionTrainer(config)

    def figures(self, turn: Turn, episodes: Sequence[Episode]) -> Mapping[str, float]:
        """The share of replies that break a rule which a program can check, nothing without such rules."""
        from engine.language.method.constitution.constitution import shares_broken
        from engine.language.method.constitution.phase import constitution_for, settings_of

        constitution = constitution_for(turn.config, turn.task)
        if not constitution.checkable(1):
            return {}
        pairs = [(each.prompt.text, each.completion) for each in episodes]
        return {"constitution/broken": shares_broken(constitution, pairs, settings_of(turn.config).checked)}


CONSTITUTIONAL = Constitutional(
    papers=("2212.08073",),
    changes={
        "sample": {"prompts": 1000, "samples": 2},
        "update": {"start": "last"},
        "mix": {"real_fraction": 0.2},
        "measure": {"control": False},
        "loop": {"iterations": 1},
    },
)
