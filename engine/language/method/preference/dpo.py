"""DPO: of a problem's completions the better ones are preferred, or those that a file says are better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.language.method.method import Method
from engine.language.method.preference.config import PreferenceSettings

if TYPE_CHECKING:
    from engine.language.method.preference.trainer import PairTrainer
    from engine.language.method.sampler import Sampler
    from engine.language.settings import TextConfig
    from engine.language.task import Task


@dataclass(frozen=True)
class PreferenceMethod(Method):
    """A method that learns from pairs; UserError for games of two, whose score is one player's."""

    def settings(self) -> type[TextConfig]:
        """With those of preferences."""
        return PreferenceSettings

    def fits(self, config: TextConfig, task: Task) -> None:
        """Refuse games of two."""
        super().fits(config, task)
        if task.num_players > 1:
            raise UserError(
                f"task '{task.name}' is a game of two, of whose texts no one writer has both sides to prefer "
                "one to another; take alphazero or rest-em"
            )


@dataclass(frozen=True)
class Dpo(PreferenceMethod):
    """Pairs by the verdicts on its own completions, or from a file."""

    def sampler(self, config: TextConfig) -> Sampler:
        """None where a file has the pairs."""
        from engine.language.method.preference.sampler import Candidates, Nothing

        assert isinstance(config, PreferenceSettings)
        preference = config.preference
        return Nothing(config) if preference.path and not preference.join else Candidates(config)

    def trainer(self, config: TextConfig) -> PairTrainer:
        """By scores."""
        from engine.language.method.preference.scored import ScoredPairs

        return ScoredPairs(config)

    def fits(self, config: TextConfig, task: Task) -> None:
        """Read the file, so that what is wrong with it shows at once."""
        from engine.language.method.preference.scored import read_file

        super().fits(config, task)
        assert isinstance(config, PreferenceSettings)
        if config.preference.path:
            read_file(config, task)


DPO = Dpo(
    papers=("2305.18290", "2310.12036", "2402.01306"),
    changes={
        "sample": {"samples": 8, "prompts": 2000},
        "filter": {"thresholds": (0.0,)},
        "mix": {"real": False},
        "update": {"start": "last", "steps": 80},
        # Without the likelihood of chosen responses small models lose it (Pang et al. 2024, 2404.19733).
        "preference": {"sft": 1.0, "learning_rate": 1e-4},
    },
)
