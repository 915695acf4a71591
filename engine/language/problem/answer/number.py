"""Numbers as people write them, read exactly or not at all."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

MAX_EXPONENT = 999
"""Of a number with a power of ten after `e`."""

_GROUPED = (
    r"[0-9]{1,3}(?:,[0-9]{3})+",
    r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}",  # as in India
    r"[0-9]{1,3}(?: [0-9]{3})+",
    r"[0-9]{1,3}(?:'[0-9]{3})+",
    r"[0-9]{1,3}(?:_[0-9]{3})+",
)
_DECIMAL = re.compile(rf"((?:{'|'.join(_GROUPED)}|[0-9]+)?)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{{1,4}}))?")
_CONTINENTAL = re.compile(
    r"([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]+)|([0-9]{1,3}(?:\.[0-9]{3}){2,})|([0-9]{1,3}(?: [0-9]{3})+),([0-9]+)"
    r"|(0),([0-9]+)"
)
"""1.234,5 and 1.234.567 and 1 234,5 and 0,5. Neither 1,5 nor 12,34 is read: a list looks the same."""

_MIXED = re.compile(r"([0-9]+) ([0-9]+) ?/ ?([0-9]+)")


def read_number(text: str) -> Fraction | None:
    """The value of a whole text in plain marks: a signed decimal, fraction or mixed number; else None.

    Thousands may be grouped by `,`, `'`, `_`, a space, and where a decimal comma follows by a point.
    """
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    body = text[1:].lstrip(" ") if text[:1] in ("-", "+") else text
    value = _unsigned(body)
    return None if value is None else sign * value


def number_text(value: Fraction) -> str:
    """A fraction in lowest terms, of any length."""
    top = _whole_text(value.numerator)
    return top if value.denominator == 1 else f"{top}/{_whole_text(value.denominator)}"


def _unsigned(text: str) -> Fraction | None:
    mixed = _MIXED.fullmatch(text)
    if mixed:
        whole, top, bottom = mixed.groups()
        if len(top) == 3 or len(whole) > 6:  # 1 234/5 may be one number over the other
            return None
        part = _quotient(_whole(top), _whole(bottom))
        return None if part is None or part >= 1 else _whole(whole) + part
    top, slash, bottom = text.partition("/")
    first = _decimal(top.strip())
    if not slash or first is None:
        return first
    second = _decimal(bottom.strip())
    return None if second is None else _quotient(first, second)


def _decimal(text: str) -> Fraction | None:
    comma = _CONTINENTAL.fullmatch(text)
    if comma:
        whole, decimals, grouped, spaced, spaced_decimals, zero, of_zero = comma.groups()
        digits = (whole or grouped or spaced or zero).replace(".", "").replace(" ", "")
        return _scaled(digits, decimals or spaced_decimals or of_zero or "", 0)
    match = _DECIMAL.fullmatch(text)
    if not match or not (match[1] or match[2]):
        return None
    exponent = int(match[3] or 0)
    if abs(exponent) > MAX_EXPONENT:
        return None
    return _scaled(re.sub("[,' _]", "", match[1]), match[2] or "", exponent)


def _scaled(digits: str, decimals: str, exponent: int) -> Fraction:
    return Fraction(Decimal(f"{digits}.{decimals}0")) * Fraction(10) ** exponent


def _whole(digits: str) -> Fraction:
    return Fraction(Decimal(digits))


def _quotient(top: Fraction, bottom: Fraction) -> Fraction | None:
    return top / bottom if bottom else None


def _whole_text(value: int) -> str:
    """By way of decimals, which may have more digits than `int` allows in a text."""
    return f"{Decimal(value):f}"
