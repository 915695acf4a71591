"""Layers of settings: files, assignments of the command line, and how they are joined."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import UserError

MAX_TOML_BYTES = 1 << 20
MAX_TOML_DEPTH = 32
"""No settings file is as long, or as deep."""


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Join nested settings, later layers over earlier ones.

    A value in the place of a section stays, to be refused.
    """
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if isinstance(value, Mapping) and key in result:
                value = merge(old, value) if isinstance(old, dict) else old
            result[key] = value
    return result


def read_toml(path: Path) -> dict[str, Any]:
    """Read a settings file; raise UserError naming the file and line."""
    try:
        with path.open("rb") as file:  # may be a pipe
            data = file.read(MAX_TOML_BYTES + 1)
    except OSError as error:
        raise UserError(f"settings file '{path}': {error.strerror}; give an existing TOML file") from error
    return parse_toml(data, path)


def parse_toml(data: bytes, path: Path) -> dict[str, Any]:
    """What a settings file says that holds `data`; raise UserError naming the file and line."""
    if len(data) > MAX_TOML_BYTES:
        raise UserError(f"settings file '{path}' has more than {MAX_TOML_BYTES:,} bytes; give a shorter one")
    try:
        return _parse_toml(data.decode())
    except ValueError as error:
        raise UserError(f"settings file '{path}' is not valid TOML: {error}") from error


def _parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; raise ValueError, whatever is wrong with it."""
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if _depth(content) > MAX_TOML_DEPTH:
        raise ValueError("nested too deep")
    return content


def _depth(content: Any) -> int:
    """How deep tables and lists are nested, as far as it matters."""
    depth, level = 0, [content]
    while level and depth <= MAX_TOML_DEPTH:
        depth += 1
        values = [each.values() if isinstance(each, dict) else each for each in level]
        level = [inner for each in values for inner in each if isinstance(inner, dict | list)]
    return depth


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Turn `section.key=value` texts into nested settings; values are TOML, bare words are strings."""
    result: dict[str, Any] = {}
    for text in assignments:
        key, separator, value = text.partition("=")
        if not separator or not key.strip() or key.count(".") > MAX_TOML_DEPTH:
            raise UserError(f"setting '{text[:80]}' is not of the form section.key=value")
        try:
            parsed = _parse_toml(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            parsed = value
        except ValueError as error:
            raise UserError(f"setting '{key}' = {value[:80]}: {error}") from error
        nested: Any = parsed
        for part in reversed(key.strip().split(".")):
            nested = {part: nested}
        result = merge(result, nested)
    return result
