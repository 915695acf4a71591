"""Countdown: reach a target with all of some numbers, step by step: `12 3 7=43:` → `3*12=36;7+36=43;`."""

from __future__ import annotations

import functools
import itertools
import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import UserError
from engine.language.task import (
    Demonstration,
    Prompt,
    Split,
    Task,
    VerifyResult,
    split_of,
    text_flags,
)
from games.text import option
from games.text.arithmetic import (
    MAX_STEP_CHARS,
    OPERATORS,
    Numbers,
    StepError,
    apply,
    canonical,
    legal_steps,
    needed_operators,
    reachable,
    read_steps,
    solutions,
    take,
)

EXHAUSTIVE = 5
"""Up to so many numbers every target is known; beyond, targets are drawn by random play."""

ENUMERATED = 100_000
"""Up to so many multisets a split is a list; beyond, multisets are drawn."""

_PROMPT = re.compile(r"([0-9]{1,4}(?: [0-9]{1,4}){1,7})=([0-9]{1,6}):")


class Countdown(Task):
    """Every number is used once, no result is negative or a fraction, and the last step gives the target.

    Problems are all multisets of `numbers` numbers from 1 to `max_number` with all targets from 1 to
    `max_target` that they reach: 5,853 for three numbers up to 14 and targets up to 60. The multiset decides
    the split, and a prompt shows it in an order of its own. Strata are the operators in every solution.

    Args:
        numbers: 3 to 6. From six on strata are empty and solutions are not listed.
        max_number: 2 to 100.
        max_target: 1 to 1000.
        demonstrations: `hindsight` plays random steps and takes what they reach as the target: poor and
            without end. `solver` gives the first solution in the order of their texts, operands sorted.
        graded: score a legal use of all numbers that misses by d as 1 / (1 + d / 4), not 0.
        partial: score right steps before the first mistake, or of a miss, as half of their share of all
            steps, not 0. With `graded` a miss has the better of both.
    """

    alphabet = "\n *+-/0123456789:;="
    constitution = str(Path(__file__).parent / "constitutions" / "countdown.toml")
    verifier_at_test = True
    inline = True
    hint_in_completion = True

    def __init__(
        self,
        numbers: int = 3,
        max_number: int = 18,
        max_target: int = 60,
        demonstrations: str = "hindsight",
        graded: bool = False,
        partial: bool = False,
    ) -> None:
        self.num_numbers = option.whole("numbers", numbers, 3, 6)
        self.max_number = option.whole("max_number", max_number, 2, 100)
        self.max_target = option.whole("max_target", max_target, 1, 1000)
        self.style = option.one_of("demonstrations", demonstrations, ("hindsight", "solver"))
        self.graded = option.switch("graded", graded)
        self.partial = option.switch("partial", partial)
        self.name = option.spec(
            "countdown",
            numbers=(numbers, 3),
            max_number=(max_number, 18),
            max_target=(max_target, 60),
            demonstrations=(demonstrations, "hindsight"),
            graded=(graded, False),
            partial=(partial, False),
        )
        digits = len(str(max_number**numbers))
        self.max_step_tokens = 3 * digits + 3
        self.max_tokens = (numbers - 1) * self.max_step_tokens + 1

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """Each multiset gives one target in turn, before any gives a second."""
        return list(itertools.islice(self._problems(split, seed), count))

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """Different pairs of a problem and a completion."""
        if self.style == "solver":
            found = self.prompts("train", count, seed)
            return [Demonstration(prompt, min(self._solutions(prompt))) for prompt in found]
        return self.held_out("train", count, seed)

    def held_out(self, split: Split, count: int, seed: int) -> list[Demonstration]:
        """Random play of a split."""
        return list(itertools.islice(self._hindsight(split, seed), count))

    def modes(self, prompt: Prompt, completion: str) -> list[str]:
        """Its operators."""
        del prompt
        return [sign for sign in OPERATORS if sign in completion]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """Exact, by a parser of its own, in time that does not grow with the text beyond its limit."""
        numbers, target = read_prompt(prompt)
        flags = text_flags(completion, self.step_end, (len(numbers) - 1) * MAX_STEP_CHARS)
        try:
            steps = read_steps(completion, len(numbers) - 1)
            left = apply(numbers, steps)
        except StepError as error:
            return VerifyResult(self._credit(numbers, completion), reason=str(error), flags=flags)
        parsed, credit = canonical(numbers, steps), self._credit(numbers, completion)
        if len(left) > 1:
            return VerifyResult(credit, parsed, f"{len(left)} numbers are left", flags, path=parsed)
        distance = abs(left[0] - target)
        if not distance:
            return VerifyResult(1.0, parsed, flags=flags, path=parsed)
        score = max(credit, 1 / (1 + distance / 4)) if self.graded else credit
        return VerifyResult(score, parsed, f"{left[0]} is not {target}", flags, path=parsed)

    def variations(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Of each prompt one in another order and one with new numbers of the same split."""
        found = []
        new = {split: self._problems(split, seed + 1) for split in ("train", "validation", "test")}
        given = {prompt.id for prompt in prompts}
        for prompt in prompts:
            numbers, target = read_prompt(prompt)
            source = random.Random(f"{seed} {prompt.text}")
            orders = {order for order in itertools.permutations(numbers) if order != numbers}
            if orders:
                order = source.choice(sorted(orders))
                found.append(replace(_prompt(order, target), stratum="order"))
            fresh = next((other for other in new[split_of(prompt.key)] if other.id not in given), None)
            if fresh is not None:
                found.append(replace(fresh, stratum="numbers"))
        return found

    def harder(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """As many problems, where there are, with a number up to half as large again as the largest."""
        found: dict[str, Prompt] = {}
        source = random.Random(f"harder {seed}")
        top = self.max_number * 3 // 2
        for _ in range(20 * len(prompts)):
            if len(found) == len(prompts):
                break
            numbers = [source.randint(1, top) for _ in range(self.num_numbers - 1)]
            numbers.append(source.randint(self.max_number + 1, top))
            target, _ = _play(tuple(sorted(numbers)), source)
            if 1 <= target <= self.max_target:
                prompt = replace(_problem(tuple(sorted(numbers)), target), stratum="range")
                found[prompt.id] = prompt
        return list(found.values())

    def problem(self, text: str) -> Prompt | None:
        """Numbers and a target that they reach, all inside the task's limits."""
        match = _PROMPT.fullmatch(text)
        if match is None:
            return None
        order, target = tuple(int(number) for number in match[1].split()), int(match[2])
        numbers = tuple(sorted(order))
        known = len(order) == self.num_numbers and numbers[0] >= 1 and numbers[-1] <= self.max_number
        if not known or not 1 <= target <= self.max_target or split_of(_key(numbers)) != "train":
            return None
        if len(numbers) <= EXHAUSTIVE and target not in reachable(numbers):
            return None
        return _prompt(order, target) if text == _prompt(order, target).text else None

    def solutions(self, prompt: Prompt) -> frozenset[str] | None:
        """All of them, for up to five numbers."""
        numbers, _ = read_prompt(prompt)
        return self._solutions(prompt) if len(numbers) <= EXHAUSTIVE else None

    def hint(self, prompt: Prompt) -> str | None:
        """The first step of a solution."""
        found = self.solutions(prompt)
        return self.steps(min(found))[0] if found else None

    def leaks(self, prompt: Prompt, completion: str) -> bool:
        """Whether a step takes the target as a number before it is there."""
        numbers, target = read_prompt(prompt)
        try:
            steps = read_steps(completion, len(numbers) - 1)
        except StepError:
            return False
        for step in steps:
            if target in (step.left, step.right) and target not in numbers:
                return True
            after = take(numbers, step)
            if after is None:
                return False
            numbers = after
        return False

    def legal_steps(self, prompt: Prompt, completion: str) -> list[str] | None:
        """Both orders of operands; none after a step that is not legal."""
        numbers, _ = read_prompt(prompt)
        try:
            left = apply(numbers, read_steps(completion, len(numbers) - 1))
        except StepError:
            return []
        return [step.text() for step in legal_steps(left)]

    def is_complete(self, prompt: Prompt, completion: str) -> bool:
        """After one step fewer than there are numbers."""
        return completion.count(self.step_end) >= len(read_prompt(prompt)[0]) - 1

    def _credit(self, numbers: Numbers, completion: str) -> float:
        """Half of the share of the steps that are right before the first mistake."""
        if not self.partial:
            return 0.0
        most, right = len(numbers) - 1, 0
        for text in self.steps(completion[: most * MAX_STEP_CHARS])[:most]:
            try:
                numbers = apply(numbers, read_steps(text, 1))
            except StepError:
                break
            right += 1
        return right / (2 * most)

    def _solutions(self, prompt: Prompt) -> frozenset[str]:
        numbers, target = read_prompt(prompt)
        return _listed(tuple(sorted(numbers)), target)

    def _multisets(self, split: Split, source: random.Random) -> Iterator[Numbers]:
        """Those of a split in random order: all, or drawn for ever where they are too many to list."""
        size, top = self.num_numbers, self.max_number
        if math.comb(top + size - 1, size) <= ENUMERATED:
            found = list(itertools.combinations_with_replacement(range(1, top + 1), size))
            found = [numbers for numbers in found if split_of(_key(numbers)) == split]
            source.shuffle(found)
            yield from found
            return
        while True:
            numbers = self._draw(source)
            if split_of(_key(numbers)) == split:
                yield numbers

    def _draw(self, source: random.Random) -> Numbers:
        """One multiset, every one as likely: stars and bars."""
        places = sorted(source.sample(range(1, self.max_number + self.num_numbers), self.num_numbers))
        return tuple(place - index for index, place in enumerate(places))

    def _targets(self, numbers: Numbers, source: random.Random) -> list[int]:
        """What they reach, in random order."""
        if len(numbers) <= EXHAUSTIVE:
            found = sorted(target for target in reachable(numbers) if 1 <= target <= self.max_target)
        else:
            played = {_play(numbers, source)[0] for _ in range(4)}
            found = sorted(target for target in played if 1 <= target <= self.max_target)
        source.shuffle(found)
        return found

    def _problems(self, split: Split, seed: int) -> Iterator[Prompt]:
        source = random.Random(f"countdown {split} {seed}")
        rounds: list[tuple[Numbers, list[int]]] = []
        seen: set[Numbers] = set()
        for numbers in self._multisets(split, source):
            if numbers in seen:
                continue
            seen.add(numbers)
            targets = self._targets(numbers, random.Random(f"{_key(numbers)} {seed}"))
            if targets:
                rounds.append((numbers, targets))
                yield _problem(numbers, targets[0])
        for index in itertools.count(1):
            rounds = [(numbers, targets) for numbers, targets in rounds if index < len(targets)]
            if not rounds:
                return
            for numbers, targets in rounds:
                yield _problem(numbers, targets[index])

    def _hindsight(self, split: Split, seed: int) -> Iterator[Demonstration]:
        source = random.Random(f"countdown hindsight {split} {seed}")
        seen: set[tuple[str, str]] = set()
        misses = 0
        while misses < 10_000:
            numbers = self._draw(source)
            misses += 1
            if split_of(_key(numbers)) != split:
                continue
            target, text = _play(numbers, source)
            if not 1 <= target <= self.max_target:
                continue
            prompt = _problem(numbers, target)
            if (prompt.id, text) not in seen:
                seen.add((prompt.id, text))
                misses = 0
                yield Demonstration(prompt, text)


def read_prompt(prompt: Prompt) -> tuple[Numbers, int]:
    """(numbers as shown, target); raise UserError for text that is no such prompt."""
    match = _PROMPT.fullmatch(prompt.text)
    if match is None:
        raise UserError(f"prompt {prompt.text[:60]!r} is not of the form '3 7 12=43:'")
    return tuple(int(number) for number in match[1].split()), int(match[2])


def _key(numbers: Sequence[int]) -> str:
    return " ".join(str(number) for number in sorted(numbers))


def _problem(numbers: Numbers, target: int) -> Prompt:
    """In an order that depends on the problem alone."""
    order = list(numbers)
    random.Random(f"{_key(numbers)}={target}").shuffle(order)
    return _prompt(tuple(order), target)


def _prompt(order: Sequence[int], target: int) -> Prompt:
    text = f"{' '.join(str(number) for number in order)}={target}:"
    numbers = tuple(sorted(order))
    stratum = needed_operators(reachable(numbers).get(target, 0)) if len(numbers) <= EXHAUSTIVE else ""
    return Prompt(id=f"countdown {text}", text=text, key=_key(numbers), stratum=stratum)


def _play(numbers: Numbers, source: random.Random) -> tuple[int, str]:
    """(number reached by random legal steps, the steps)."""
    text = ""
    while len(numbers) > 1:
        step = source.choice(legal_steps(numbers))
        after = take(numbers, step)
        assert after is not None
        numbers, text = after, text + step.text()
    return numbers[0], text


@functools.lru_cache(maxsize=1 << 14)
def _listed(numbers: Numbers, target: int) -> frozenset[str]:
    return solutions(numbers, target)
