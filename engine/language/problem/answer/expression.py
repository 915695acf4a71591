"""Constants in LaTeX or in plain signs, whose worth math-verify computes: `\\frac{\\pi}{2}`, `2^10`.

What is handed on is spelt out first, since math-verify reads `1 234` as 235 and `2 2/3` as 4/3. Nothing is
handed on that may take long: powers and factorials are small, and no power has another in it.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

REMEDY = "math-verify is not installed; pip install 'selfplay[text]'"
MAX_CHARS = 300
MAX_DEPTH = 12
MAX_POWER_DIGITS = 4
"""Of the digits of an exponent, all together; a factorial has one fewer."""

DIGITS = 40
"""That two irrational numbers are compared by."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)|(?P<word>\\[a-zA-Z]+|[eπ√](?![a-zA-Z]))"
    r"|(?P<sign>[-+*/^!()\[\]{}\u00d7\u00b7\u00f7]))"
)
_FRACTIONS = {"\\frac", "\\dfrac", "\\tfrac", "\\cfrac"}
_PLAIN_FRACTION = re.compile(r"\\frac\{([0-9]+)\}\{([0-9]+)\}")
_FUNCTIONS = {"\\ln", "\\sin", "\\cos", "\\tan"}
_SYMBOLS = {"\\pi": r"\pi", "π": r"\pi", "e": "e"}
_IRRATIONAL = re.compile(r"\\(?:sqrt|pi|ln|sin|cos|tan)|e")
"""What may leave a sum that is as simple as can be. No other command that is handed on has an `e` in it."""

_PRODUCTS = {"*", "\u00d7", "\u00b7", "\\times", "\\cdot", "\\ast"}
_QUOTIENTS = {"/", "\u00f7", "\\div"}


class MissingJudgeError(Exception):
    """math-verify is needed for a text and not installed."""


@dataclass(frozen=True)
class Constant:
    """A number that is no fraction."""

    text: str
    """LaTeX, the same for equal ones where sympy finds that out."""
    expression: Any
    """Of sympy."""


@lru_cache(maxsize=4096)
def read_constant(text: str) -> Fraction | Constant | None:
    """The worth of a whole text; None where it is no constant, could be read in two ways, or is left to do.

    A fraction with a sum in it, or a product without a power, is a task and no answer. Raises
    MissingJudgeError without math-verify.
    """
    try:
        spelt = _Speller(text).whole()
        left_to_do = spelt.has_sum or (spelt.has_product and not spelt.has_power)
        if left_to_do and not _IRRATIONAL.search(spelt.latex):
            return None
        worth = _worth(spelt.latex)
    except (_Unreadable, ValueError, OverflowError, RecursionError):
        return None
    return None if left_to_do and isinstance(worth, Fraction) else worth


def is_same_constant(found: Fraction | Constant, expected: Fraction | Constant, tolerance: float) -> bool:
    """Whether two numbers, one of them no fraction, are equal: exactly, or within a relative tolerance."""
    judge = _judge()
    sympy = importlib.import_module("sympy")
    left, right = (
        each.expression if isinstance(each, Constant) else sympy.Rational(each.numerator, each.denominator)
        for each in (found, expected)
    )
    if isinstance(found, Constant) and isinstance(expected, Constant):
        same = judge.verify(
            right, left, float_rounding=DIGITS, numeric_precision=DIGITS, timeout_seconds=None
        )
        if same:
            return True
    far = sympy.Abs((left - right).evalf(DIGITS))
    near = sympy.Float(tolerance, DIGITS) * sympy.Abs(right.evalf(DIGITS))
    return bool(far <= near)


def _judge() -> Any:
    """math-verify, which says in its log that timeouts are its caller's."""
    try:
        judge = importlib.import_module("math_verify")
    except ModuleNotFoundError as error:
        raise MissingJudgeError(REMEDY) from error
    for part in ("parser", "grader"):
        vars(importlib.import_module(f"math_verify.{part}"))["TIMEOUT_WARNING_SHOWN"] = True
    return judge


