"""How much a player may think about a move."""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.errors import UserError
from engine.player.clock import TimeControl
from engine.plugin import suggest

MAX_SIMULATIONS = 10_000_000


@dataclass(frozen=True)
class Limit:
    """What ends a search; None does not, and of several the first does.

    simulations: of ours, nodes of an outside engine. evaluations: of positions, by ours alone; what is found
    in the cache or by the rules costs none. depth: plies, of outside engines alone. time: the control of the
    player's clock.
    """

    simulations: int | None = None
    evaluations: int | None = None
    depth: int | None = None
    time: TimeControl | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read `simulations=100`, `time=1+0.01` or several with a blank or a semicolon between them."""
        limit = cls()
        for part in text.replace(";", " ").split():
            key, _, value = part.partition("=")
            limit = limit.with_part(key, value, f"limit '{text}'")
        if limit == cls():
            raise UserError(f"limit '{text}' is empty; give one such as time=1+0.01")
        return limit

    def with_part(self, key: str, value: str, where: str) -> Limit:
        """The limit and one more in it; raise UserError."""
        name = ALIASES.get(key, key)
        if name not in KEYS:
            raise UserError(f"{where}: unknown '{key}'; {suggest(key, KEYS, 'limits')}")
        if getattr(self, name) is not None:
            raise UserError(f"{where}: {name} is given twice")
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return Limit(**{**given, name: _read(name, value, where)})

    def over(self, other: Limit) -> Limit:
        """This one where it limits anything, else the other."""
        return other if self == Limit() else self

    def __str__(self) -> str:
        """As `parse` reads it."""
        parts = [(each.name, getattr(self, each.name)) for each in fields(self)]
        return " ".join(f"{name}={value}" for name, value in parts if value is not None)


KEYS = tuple(each.name for each in fields(Limit))
"""What a limit may name."""

ALIASES = {"nodes": "simulations"}


def _read(name: str, value: str, where: str) -> int | TimeControl:
    if name == "time":
        return TimeControl.parse(value)
    most = 1000 if name == "depth" else MAX_SIMULATIONS
    if not (value.isascii() and value.isdigit() and len(value) < 12 and 1 <= int(value) <= most):
        raise UserError(f"{where}: {name} '{value}' is not a whole number from 1 to {most}")
    return int(value)
