"""Methods that learn from a tree search."""

from __future__ import annotations

from engine.language.method.method import Method

ALPHAZERO = Method(
    papers=("1712.01815",),
    changes={
        "sample": {"simulations": 16, "samples": 1, "prompts": 2000},
        "update": {"start": "last", "loss": "visits"},
        "value": {"labels": "search"},
        "loop": {"iterations": 3},
    },
)
