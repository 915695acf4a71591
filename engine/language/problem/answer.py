"""Whether a completion gives the answer that a file has: exactly, as a number, a letter, a match.

Each reads the answer that a completion ends with, so that one answer counts however many are listed.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from fractions import Fraction

from engine.errors import UserError
from engine.language.task import VerifyResult

MAX_CHARS = 20_000
"""Of a completion: only its end is read."""

_DIGITS = 40
_NUMBER = re.compile(
    rf"(?<![\w.])([-+]?)(?:(\d{{1,3}}(?:,\d{{3}}){{1,12}})|(\d{{1,{_DIGITS}}}))(?:\.(\d{{0,{_DIGITS}}}))?"
    rf"(?:e([-+]?\d{{1,3}}))?(?: ?/ ?(\d{{1,{_DIGITS}}}))?(?![\w])",
    re.ASCII | re.IGNORECASE,
)
_MARK = re.compile(r"####|\banswer\b", re.IGNORECASE)
_LETTER = r"\(([A-Za-z])\)|\[([A-Za-z])\]"
_AFTER_MARK = re.compile(rf"\s{{0,9}}(?:is|:|=)?\s{{0,9}}\**(?:{_LETTER}|([A-Z])(?![\w']))")
_BRACKETED = re.compile(r"\(([A-Z])\)|\[([A-Z])\]")
_ALONE = re.compile(rf"\s*\**(?:{_LETTER}|([A-Za-z])\**\s*(?:[.):]|$))")


class Answer(ABC):
    """One way to read an answer. Total and deterministic; linear in the text but for a user's own pattern."""

    inline = True

    @abstractmethod
    def read(self, text: str) -> str:
        """The canonical form of the answer in a text; empty where there is none."""

    def check(self, expected: str) -> str:
        """Why an answer of the file cannot be compared with; empty where it can."""
        return "" if self.read(expected) else "it cannot be read"

    def is_same(self, found: str, expected: str) -> bool:
        """Whether two canonical forms mean the same."""
        return found == expected

    def verify(self, completion: str, expected: str) -> VerifyResult:
        """1 for the expected answer, else 0."""
        flags: tuple[str, ...] = ("overlong",) if len(completion) > MAX_CHARS else ()
        if not completion.strip():
            return VerifyResult(0.0, reason="empty", flags=("empty",))
        parsed = self.read(completion)
        if not parsed:
            return VerifyResult(0.0, reason="no answer", flags=flags)
        if self.is_same(parsed, self.read(expected)):
            return VerifyResult(1.0, parsed, flags=flags)
        return VerifyResult(0.0, parsed, "another answer", flags)


class Exact(Answer):
    """The whole completion, but for space around it."""

    def read(self, text: str) -> str:
        """Stripped."""
        return text.strip()


class Numeric(Answer):
    """The first number after the last `####` or `answer`, else the last: 1,234.5, -3/4, 1e6, $7, 50%.

    Args:
        tolerance: relative, and absolute for expected 0.
    """

    def __init__(self, tolerance: float = 1e-6) -> None:
        if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance <= 1:
            raise UserError(f"tolerance is {tolerance!r}; give a number from 0 to 1")
        self.tolerance = Fraction(tolerance)

    def read(self, text: str) -> str:
        """A fraction in lowest terms."""
        text = text[-MAX_CHARS:].replace("\u2212", "-")
        marks = list(_MARK.finditer(text))
        match = _NUMBER.search(text, marks[-1].end()) if marks else None
        if match is None:
            matches = list(_NUMBER.finditer(text))
            match = matches[-1] if matches else None
        value = _value(match) if match is not None else None
        return "" if value is None else str(value)

    def is_same(self, found: str, expected: str) -> bool:
        """Within the tolerance."""
        right = Fraction(expected)
        return abs(Fraction(found) - right) <= self.tolerance * (abs(right) or 1)


class Choice(Answer):
    """The letter after the last `answer`, else the last in brackets, else the one at the start: `b) …`."""

    def read(self, text: str) -> str:
        """The letter, upper case."""
        text = text[-MAX_CHARS:]
        for mark in reversed(list(_MARK.finditer(text))):
            match = _AFTER_MARK.match(text, mark.end())
            if match:
                return _letter(match)
        matches = list(_BRACKETED.finditer(text))
        match = matches[-1] if matches else _ALONE.match(text)
        return _letter(match) if match else ""


class Regex(Answer):
    """What the one group of the last match of a user's pattern holds, but for space around it.

    It may take for ever on some text, so it belongs into a process that can be killed.
    """

    inline = False

    def __init__(self, pattern: str) -> None:
        try:
            self._pattern = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise UserError(f"pattern {pattern!r} is not a regular expression: {error}") from error
        if self._pattern.groups != 1:
            raise UserError(
                f"pattern {pattern!r} has {self._pattern.groups} groups; give one, around the answer"
            )

    def read(self, text: str) -> str:
        """The group."""
        found = self._pattern.findall(text[-MAX_CHARS:])
        return str(found[-1]).strip() if found else ""

    def check(self, expected: str) -> str:
        """Any text but an empty one can be an answer."""
        return "" if expected.strip() else "it is empty"

    def verify(self, completion: str, expected: str) -> VerifyResult:
        """The answer of the file is taken as it is."""
        found = self.read(completion)
        if not found:
            return VerifyResult(0.0, reason="no match", flags=() if completion.strip() else ("empty",))
        right = found == expected.strip()
        return VerifyResult(float(right), found, "" if right else "another answer")


def _letter(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group).upper()


def _value(match: re.Match[str]) -> Fraction | None:
    """The number of a match, None for a division by zero. Bounded: 40 digits and exponents of 3."""
    sign, grouped, plain, decimals, exponent, divisor = match.groups()
    digits = (grouped or plain).replace(",", "")
    value = Fraction(int(digits + (decimals or "")), 10 ** len(decimals or ""))
    value *= Fraction(10) ** int(exponent or 0)
    if divisor is not None:
        if not int(divisor):
            return None
        value /= int(divisor)
    return -value if sign == "-" else value
