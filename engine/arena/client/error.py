"""How an outside engine fails."""

from __future__ import annotations


class EngineError(Exception):
    """An engine that cannot go on.

    kind: a word of engine.arena.game.FORFEITS. reason: in one line.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason


def shown(text: str, most: int = 80) -> str:
    """What an engine wrote, as a message may hold it."""
    clean = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[: most + 1]
    )
    return f"'{clean}'" if len(clean) <= most else f"'{clean[:most]}…'"
