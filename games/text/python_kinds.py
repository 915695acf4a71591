"""Kinds of small functions: what each does in words, in Python, and as a function of ours to compare with."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Parameters = tuple[Any, ...]

_SMALL = tuple((k,) for k in range(-9, 10) if k not in (0, 1))
_POSITIVE = tuple((k,) for k in range(2, 14))
_PAIRS = tuple((a, b) for a in range(2, 10) for b in range(-9, 10) if b)
_RANGES = tuple((a, a + width) for a in range(-9, 6) for width in (3, 5, 8, 12))
_LETTERS = tuple((letter,) for letter in "abcdefghijklmnoprstuw")
_LETTER_PAIRS = tuple((a, b) for a in "abcdeiou" for b in "klmnprst")


@dataclass(frozen=True)
class Kind:
    """One kind of function, with parameters {0} and {1} in its texts."""

    name: str
    area: str
    arguments: str
    """A letter an argument, which says of what type: x and y numbers, n a count, v numbers, s a word."""
    text: str
    body: str
    function: Callable[..., Any]
    """Parameters, then arguments."""
    parameters: Sequence[Parameters]


KINDS = (
    Kind("add", "arithmetic", "x", "x plus {0}", "x + {0}", lambda k, x: x + k, _SMALL),
    Kind(
        "linear",
        "arithmetic",
        "x",
        "{0} times x plus {1}",
        "{0} * x + {1}",
        lambda a, b, x: a * x + b,
        _PAIRS,
    ),
    Kind(
        "affine",
        "arithmetic",
        "xy",
        "x times {0} minus y times {1}",
        "x * {0} - y * {1}",
        lambda a, b, x, y: x * a - y * b,
        _PAIRS,
    ),
    Kind(
        "square",
        "arithmetic",
        "x",
        "the square of x plus {0}",
        "(x + {0}) ** 2",
        lambda k, x: (x + k) ** 2,
        _SMALL,
    ),
    Kind(
        "remainder",
        "arithmetic",
        "x",
        "the remainder of x divided by {0}",
        "x % {0}",
        lambda k, x: x % k,
        _POSITIVE,
    ),
    Kind(
        "quotient",
        "arithmetic",
        "x",
        "x divided by {0}, rounded down",
        "x // {0}",
        lambda k, x: x // k,
        _POSITIVE,
    ),
    Kind(
        "divides",
        "arithmetic",
        "x",
        "whether {0} divides x",
        "x % {0} == 0",
        lambda k, x: x % k == 0,
        _POSITIVE,
    ),
    Kind(
        "clamp",
        "arithmetic",
        "x",
        "x, but at least {0} and at most {1}",
        "min(max(x, {0}), {1})",
        lambda a, b, x: min(max(x, a), b),
        _RANGES,
    ),
    Kind(
        "distance",
        "arithmetic",
        "x",
        "the distance of x from {0}",
        "abs(x - {0})",
        lambda k, x: abs(x - k),
        _SMALL,
    ),
    Kind(
        "larger",
        "arithmetic",
        "xy",
        "the larger of x and y plus {0}",
        "max(x, y) + {0}",
        lambda k, x, y: max(x, y) + k,
        _SMALL,
    ),
    Kind(
        "multiples",
        "arithmetic",
        "n",
        "the sum of the first n multiples of {0}",
        "{0} * n * (n + 1) // 2",
        lambda k, n: k * n * (n + 1) // 2,
        _POSITIVE,
    ),
    Kind(
        "scale",
        "list",
        "v",
        "the items of v times {0}",
        "[{0} * i for i in v]",
        lambda k, v: [k * i for i in v],
        _SMALL,
    ),
    Kind(
        "above",
        "list",
        "v",
        "the items of v above {0}",
        "[i for i in v if i > {0}]",
        lambda k, v: [i for i in v if i > k],
        _SMALL,
    ),
    Kind(
        "count",
        "list",
        "v",
        "how many items of v are at least {0}",
        "sum(i >= {0} for i in v)",
        lambda k, v: sum(i >= k for i in v),
        _SMALL,
    ),
    Kind("total", "list", "v", "the sum of v plus {0}", "sum(v) + {0}", lambda k, v: sum(v) + k, _SMALL),
    Kind(
        "within",
        "list",
        "v",
        "the items of v from {0} to {1}, sorted",
        "sorted(i for i in v if {0} <= i <= {1})",
        lambda a, b, v: sorted(i for i in v if a <= i <= b),
        _RANGES,
    ),
    Kind(
        "every",
        "list",
        "v",
        "every item of v at a place that {0} divides",
        "v[::{0}]",
        lambda k, v: v[::k],
        _POSITIVE,
    ),
    Kind(
        "rest",
        "list",
        "v",
        "v without its first {0} items, backwards",
        "v[{0}:][::-1]",
        lambda k, v: v[k:][::-1],
        _POSITIVE,
    ),
    Kind(
        "smallest",
        "list",
        "v",
        "the smallest item of v, {0} if v is empty",
        "min(v, default={0})",
        lambda k, v: min(v, default=k),
        _SMALL,
    ),
    Kind(
        "counted",
        "string",
        "s",
        "how often s has the letter {0}",
        "s.count('{0}')",
        lambda c, s: s.count(c),
        _LETTERS,
    ),
    Kind(
        "replaced",
        "string",
        "s",
        "s with every {0} as {1}",
        "s.replace('{0}', '{1}')",
        lambda a, b, s: s.replace(a, b),
        _LETTER_PAIRS,
    ),
    Kind(
        "without",
        "string",
        "s",
        "s without the letter {0}, backwards",
        "s.replace('{0}', '')[::-1]",
        lambda c, s: s.replace(c, "")[::-1],
        _LETTERS,
    ),
    Kind(
        "doubled",
        "string",
        "s",
        "s with every {0} written twice",
        "s.replace('{0}', '{0}{0}')",
        lambda c, s: s.replace(c, c + c),
        _LETTERS,
    ),
    Kind(
        "padded",
        "string",
        "s",
        "s filled up with {0} to 8 letters",
        "s + '{0}' * (8 - len(s))",
        lambda c, s: s + c * (8 - len(s)),
        _LETTERS,
    ),
    Kind(
        "starts",
        "string",
        "s",
        "whether s starts with {0} or ends with {1}",
        "s.startswith('{0}') or s.endswith('{1}')",
        lambda a, b, s: s.startswith(a) or s.endswith(b),
        _LETTER_PAIRS,
    ),
)

BY_NAME = {kind.name: kind for kind in KINDS}


def draw(kind: Kind, parameters: Parameters, source: random.Random) -> list[Any]:
    """Arguments for one call, often such that the parameters matter."""
    return [_DRAW[letter](parameters, source) for letter in kind.arguments]


def _number(parameters: Parameters, source: random.Random) -> int:
    whole = [p for p in parameters if isinstance(p, int)]
    near = [p + source.randint(-1, 1) for p in whole]
    multiples = [p * source.randint(-4, 4) for p in whole]
    return source.choice([source.randint(-20, 20), source.randint(-20, 20), *near, *multiples])


def _numbers(parameters: Parameters, source: random.Random) -> list[int]:
    return [_number(parameters, source) for _ in range(source.choice([0, 0, 3, 8, 16, 16]))]


def _word(parameters: Parameters, source: random.Random) -> str:
    near = "".join(p for p in parameters if isinstance(p, str))
    word = [source.choice(near * 3 + "abcdeiklmnorst") for _ in range(source.randint(0, 9))]
    if word and source.random() < 0.5:
        word[source.choice([0, -1])] = source.choice(near)
    return "".join(word)


_DRAW: dict[str, Callable[[Parameters, random.Random], Any]] = {
    "x": _number,
    "y": _number,
    "n": lambda _, source: source.randint(0, 12),
    "v": _numbers,
    "s": _word,
}
