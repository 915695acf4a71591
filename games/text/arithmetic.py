"""Steps such as `3*12=36;`: each takes two of the numbers at hand and leaves their result in their place."""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import NamedTuple

OPERATORS = "+-*/"

MAX_DIGITS = 13
"""Of a number; six numbers up to 100 give at most 100**6."""

MAX_STEP_CHARS = 3 * MAX_DIGITS + 3

_NUMBER = rf"(0|[1-9][0-9]{{0,{MAX_DIGITS - 1}}})"
_STEP = re.compile(rf"{_NUMBER}([-+*/]){_NUMBER}=({_NUMBER});")

Numbers = tuple[int, ...]
"""A multiset, ascending."""


class StepError(Exception):
    """Text that is no run of legal steps; the message says why in a few words."""


class Step(NamedTuple):
    """`left operator right = result`."""

    left: int
    operator: str
    right: int
    result: int

    def text(self) -> str:
        """As it is written."""
        return f"{self.left}{self.operator}{self.right}={self.result};"

    def normal(self) -> Step:
        """The smaller number first where the order does not matter."""
        if self.operator in "+*" and self.left > self.right:
            return Step(self.right, self.operator, self.left, self.result)
        return self


def compute(left: int, operator: str, right: int) -> int | None:
    """The result, None where it is negative or no whole number."""
    if operator == "+":
        return left + right
    if operator == "*":
        return left * right
    if operator == "-":
        return left - right if left >= right else None
    return left // right if right and left % right == 0 else None


def read_steps(text: str, max_steps: int) -> list[Step]:
    """Parse a whole text; raise StepError where it is not at most so many true equations.

    Reads no further than the steps it allows, whatever the length of the text.
    """
    steps: list[Step] = []
    position = 0
    while position < len(text):
        if len(steps) == max_steps:
            raise StepError("more steps than numbers allow")
        match = _STEP.match(text, position)
        if match is None:
            raise StepError(f"step {len(steps) + 1} is not of the form a+b=c;")
        step = Step(int(match[1]), match[2], int(match[3]), int(match[4]))
        if compute(step.left, step.operator, step.right) != step.result:
            raise StepError(f"step {len(steps) + 1} does not compute")
        steps.append(step)
        position = match.end()
    return steps


def take(numbers: Numbers, step: Step) -> Numbers | None:
    """The numbers after a step, None where they do not hold its two operands."""
    rest = list(numbers)
    for operand in (step.left, step.right):
        if operand not in rest:
            return None
        rest.remove(operand)
    return tuple(sorted([*rest, step.result]))


def apply(numbers: Numbers, steps: list[Step]) -> Numbers:
    """The numbers after all steps; raise StepError where one of them is not legal."""
    for index, step in enumerate(steps, start=1):
        after = take(numbers, step)
        if after is None:
            raise StepError(f"step {index} takes a number that is not there")
        numbers = after
    return numbers


def legal_steps(numbers: Numbers) -> list[Step]:
    """Every step from here as it can be written, `3+7` and `7+3` both, sorted by text."""
    found = set()
    counts = Counter(numbers)
    for left in counts:
        for right in counts:
            if left == right and counts[left] < 2:
                continue
            for operator in OPERATORS:
                result = compute(left, operator, right)
                if result is not None:
                    found.add(Step(left, operator, right, result))
    return sorted(found, key=Step.text)


def canonical(numbers: Numbers, steps: list[Step]) -> str:
    """The first, in the order of their texts, of all legal orders of these steps, each in its normal form.

    Solutions that differ in the order of operands or of independent steps only have the same.
    """
    found = _first_order(numbers, sorted((step.normal() for step in steps), key=Step.text))
    assert found is not None, (numbers, steps)
    return "".join(step.text() for step in found)


def _first_order(numbers: Numbers, steps: list[Step]) -> list[Step] | None:
    if not steps:
        return []
    for index, step in enumerate(steps):
        after = take(numbers, step)
        if after is not None:
            rest = _first_order(after, steps[:index] + steps[index + 1 :])
            if rest is not None:
                return [step, *rest]
    return None


def _children(numbers: Numbers) -> list[tuple[Step, Numbers]]:
    """Every step in its normal form, with the numbers after it."""
    steps = {step.normal() for step in legal_steps(numbers)}
    found = []
    for step in sorted(steps, key=Step.text):
        after = take(numbers, step)
        assert after is not None
        found.append((step, after))
    return found


PRUNED = 3
"""Numbers left at which it is worth asking what they reach."""


def solutions(numbers: Numbers, target: int) -> frozenset[str]:
    """Every canonical text that uses all numbers and ends in the target. Seconds from six numbers on."""
    level: set[tuple[Numbers, tuple[Step, ...]]] = {(numbers, ())}
    for _ in range(len(numbers) - 1):
        level = {
            (after, tuple(sorted((*done, step))))
            for left, done in level
            for step, after in _children(left)
            if len(after) > PRUNED or target in reachable(after)
        }
    return frozenset(canonical(numbers, list(done)) for left, done in level if left == (target,))


# Sets of sets of operators are 16 bits: bit m stands for the set of operators whose bits are those of m.
_HAS = tuple(sum(1 << mask for mask in range(16) if mask >> operator & 1) for operator in range(4))


@functools.lru_cache(maxsize=1 << 14)
def reachable(numbers: Numbers) -> dict[int, int]:
    """By target: the sets of operators with which all numbers reach it, 16 bits."""
    if len(numbers) == 1:
        return {numbers[0]: 1}
    found: dict[int, int] = {}
    for step, after in _children(numbers):
        operator = OPERATORS.index(step.operator)
        has = _HAS[operator]
        for target, masks in reachable(after).items():
            with_step = (masks & has) | ((masks & ~has) << (1 << operator))
            found[target] = found.get(target, 0) | with_step
    return found


def needed_operators(masks: int) -> str:
    """Operators that are in every one of these sets."""
    return "".join(sign for index, sign in enumerate(OPERATORS) if not masks & ~_HAS[index])
