"""Methods that train a critic, which values what the first model writes."""

from __future__ import annotations

from engine.language.method.method import Method

PRM = Method(
    papers=("2305.20050", "2312.08935"),
    changes={
        "sample": {"prompts": 4000, "samples": 16},
        "filter": {"thresholds": (0.0,), "distinct": False, "per_prompt": 16},
        "update": {"loss": "value", "steps": 1000},
        "value": {"labels": "rollouts", "completions": 4, "anchor": 0.0, "likelihood": 0.8},
        "measure": {"samples": 16, "control": False},
        "loop": {"iterations": 1},
    },
)

ORM = Method(
    papers=("2110.14168",),
    changes={
        "sample": {"prompts": 4000, "samples": 32},
        "filter": {"thresholds": (0.0,), "distinct": False, "per_prompt": 32},
        "update": {"loss": "value", "steps": 1000},
        "value": {"anchor": 0.0, "likelihood": 0.8},
        "measure": {"samples": 16, "control": False},
        "loop": {"iterations": 1},
    },
)
