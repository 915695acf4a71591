"""JSON as people and other programs hand it over, read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn


def parse_object(text: str | bytes, parse_number: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """The JSON object that a line is; like `parse_document`, and ValueError for anything but an object."""
    document = parse_document(text, parse_number)
    if not isinstance(document, dict):
        raise ValueError(f"{json.dumps(document)[:60]} is not a JSON object")
    return document


def parse_document(text: str | bytes, parse_number: Callable[[str], Any] | None = None) -> Any:
    """What a JSON text holds.

    Args:
        text: the text; bytes are UTF-8.
        parse_number: makes a value of a number as it is written, where it is given.

    Raises:
        ValueError: it is no JSON, has NaN or Infinity in it, is nested too deeply, or names a thing twice, of
            which Python's own reader would take the last.
    """
    try:
        return json.loads(
            text,
            parse_int=parse_number,
            parse_float=parse_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repetition,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"not JSON: byte {error.start} is no UTF-8") from error
    except RecursionError as error:
        raise ValueError("not JSON: nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{json.dumps(twice)[:60]} is given twice")
    return document
