"""Fields of a query in KataGo's protocol, read one by one; what is wrong is said in KataGo's words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

PLAYERS = "BW"
"""As answers name them."""

_PLAYERS = {"b": 0, "black": 0, "w": 1, "white": 1}
_ABSENT = object()


class FieldError(Exception):
    """A field of a query that is refused."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


Fields = Mapping[str, Any]


def read_whole(query: Fields, name: str, low: int, high: int, text: str, default: int | None = None) -> int:
    """A whole number from `low` to `high`; else FieldError with `text`."""
    value = query.get(name, _ABSENT)
    if value is _ABSENT and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FieldError(name, text)
    return value


def read_number(query: Fields, name: str, low: float, high: float, text: str) -> float | None:
    """A number from `low` to `high`, None where it is not given; else FieldError with `text`."""
    value = query.get(name, _ABSENT)
    if value is _ABSENT:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise FieldError(name, text)
    return float(value)


def read_truth(query: Fields, name: str) -> bool:
    """True or false, false where it is not given."""
    value = query.get(name, False)
    if not isinstance(value, bool):
        raise FieldError(name, "Must be a boolean")
    return value


def read_player(query: Fields, name: str) -> int:
    """0 for black, 1 for white."""
    value = query.get(name)
    player = _PLAYERS.get(value.lower()) if isinstance(value, str) else None
    if player is None:
        raise FieldError(name, 'Must be "b" or "w"')
    return player


def read_wholes(query: Fields, name: str, text: str) -> list[int] | None:
    """A list of whole numbers, None where it is not given."""
    value = query.get(name, _ABSENT)
    if value is _ABSENT:
        return None
    if not isinstance(value, list) or any(isinstance(n, bool) or not isinstance(n, int) for n in value):
        raise FieldError(name, text)
    return value


def read_pairs(query: Fields, name: str) -> list[tuple[int, str]]:
    """Pairs of a player and a place, such as ["B", "Q4"]."""
    text = 'Must be an array of pairs of the form: ["b" or "w", GTP board vertex]'
    value = query[name]
    if not isinstance(value, list):
        raise FieldError(name, text)
    pairs = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise FieldError(name, text)
        player = _PLAYERS.get(pair[0].lower())
        if player is None:
            raise FieldError(name, f"Could not parse player: {pair[0][:60]}")
        pairs.append((player, pair[1]))
    return pairs


def setting_number(name: str, value: Any, low: float, high: float) -> float:
    """A number among `overrideSettings`, as a number or in a text."""
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= high:
        text = f"Could not set settings: {name} {str(value)[:60]} is not a number from {low:g} to {high:g}"
        raise FieldError("overrideSettings", text)
    return number
