"""All settings of a run, and how they are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from engine.config.layer import merge
from engine.config.learning import LearnerConfig, ReplayConfig
from engine.config.loop import LoopConfig, TruthConfig
from engine.config.network import EvaluatorConfig, InitConfig, NetworkConfig
from engine.config.play import SearchConfig, SelfplayConfig
from engine.config.section import Section
from engine.errors import UserError
from engine.setting import explain


class Config(Section):
    """All settings of a run."""

    game: str = "connect4"
    """What is played; the argument GAME."""
    preset: str = "default"
    """Which of the game's presets the settings start from; the option --preset."""
    seed: int = Field(1, ge=0, lt=2**63)
    """Of all randomness: the same seed gives the same games and weights."""
    search: SearchConfig = SearchConfig()
    selfplay: SelfplayConfig = SelfplayConfig()
    network: NetworkConfig = NetworkConfig()
    init: InitConfig = InitConfig()
    evaluator: EvaluatorConfig = EvaluatorConfig()
    replay: ReplayConfig = ReplayConfig()
    learner: LearnerConfig = LearnerConfig()
    truth: TruthConfig = TruthConfig()
    loop: LoopConfig = LoopConfig()

    @model_validator(mode="after")
    def _values_are_proven_by_a_search(self) -> Self:
        if self.replay.proven_values and not self.search.proofs:
            raise ValueError(
                "replay.proven_values has no effect while search.proofs is false; set that to true"
            )
        return self


S = TypeVar("S", bound=Section)


def build_config(*layers: Mapping[str, Any]) -> Config:
    """Check merged settings; raise UserError naming the first bad key, its value and what is allowed."""
    return build_section(Config, merge(*layers))


def build_section(model: type[S], settings: Mapping[str, Any]) -> S:
    """Check the settings of `model`; raise UserError like `build_config`."""
    try:
        return model.model_validate(settings)
    except ValidationError as error:
        raise UserError(explain(model, error)) from error
