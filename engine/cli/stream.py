"""JSON lines: one request object a line on stdin, one answer a line on stdout, errors included."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from engine._core import Game, InputError, State
from engine.errors import UserError, describe_error
from engine.json_object import parse_object

MAX_LINE = 1 << 20
"""Bytes of the longest line that is read."""

MAX_SHOWN = 12
"""Moves that an error names, the last of them."""

Request = dict[str, Any]
Answer = dict[str, Any] | Exception
"""What a handler makes of a request: fields beside the id, or the error to report."""


def print_json(document: Any) -> None:
    """Write one JSON document as one line on stdout."""
    sys.stdout.write(json.dumps(document, allow_nan=False) + "\n")
    sys.stdout.flush()


def serve(handle: Callable[[Sequence[Request]], Sequence[Answer]], batch: int = 1) -> None:
    """Answer every line of stdin in order, up to `batch` lines that have arrived at a time."""
    if sys.stdin is None:  # closed by who started this
        raise UserError("stdin is closed; give JSON lines on it")
    for lines in read_batches(sys.stdin.fileno(), batch):
        parsed = [_parse(line) for line in lines]
        requests = [request for request in parsed if isinstance(request, dict)]
        answers = iter(handle(requests) if requests else ())
        for request in parsed:
            identity = request.get("id") if isinstance(request, dict) else None
            answer = next(answers) if isinstance(request, dict) else request
            fields = {"error": str(answer)} if isinstance(answer, Exception) else answer
            print_json({"id": identity, **fields})


def each(handle: Callable[[Request], dict[str, Any]]) -> Callable[[Sequence[Request]], list[Answer]]:
    """A batch handler that answers requests one by one and turns bad input into errors.

    So it does with whatever the rules of a user's game raise: the next request may fare better.
    """

    def answer(request: Request) -> Answer:
        try:
            answered = handle(request)
            json.dumps(answered, allow_nan=False)
            return answered
        except (UserError, InputError) as error:
            return error
        except Exception as error:
            return UserError(describe_error(error))

    return lambda requests: [answer(request) for request in requests]


def read_batches(descriptor: int, limit: int) -> Iterator[list[bytes]]:
    """Lines of a file descriptor as they arrive, at most `limit` at once; an overlong one is cut."""
    rest = b""
    while chunk := os.read(descriptor, MAX_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        rest = rest[: MAX_LINE + 1]
        full = [line for line in lines if line.strip()]
        yield from (full[i : i + limit] for i in range(0, len(full), limit))
    if rest.strip():
        yield [rest]


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


def read_state(game: Game, request: Request) -> State:
    """The position of a request: its `position`, then its `moves` in the game's notation."""
    position = _ascii("position", "" if request.get("position") is None else request["position"])
    moves = [] if request.get("moves") is None else request["moves"]
    moves = moves.split() if isinstance(moves, str) else moves
    if not isinstance(moves, list):
        raise UserError("moves must be a list of strings in the game's notation")
    state = game.parse(position)
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


def _parse(line: bytes) -> Request | UserError:
    if len(line) > MAX_LINE:
        return UserError(f"line is longer than {MAX_LINE} bytes")
    try:
        request = parse_object(line)
    except ValueError as error:
        return UserError(f"line {line[:60].decode(errors='replace')!a}: {error}")
    try:
        json.dumps(request.get("id"), allow_nan=False)
    except ValueError:
        return UserError(f"id {json.dumps(request['id'])[:60]} is not finite")
    return request