def _worth(spelt: str) -> Fraction | Constant | None:
    judge = _judge()
    sympy = importlib.import_module("sympy")
    reading = judge.LatexExtractionConfig(boxed_match_priority=-1)
    found = judge.parse(f"${spelt}$", [reading], fallback_mode="no_fallback", parsing_timeout=None)
    if len(found) != 1 or not isinstance(found[0], sympy.Expr) or found[0].free_symbols:
        return None
    value = found[0].doit()
    if (
        not value.is_number
        or value.is_real is False
        or value.has(sympy.zoo, sympy.nan, sympy.oo, sympy.Float)
    ):
        return None
    if not value.is_Rational:
        value = sympy.simplify(value)
    if value.is_Rational:
        return Fraction(int(value.p), int(value.q))
    text = sympy.latex(value, ln_notation=True).replace(r" \left(", r"\left(")
    return None if text.strip("- ") == "e" else Constant(text, value)  # a letter by itself is no number


class _Unreadable(Exception):  # noqa: N818 - never leaves this file
    """Not a constant, or not of one reading."""


@dataclass(frozen=True)
class _Part:
    """LaTeX of part of a text, and what stands in it."""

    latex: str
    kind: str
    """`number`, `fraction` of two numbers, `word` for what may follow a number, `group`."""
    has_power: bool = False
    has_sum: bool = False
    has_product: bool = False


