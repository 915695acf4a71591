"""An ended game as an event keeps it: a line of its log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from engine.arena.game import FORFEITS, ArenaGame, Forfeit, GameOrder
from engine.errors import UserError

Value = TypeVar("Value")

TERMINATIONS = ("rules", "resignation", "forfeit", "adjudication")


@dataclass(frozen=True)
class GameResult:
    """What was played and how it ended; see ArenaGame.

    position: that it began from, in the game's notation. outcome: of colour 0, in [-1, 1].
    """

    order: GameOrder
    position: str
    actions: tuple[int, ...]
    outcome: float
    termination: str
    forfeit: Forfeit | None
    claims: tuple[str, ...]
    seconds: tuple[float, float]
    nodes: tuple[int, int]

    @classmethod
    def of(cls, game: ArenaGame) -> GameResult:
        """The result of a game that has ended."""
        assert game.outcome is not None
        return cls(
            game.order,
            game.opening,
            tuple(game.actions),
            game.outcome,
            game.termination,
            game.forfeit,
            tuple(game.claims),
            (round(game.seconds[0], 3), round(game.seconds[1], 3)),
            (game.nodes[0], game.nodes[1]),
        )

    @property
    def number(self) -> int:
        """Of the game in its event; those of a pair are 2 k and 2 k + 1."""
        return self.order.number

    @property
    def seats(self) -> tuple[int, int]:
        """The players of colour 0 and 1."""
        return self.order.seats

    @property
    def loser(self) -> int | None:
        """The player who forfeited."""
        return None if self.forfeit is None else self.seats[self.forfeit.colour]

    def points(self, player: int) -> float:
        """Of one of the two players, in [0, 1]."""
        return self.order.points(player, self.outcome)

    def to_json(self) -> dict[str, Any]:
        """Fields of a line of the log."""
        forfeit = self.forfeit
        return {
            "number": self.number,
            "opening": self.order.opening,
            "seats": list(self.seats),
            "position": self.position,
            "actions": list(self.actions),
            "outcome": self.outcome,
            "termination": self.termination,
            "forfeit": forfeit and {"colour": forfeit.colour, "kind": forfeit.kind, "reason": forfeit.reason},
            "claims": list(self.claims),
            "seconds": list(self.seconds),
            "nodes": list(self.nodes),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> GameResult:
        """Read a line of the log; raise UserError where it is none."""
        try:
            forfeit = fields["forfeit"]
            result = cls(
                GameOrder(
                    _whole(fields["number"]),
                    _whole(fields["opening"]),
                    _two(tuple(_whole(seat) for seat in fields["seats"])),
                ),
                _text(fields["position"]),
                tuple(_whole(action) for action in fields["actions"]),
                _number(fields["outcome"]),
                _text(fields["termination"]),
                forfeit
                and Forfeit(_whole(forfeit["colour"]), _text(forfeit["kind"]), _text(forfeit["reason"])),
                tuple(_text(claim) for claim in fields["claims"]),
                _two(tuple(_number(value) for value in fields["seconds"])),
                _two(tuple(_whole(value) for value in fields["nodes"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"not a game of an event: {type(error).__name__}: {error}") from error
        _check(result)
        return result


def _check(result: GameResult) -> None:
    forfeit = result.forfeit
    if not -1 <= result.outcome <= 1:
        raise UserError(f"outcome {result.outcome:g} is not within -1 and 1")
    if result.termination not in TERMINATIONS:
        raise UserError(f"unknown termination '{result.termination[:60]}'")
    if (forfeit is None) == (result.termination == "forfeit"):
        raise UserError(f"termination '{result.termination}' does not fit its forfeit")
    if forfeit is not None and (forfeit.colour not in (0, 1) or forfeit.kind not in FORFEITS):
        raise UserError(f"unknown forfeit '{forfeit.kind[:60]}' of colour {forfeit.colour}")
    if forfeit is not None and result.outcome != (-1.0 if forfeit.colour == 0 else 1.0):
        raise UserError(f"outcome {result.outcome:g} is not that of a forfeit of colour {forfeit.colour}")
    if not all(0 <= seconds < math.inf for seconds in result.seconds):
        raise UserError(f"seconds {result.seconds[0]:g} and {result.seconds[1]:g} are no times")


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{str(value)[:60]} is not a whole number from 0 on")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:60]} is not a number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{str(value)[:60]} is not a text")
    return value


def _two(values: tuple[Value, ...]) -> tuple[Value, Value]:
    first, second = values
    return first, second
