"""Settings: one model per stage, unknown keys and values out of range refused, saved with every run."""

from engine.config.config import Config, build_config

__all__ = ["Config", "build_config"]
