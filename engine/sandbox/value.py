"""What a program returned, read without trust, and compared."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_DEPTH = 64
TOLERANCE = 1e-9
"""Of floats, relative and, near zero, absolute."""


@dataclass(frozen=True)
class Returned:
    """The outcome of one call."""

    value: Any = None
    """Of JSON: None, bool, int, float, str, list, dict."""
    error: str = ""
    """Why there is no value; printable."""


def read_returned(data: bytes, count: int, missing: str) -> tuple[Returned, ...]:
    """One outcome a call out of the lines that a program sent; `missing` says why there may be fewer."""
    lines = data.split(b"\n", count)[:-1]  # the last is cut, or beyond what was asked
    found = [_read_line(line) for line in lines]
    return (*found, *[Returned(error=missing)] * (count - len(found)))


def same(value: Any, expected: Any) -> bool:
    """Whether two values of JSON are equal: true is not 1, 2 is 2.0, floats may differ by rounding."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, (int, float)) and isinstance(expected, (int, float)):
        return value == expected or _is_close(value, expected)
    if isinstance(expected, (list, tuple)):
        return isinstance(value, (list, tuple)) and _same_items(value, expected)
    if isinstance(expected, dict):
        return (
            isinstance(value, dict)
            and value.keys() == expected.keys()
            and all(same(value[key], item) for key, item in expected.items())
        )
    return type(value) is type(expected) and bool(value == expected)


def printable(text: str, length: int = 300) -> str:
    """The text with everything else than visible characters and spaces escaped, no longer than `length`."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:length])[:length]


def _same_items(value: Sequence[Any], expected: Sequence[Any]) -> bool:
    return len(value) == len(expected) and all(map(same, value, expected))


def _is_close(value: float, expected: float) -> bool:
    if isinstance(value, int) and isinstance(expected, int):
        return False
    try:
        return math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:
        return False


def _read_line(line: bytes) -> Returned:
    try:
        document = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        if document.keys() == {"error"}:
            return Returned(error=printable(str(document["error"])) or "error")
        value = document["value"]
    except (ValueError, RecursionError, AttributeError, KeyError):
        return Returned(error="no value of JSON was returned")
    return Returned(value) if _is_shallow(value) else Returned(error="the value is nested too deeply")


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
