"""Settings: one model per stage, unknown keys and values out of range refused, saved with every run."""

from engine.config.config import Config, build_config, build_section
from engine.config.layer import (
    MAX_TOML_BYTES,
    MAX_TOML_DEPTH,
    merge,
    parse_assignments,
    parse_toml,
    read_toml,
)
from engine.config.learning import LearnerConfig, ReplayConfig
from engine.config.loop import POSITIONS, LoopConfig, TruthConfig
from engine.config.network import EvaluatorConfig, InitConfig, NetworkConfig
from engine.config.play import ProposalConfig, ProposedSearchConfig, SearchConfig, SelfplayConfig
from engine.config.section import Section

__all__ = [
    "MAX_TOML_BYTES",
    "MAX_TOML_DEPTH",
    "POSITIONS",
    "Config",
    "EvaluatorConfig",
    "InitConfig",
    "LearnerConfig",
    "LoopConfig",
    "NetworkConfig",
    "ProposalConfig",
    "ProposedSearchConfig",
    "ReplayConfig",
    "SearchConfig",
    "Section",
    "SelfplayConfig",
    "TruthConfig",
    "build_config",
    "build_section",
    "merge",
    "parse_assignments",
    "parse_toml",
    "read_toml",
]
