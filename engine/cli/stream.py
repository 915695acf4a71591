"""JSON lines: one request object a line on stdin, one answer a line on stdout, errors included."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from engine.errors import InputError, UserError, describe_error
from engine.protocols.line_reader import MAX_LINE
from engine.protocols.request import Request, parse_request

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


def _parse(line: bytes) -> Request | UserError:
    try:
        return parse_request(line)
    except UserError as error:
        return error
