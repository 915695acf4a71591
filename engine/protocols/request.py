"""Requests in JSON lines: an object a line, read strictly, with positions in a game's own notation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from engine._core import Game, State
from engine.errors import UserError
from engine.game.notation import BLANK, read_position
from engine.json_object import parse_object
from engine.protocols.line_reader import MAX_LINE

MAX_SHOWN = 12
"""Moves that an error names, the last of them."""

Request = dict[str, Any]


def parse_request(line: str | bytes) -> Request:
    """The object of a line; raise UserError that shows how the line begins."""
    if len(line) > MAX_LINE:
        raise UserError(f"line is longer than {MAX_LINE} bytes")
    try:
        request = parse_object(line)
    except ValueError as error:
        shown = line[:60] if isinstance(line, str) else line[:60].decode(errors="replace")
        raise UserError(f"line {shown!a}: {error}") from error
    try:
        json.dumps(request.get("id"), allow_nan=False)
    except ValueError as error:
        raise UserError(f"id {json.dumps(request['id'])[:60]} is not finite") from error
    return request


def check_fields(request: Request, known: Sequence[str]) -> None:
    """Raise UserError for a field outside `known`."""
    from engine.plugin import suggest

    for name in request:
        if name not in known:
            raise UserError(f"unknown field '{name[:60]}'; {suggest(name, known, 'fields')}")


def read_count(request: Request, name: str, low: int, high: int, default: int | None = None) -> int | None:
    """A whole number of a request; raise UserError outside `low` to `high`."""
    value = request.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        shown = json.dumps(value)[:60]
        raise UserError(f"{name} {shown} is not a whole number from {low} to {high}")
    return value


def read_seconds(request: Request, name: str, low: float, high: float) -> float | None:
    """A number of seconds of a request; raise UserError outside `low` to `high`."""
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        shown = json.dumps(value)[:60]
        raise UserError(f"{name} {shown} is not a number of seconds from {low:g} to {high:g}")
    return float(value)


def read_flag(request: Request, name: str) -> bool:
    """True or false of a request, false where it is not given; raise UserError."""
    value = request.get(name)
    if not isinstance(value, bool | None):
        raise UserError(f"{name} {json.dumps(value)[:60]} is neither true nor false")
    return bool(value)


def read_state(game: Game, request: Request) -> State:
    """The position of a request: its `position`, then its `moves` in the game's notation."""
    given = "" if request.get("position") is None else request["position"]
    position = _ascii("position", given.strip(BLANK) if isinstance(given, str) else given)
    moves = [] if request.get("moves") is None else request["moves"]
    moves = moves.split() if isinstance(moves, str) else moves
    if not isinstance(moves, list):
        raise UserError("moves must be a list of strings in the game's notation")
    state = read_position(game, position)
    for move in moves:
        state.play(state.parse_action(_ascii("move", move)))
    return state


def place_text(request: Request) -> str:
    """Where a request's position is, in words: `after the moves 1 2 1 in position '44'`."""
    moves = request.get("moves") or []
    moves = moves.split() if isinstance(moves, str) else list(moves)
    position = request.get("position") or ""
    start = f"position '{position}'" if position else "the first position"
    if not moves:
        return f"in {start}"
    shown = " ".join(moves) if len(moves) <= MAX_SHOWN else "… " + " ".join(moves[-MAX_SHOWN:])
    told = f"the move {shown}" if len(moves) == 1 else f"the {len(moves)} moves {shown}"
    return f"after {told} from {start}" if position else f"after {told}"


def _ascii(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UserError(f"{name} {json.dumps(value)[:60]} is not a string")
    if not value.isascii() or not value.isprintable():
        raise UserError(f"{name} {value[:60]!a} has characters outside printable ASCII")
    return value
