"""What an answer may be worth: a number, a tuple or interval, a set, a union of intervals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from engine.language.problem.answer.expression import Constant, is_same_constant, read_constant
from engine.language.problem.answer.notation import SET_CLOSE, SET_OPEN
from engine.language.problem.answer.number import number_text, read_number

MAX_ITEMS = 64
MAX_DEPTH = 3

_BRACKETS = {"(": ")", "[": ")", SET_OPEN: SET_CLOSE}
_PERCENT = re.compile(r"\s*\\?%$")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})*,0[0-9]{2}(?:,[0-9]{3})*")
"""In brackets it is a number: no item of a tuple is written `000`."""

_INFINITY = re.compile(r"([+-]?) ?\u221e")


@dataclass(frozen=True)
class Quantity:
    """A number, or numbers in brackets."""

    text: str
    """Canonical: equal for what is written in other ways, and read again as the same."""
    number: Fraction | Constant | None = None
    is_percent: bool = False
    items: tuple[Quantity, ...] = ()
    brackets: str = ""
    """`()` a tuple or an open interval, `[)` and the like intervals, `{}` a set, `|` a union of intervals."""

    def is_same(self, expected: Quantity, tolerance: float) -> bool:
        """Whether it is an expected one: whole numbers exactly, others within a relative tolerance.

        A percent sign is a unit that may be left out, or the hundredth that it means: 5 % is 5 and is 0.05.
        """
        if expected.number is None or self.number is None:
            return self._is_same_group(expected, tolerance)
        found, wanted = (
            {number, number / 100 if is_percent and isinstance(number, Fraction) else number}
            for number, is_percent in ((self.number, self.is_percent), (expected.number, expected.is_percent))
        )
        if self.is_percent and expected.is_percent:
            found, wanted = {self.number}, {expected.number}
        return any(_is_same_number(left, right, tolerance) for left in found for right in wanted)

    def _is_same_group(self, expected: Quantity, tolerance: float) -> bool:
        if (self.brackets, len(self.items)) != (expected.brackets, len(expected.items)) or not self.items:
            return self.text == expected.text
        if self.brackets not in ("{}", "|"):
            pairs = zip(self.items, expected.items, strict=True)
            return all(found.is_same(wanted, tolerance) for found, wanted in pairs)
        left = list(expected.items)
        for found in self.items:
            match = next((wanted for wanted in left if found.is_same(wanted, tolerance)), None)
            if match is None:
                return False
            left.remove(match)
        return True


def read_quantity(text: str, depth: int = 0) -> Quantity | None:
    """What a whole text in plain marks is worth, None where it is not one value; see `read_constant`."""
    text = text.strip()
    parts = list(_split(text, "\u222a"))
    if len(parts) > 1:
        return _union(parts, depth)
    if text[:1] in _BRACKETS and _closes_at_end(text):
        return _group(text, depth)
    infinity = _INFINITY.fullmatch(text)
    if infinity and depth:
        sign = "-" if infinity[1] == "-" else ""
        return Quantity(f"{sign}\\infty")
    percent = _PERCENT.search(text)
    number = _number(text[: percent.start()] if percent else text)
    if number is None:
        return None
    written = number.text if isinstance(number, Constant) else number_text(number)
    return Quantity(written + ("%" if percent else ""), number, percent is not None)


def _number(text: str) -> Fraction | Constant | None:
    plain = read_number(text)
    return read_constant(text) if plain is None else plain


def _is_same_number(found: Fraction | Constant, expected: Fraction | Constant, tolerance: float) -> bool:
    if isinstance(found, Constant) or isinstance(expected, Constant):
        is_whole = isinstance(expected, Fraction) and expected.denominator == 1
        return is_same_constant(found, expected, 0.0 if is_whole else tolerance)
    if expected.denominator == 1:
        return found == expected
    return abs(found - expected) <= Fraction(tolerance) * abs(expected)


def _union(parts: list[str], depth: int) -> Quantity | None:
    found = [read_quantity(part, depth + 1) for part in parts] if depth == 0 else []
    items = [each for each in found if each is not None and each.items]
    if not items or len(items) < len(parts):
        return None
    texts = sorted(item.text for item in items)
    return Quantity(r" \cup ".join(texts), items=tuple(items), brackets="|")


def _group(text: str, depth: int) -> Quantity | None:
    if text[0] == "(" and _THOUSANDS.fullmatch(text[1:-1]):
        return read_quantity(text[1:-1], depth)
    inner = list(_split(text[1:-1], ",;"))
    if depth >= MAX_DEPTH or len(inner) > MAX_ITEMS:
        return None
    if len(inner) == 1 and text[0] in "([":
        return read_quantity(inner[0], depth) if text[-1] == {"(": ")", "[": "]"}[text[0]] else None
    found = [read_quantity(item, depth + 1) for item in inner]
    items = [each for each in found if each is not None]
    if len(items) < len(inner):
        return None
    if text[0] == SET_OPEN:
        unique = {item.text: item for item in items}
        items = [unique[name] for name in sorted(unique)]
        body = ", ".join(item.text for item in items)
        return Quantity(rf"\{{{body}\}}", items=tuple(items), brackets="{}")
    if text[0] + text[-1] != "()" and len(items) != 2 and text[0] + text[-1] != "[]":
        return None
    body = ", ".join(item.text for item in items)
    return Quantity(f"{text[0]}{body}{text[-1]}", items=tuple(items), brackets=text[0] + text[-1])


def _split(text: str, separators: str) -> Iterator[str]:
    """The parts between separators that stand outside of all brackets."""
    depth, start = 0, 0
    for place, letter in enumerate(text):
        depth += (letter in f"([{{{SET_OPEN}") - (letter in f")]}}{SET_CLOSE}")
        if letter in separators and depth == 0:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _closes_at_end(text: str) -> bool:
    """Whether the bracket at the start is closed by the last letter."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in f"([{{{SET_OPEN}") - (letter in f")]}}{SET_CLOSE}")
        if depth == 0:
            return place == len(text) - 1 and text[-1] in f")]{SET_CLOSE}"
    return False
