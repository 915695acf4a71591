"""Methods that learn completions word by word: supervised, or by filtering what the model writes."""

from __future__ import annotations

from engine.language.method.method import Method

SFT = Method(
    changes={
        "sample": {"samples": 0},
        "loop": {"iterations": 1},
        "update": {"start": "last"},
        # Which is to leave the first model for them.
        "monitor": {"drift_from": "trained"},
    },
)

RFT = Method(
    papers=("2308.01825",),
    changes={
        "sample": {"samples": 16, "policies": 4},
        "filter": {"per_prompt": 16},
        "loop": {"iterations": 1},
    },
)

STAR = Method(
    papers=("2203.14465",),
    changes={
        "sample": {"samples": 1, "temperature": 0.0, "rationalize": True},
        "filter": {"per_prompt": 1},
        "update": {"growth": 1.2},
        "loop": {"iterations": 4},
    },
)

REST = Method(
    papers=("2308.08998",),
    changes={
        "filter": {"thresholds": (0.3, 0.6, 0.9), "distinct": False},
        "update": {"start": "last", "steps": 100},
    },
)

REST_EM = Method(
    papers=("2312.06585",),
    changes={
        "sample": {"samples": 14, "prompts": 3400, "distinct": True},
        "filter": {"per_prompt": 4},
    },
)