class _Speller:
    """Reads a text by a small grammar and spells it so that nothing can be read in two ways."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARS:
            raise _Unreadable
        self._tokens: list[tuple[str, str, bool]] = []
        place = 0
        text = text.strip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if not match or match.lastgroup is None:
                raise _Unreadable
            spaced = match[0][:1].isspace()
            self._tokens.append((match.lastgroup, match[match.lastgroup], spaced))
            place = match.end()
        self._place = 0
        self._depth = 0

    def whole(self) -> _Part:
        part = self._sum()
        if self._place < len(self._tokens):
            raise _Unreadable
        return part

    def _next(self) -> str:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._place][0] if self._place < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        found = self._next()
        if not found or (wanted and found != wanted):
            raise _Unreadable
        self._place += 1
        return found

    def _sum(self) -> _Part:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Unreadable
        sign = self._take() if self._next() in ("-", "+") else ""
        parts = [self._product()]
        latex = ("-" if sign == "-" else "") + parts[0].latex
        while self._next() in ("+", "-"):
            sign = self._take()
            parts.append(self._product())
            latex += sign + parts[-1].latex
        self._depth -= 1
        return _joined(parts, latex, parts[0].kind if len(parts) == 1 else "sum", has_sum=len(parts) > 1)

    def _product(self) -> _Part:
        parts = [self._power()]
        latex = parts[0].latex
        divided = False
        while True:
            sign = self._next()
            if sign in _PRODUCTS:
                self._take()
                parts.append(self._power())
                latex += r" \cdot " + parts[-1].latex
            elif sign in _QUOTIENTS:
                if divided:
                    raise _Unreadable
                self._take()
                divided = True
                parts.append(self._power())
                latex = rf"\frac{{{latex}}}{{{parts[-1].latex}}}"
            elif self._follows():
                if divided:  # 1/2\pi is either of two numbers
                    raise _Unreadable
                parts.append(self._power())
                if parts[-2].kind == "number" and parts[-1].kind == "fraction":
                    return _mixed(parts)
                if parts[-1].kind == "number":
                    raise _Unreadable
                latex += r" \cdot " + parts[-1].latex
            else:
                break
        product = len(parts) > 1 and not (divided and len(parts) == 2)
        return _joined(parts, latex, parts[0].kind if len(parts) == 1 else "product", has_product=product)

    def _follows(self) -> bool:
        """Whether something is multiplied by standing behind."""
        if self._kind() == "word":
            return True
        return self._next() == "(" and not self._tokens[self._place][2]

    def _power(self) -> _Part:
        base = self._base()
        if self._next() == "!":
            self._take()
            if base.kind != "number" or not base.latex.isdigit() or len(base.latex) >= MAX_POWER_DIGITS:
                raise _Unreadable
            return _Part(base.latex + "!", "power", has_power=True)
        if self._next() != "^":
            return base
        self._take()
        if base.has_power or self._next() == "^":
            raise _Unreadable
        exponent = self._exponent()
        digits = sum(letter.isdigit() for letter in exponent.latex)
        if exponent.has_power or digits > MAX_POWER_DIGITS or self._next() in ("^", "!"):
            raise _Unreadable
        body = base.latex if base.kind in ("number", "word") and base.latex.isalnum() else f"({base.latex})"
        latex = f"{body}^{{{exponent.latex}}}"
        return _Part(latex, "power", has_power=True)

    def _exponent(self) -> _Part:
        if self._next() in ("{", "("):
            part = self._group(self._next())
            number = part.latex.removeprefix("-").isdigit()
            return _Part(part.latex, "number" if number else part.kind, part.has_power)
        sign = self._take() if self._next() in ("-", "+") else ""
        if self._kind() not in ("number", "word"):
            raise _Unreadable
        part = self._base()
        return _Part(("-" if sign == "-" else "") + part.latex, part.kind, part.has_power)

    def _base(self) -> _Part:
        kind, text = self._kind(), self._next()
        if kind == "number":
            return _number(self._take())
        if text in _FRACTIONS:
            self._take()
            top, bottom = self._arguments(2)
            simple = top.kind == bottom.kind == "number"
            latex = rf"\frac{{{top.latex}}}{{{bottom.latex}}}"
            return _joined([top, bottom], latex, "fraction" if simple else "word")
        if text in ("\\sqrt", "√"):
            return self._root()
        if text in _FUNCTIONS:
            self._take()
            (argument,) = self._arguments(1)
            return _joined([argument], rf"{text}({argument.latex})", "word")
        if text in _SYMBOLS:
            self._take()
            return _Part(_SYMBOLS[text], "word")
        if text in ("(", "{", "["):
            part = self._group(text)
            return _joined([part], f"({part.latex})", "group")
        raise _Unreadable

    def _root(self) -> _Part:
        if self._take() == "√" and self._kind() == "number":
            number = _number(self._take())
            return _joined([number], rf"\sqrt{{{number.latex}}}", "word", has_power=True)
        degree = ""
        if self._next() == "[":
            self._take()
            degree = self._take()
            if not degree.isdigit() or len(degree) >= MAX_POWER_DIGITS:
                raise _Unreadable
            self._take("]")
        (argument,) = self._arguments(1)
        index = f"[{degree}]" if degree else ""
        return _joined([argument], rf"\sqrt{index}{{{argument.latex}}}", "word", has_power=True)

    def _group(self, opening: str) -> _Part:
        self._take(opening)
        part = self._sum()
        self._take({"(": ")", "{": "}", "[": "]"}[opening])
        return part

    def _arguments(self, count: int) -> list[_Part]:
        """In brackets, or digits one by one as LaTeX takes them: `\\frac12`."""
        if self._kind() == "number" and count > 1 and len(self._next()) == count:
            digits = self._take()
            if not digits.isdigit():
                raise _Unreadable
            return [_number(digit) for digit in digits]
        found = []
        for _ in range(count):
            if self._next() in ("{", "("):
                found.append(self._group(self._next()))
            elif self._kind() == "number" and len(self._next()) == 1:
                found.append(_number(self._take()))
            elif self._next() in _SYMBOLS:
                found.append(self._base())
            else:
                raise _Unreadable
        return found


def _number(text: str) -> _Part:
    """Decimals as fractions of whole numbers, so that nothing is rounded."""
    if text.isdigit():
        return _Part(text, "number")
    return _Part(
        rf"\frac{{{text.replace('.', '').lstrip('0') or '0'}}}{{1{'0' * len(text.partition('.')[2])}}}",
        "number",
    )


def _mixed(parts: list[_Part]) -> _Part:
    """2\\frac{2}{3} is two and two thirds, where the fraction is a proper one."""
    whole, fraction = parts[0].latex, _PLAIN_FRACTION.fullmatch(parts[-1].latex)
    if len(parts) > 2 or not whole.isdigit() or not fraction or int(fraction[1]) >= int(fraction[2]):
        raise _Unreadable
    return _Part(rf"(\frac{{{whole}}}{{1}}+{fraction[0]})", "mixed")


def _joined(
    parts: list[_Part],
    latex: str,
    kind: str,
    *,
    has_power: bool = False,
    has_sum: bool = False,
    has_product: bool = False,
) -> _Part:
    return _Part(
        latex,
        kind,
        has_power or any(part.has_power for part in parts),
        has_sum or any(part.has_sum for part in parts),
        has_product or any(part.has_product for part in parts),
    )
