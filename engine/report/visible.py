"""Text that a model or a stranger wrote, made harmless to look at."""

from __future__ import annotations

import html
import unicodedata

_MARKS = 3
"""Combining marks in a row that are let through: more of them write over the lines around."""


def visible(text: str, limit: int | None = None) -> str:
    """The text with what is not seen, or changes how the rest is seen, written as `\\x1b` or `\\u202e`.

    Control characters (line breaks too), marks of writing direction, other format characters, odd spaces,
    surrogates and piles of accents. Longer text is cut at `limit` characters, saying how many follow.
    """
    shown = text if limit is None else text[:limit]
    parts, marks = [], 0
    for letter in shown:
        marks = marks + 1 if unicodedata.category(letter).startswith("M") else 0
        parts.append(letter if letter.isprintable() and marks <= _MARKS else ascii(letter)[1:-1])
    rest = len(text) - len(shown)
    return "".join(parts) + (f" … {rest} more" if rest else "")


def escape(text: str, limit: int | None = None) -> str:
    """`visible` text for any place in HTML, attributes in quotes included."""
    return html.escape(visible(text, limit), quote=True)


def cell(text: str, limit: int | None = None) -> str:
    """`visible` text that no spreadsheet takes for a formula."""
    shown = visible(text, limit)
    return "'" + shown if shown.lstrip().startswith(("=", "+", "-", "@")) else shown
