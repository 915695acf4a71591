"""Whether a completion gives the answer that a file has: exactly, as a number, a letter, a match.

Each reads the answer that a completion ends with, so that one answer counts however many are listed. What
stands in a closed thought (`<think>…</think>`) is no answer, and while a thought is open there is none.
"""

from __future__ import annotations

import contextlib
import re
from abc import ABC, abstractmethod
from functools import lru_cache

from engine.errors import UserError
from engine.language.problem.answer.expression import MissingJudgeError, read_constant
from engine.language.problem.answer.option import Options, read_options
from engine.language.problem.answer.quantity import Quantity
from engine.language.problem.answer.stated_letter import read_gold_letter, read_letter
from engine.language.problem.answer.stated_number import read_gold, read_stated
from engine.language.problem.answer.statement import after_thought
from engine.language.spelling import seen
from engine.language.task import VerifyResult

MAX_CHARS = 20_000
"""Of a completion: only its end is read."""


class Answer(ABC):
    """One way to read an answer. Total and deterministic; linear in the text but for a user's own pattern."""

    inline = True

    @abstractmethod
    def read(self, text: str) -> str:
        """The canonical form of the answer in a text; empty where there is none."""

    def prepare(self) -> None:
        """Load what takes long to load."""
        return

    def check(self, expected: str) -> str:
        """Why an answer of the file cannot be compared with; empty where it can."""
        return "" if self.read(expected) else "it cannot be read"

    def compare(self, completion: str, expected: str) -> tuple[str, bool]:
        """(canonical form of the answer in a completion, whether it is the one of the file)."""
        found = self.read(completion)
        return found, found == self.read(expected)

    def verify(self, completion: str, expected: str) -> VerifyResult:
        """1 for the expected answer, else 0."""
        flags: tuple[str, ...] = ("overlong",) if len(completion) > MAX_CHARS else ()
        if not completion.strip():
            return VerifyResult(0.0, reason="empty", flags=("empty",))
        try:
            parsed, is_right = self.compare(completion, expected)
        except MissingJudgeError as error:
            return VerifyResult(0.0, reason=str(error), flags=flags)
        if not parsed:
            return VerifyResult(0.0, reason="no answer", flags=flags)
        if is_right:
            return VerifyResult(1.0, parsed, flags=flags)
        return VerifyResult(0.0, parsed, "another answer", flags)


class Exact(Answer):
    """The whole completion, but for space around it and what cannot be seen.

    Composed and decomposed letters are one (NFC), so are all kinds of spaces, and zero-width characters and
    byte-order marks count for nothing. Case, and letters that look alike, count.
    """

    def read(self, text: str) -> str:
        """What is seen of it, stripped."""
        rest = after_thought(text)
        return "" if rest is None else seen(rest).strip()

    def check(self, expected: str) -> str:
        """Any text but an empty one can be an answer."""
        return "" if seen(expected).strip() else "it cannot be read"

    def compare(self, completion: str, expected: str) -> tuple[str, bool]:
        """Letter by letter."""
        found = self.read(completion)
        return found, found == seen(expected).strip()


class Numeric(Answer):
    """The number that a completion states last, out of prose, Markdown or LaTeX; see `read_stated`.

    Whole numbers are compared exactly, of any length, others within the tolerance. Units and currencies are
    left aside; 5 % is 5 and is 0.05. An answer of the file may be a tuple, an interval, a set or an
    irrational number, too. Beyond plain numbers math-verify judges (`selfplay[text]`).

    Args:
        tolerance: relative, for expected numbers that are not whole.
    """

    inline = False

    def __init__(self, tolerance: float = 1e-6) -> None:
        if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance <= 1:
            raise UserError(f"tolerance is {tolerance!r}; give a number from 0 to 1")
        self.tolerance = float(tolerance)

    def prepare(self) -> None:
        """Have math-verify read something, whose first time takes seconds."""
        with contextlib.suppress(MissingJudgeError):
            read_constant(r"\frac{\sqrt{8}}{2}")

    def read(self, text: str) -> str:
        """A fraction in lowest terms, or LaTeX."""
        found = read_stated(text)
        return "" if found is None else found.text

    def check(self, expected: str) -> str:
        """It must be one value."""
        try:
            return "" if _gold(expected) else "it cannot be read as one value"
        except MissingJudgeError as error:
            return f"it is no plain number; {error}: it cannot be read"

    def compare(self, completion: str, expected: str) -> tuple[str, bool]:
        """By worth."""
        found, wanted = read_stated(completion), _gold(expected)
        if found is None or wanted is None:
            return "", False
        return found.text, found.is_same(wanted, self.tolerance)


class Choice(Answer):
    """The option that a completion chooses; see `read_letter`.

    Args:
        options: of the problem, where they are known.
    """

    def __init__(self, options: Options | None = None) -> None:
        self._options = options

    def of(self, problem: str) -> Choice:
        """The same for completions of one problem, with the options that its text lists."""
        return Choice(read_options(problem))

    def read(self, text: str) -> str:
        """The letter, upper case."""
        return read_letter(text, self._options)

    def check(self, expected: str) -> str:
        """It must be one letter."""
        return "" if read_gold_letter(expected) else "it cannot be read as one letter"

    def compare(self, completion: str, expected: str) -> tuple[str, bool]:
        """The same letter; a list of options that lacks it is not the problem's."""
        wanted = read_gold_letter(expected)
        options = self._options if self._options and wanted in self._options.texts else None
        found = read_letter(completion, options)
        return found, found == wanted


class Regex(Answer):
    """What the one group of the last match of a user's pattern holds, but for space around it.

    A closed thought is read only by a pattern that has `think` in it.

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
        rest = text if "think" in self._pattern.pattern else after_thought(text)
        found = self._pattern.findall(rest[-MAX_CHARS:]) if rest else []
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


@lru_cache(maxsize=1 << 16)
def _gold(expected: str) -> Quantity | None:
    return read_gold(expected)
