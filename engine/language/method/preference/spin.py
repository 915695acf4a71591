"""SPIN: real data is told from what the model itself wrote before, until it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.method.preference.config import SpinSettings
from engine.language.method.preference.dpo import PreferenceMethod

if TYPE_CHECKING:
    from engine.language.method.preference.trainer import PairTrainer
    from engine.language.method.sampler import Sampler
    from engine.language.settings import TextConfig
    from engine.language.task import Kind, Task


@dataclass(frozen=True)
class Spin(PreferenceMethod):
    """Real data is preferred to what the accepted model writes to its prompts."""

    def settings(self) -> type[TextConfig]:
        """With its own."""
        return SpinSettings

    def sampler(self, config: TextConfig) -> Sampler:
        """The opponent."""
        from engine.language.method.preference.sampler import Opponent

        return Opponent(config)

    def trainer(self, config: TextConfig) -> PairTrainer:
        """Duels."""
        from engine.language.method.preference.duel import Duels

        return Duels(config)

    def verdicts(self, task: Task) -> Kind:
        """None is learnt from: real data is the better side, whatever a verifier says."""
        del task
        return "exact"

    def fits(self, config: TextConfig, task: Task) -> None:
        """Real data is what there is to learn from."""
        from engine.language.problem.problems import demonstrations

        super().fits(config, task)
        if not demonstrations(task, 1, config.seed):
            raise UserError(
                f"task '{task.name}' has no demonstrations, and real data is what spin plays its own writing "
                "against; give it some, or take dpo"
            )


SPIN = Spin(
    papers=("2401.01335",),
    changes={
        "sample": {"samples": 1, "prompts": 3500},
        "mix": {"real": False, "keep": "accumulate"},
        "update": {"start": "last", "steps": 100},
        # With 1 an iteration aims at the data, with more at a point on the way. To the noise of supervised
        # learning the gradient adds as much again: a rate of a tenth of that, or larger batches, bear it.
        "preference": {"beta": 2.0, "learning_rate": 3e-5},
        "loop": {"iterations": 4},
    },
)
