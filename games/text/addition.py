"""Addition digit by digit: `624+259=` → `4+9+0=13;2+5+1=8;6+2+0=8;883;` (the scratchpad of STaR, 2203.14465).

A line adds two digits and the carry, from the right; the last step is the sum.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from engine.errors import UserError
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of, text_flags
from games.text import option

MAX_DIGITS = 12

_PROMPT = re.compile(r"([0-9]{1,20})\+([0-9]{1,20})=(?:\([0-9]{1,21}\))?")


class Addition(Task):
    """Two numbers of the same length. The pair, in either order, decides the split; strata are lengths.

    Args:
        digits: 1 to 12; lengths from 1 to this, each as likely.
        scratchpad: whether a completion has the lines, or the sum alone.
        strict: whether every line must be there and right; otherwise the last step alone decides.
        demonstrated: digits of the demonstrations, at most; 0 for `digits`.
        hinted: so many demonstrations of each length beyond `demonstrated` (of every length where there is
            none) come first, with the hint in their prompts.
    """

    inline = True
    alphabet = "\n()+0123456789;="
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        # Improves visibly in two minutes of one core: few demonstrations, which verified samples add to.
        "demo": {
            "model": {"size": "0.1M", "demonstrations": 500, "steps": 750},
            "sample": {"prompts": 800},
            "update": {"steps": 300},
            "value": {"steps": 200},
            "learner": {"batch_tokens": 2048, "learning_rate": 5e-3},
            "measure": {"validation": 200, "test": 500, "holdout": 64},
            "monitor": {"prompts": 64, "samples": 8},
        },
    }

    def __init__(
        self,
        digits: int = 4,
        scratchpad: bool = True,
        strict: bool = True,
        demonstrated: int = 0,
        hinted: int = 0,
    ) -> None:
        self.digits = option.whole("digits", digits, 1, MAX_DIGITS)
        self.scratchpad = option.switch("scratchpad", scratchpad)
        self.strict = option.switch("strict", strict)
        self.demonstrated = option.whole("demonstrated", demonstrated, 0, digits) or digits
        self.hinted = option.whole("hinted", hinted, 0, 100_000)
        self.name = option.spec(
            "addition",
            digits=(digits, 4),
            scratchpad=(scratchpad, True),
            strict=(strict, True),
            demonstrated=(demonstrated, 0),
            hinted=(hinted, 0),
        )
        self.max_step_tokens = max(len("9+9+1=19;"), digits + 3)
        # One digit more than asked for, so that `harder` fits.
        self.max_tokens = (len("9+9+1=19;") * (digits + 1) if scratchpad else 0) + digits + 4

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """Different sums; short lengths have few and run out."""
        return list(itertools.islice(self._problems(split, seed, range(1, self.digits + 1)), count))

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """The right scratchpad, first those with hints."""
        return list(itertools.islice(self._demonstrations(seed), count))

    def held_out(self, split: Split, count: int, seed: int) -> list[Demonstration]:
        """The right scratchpad for problems of any split."""
        return [Demonstration(prompt, self._answer(prompt)) for prompt in self.prompts(split, count, seed)]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """By comparing text with the one right text, or its last step with the sum."""
        answer = self._answer(prompt)
        last = f"{sum(read_prompt(prompt))};"
        flags = text_flags(completion, self.step_end, 2 * len(answer))
        if completion == answer or (self.scratchpad and not self.strict and completion == last):
            return VerifyResult(1.0, completion if self.strict else last, flags=flags)
        if "overlong" in flags or "empty" in flags:
            return VerifyResult(0.0, reason=flags[0], flags=flags)
        steps = self.steps(completion)
        if not self.scratchpad or steps[-1] != last:
            return VerifyResult(0.0, reason="the sum is not right", flags=flags)
        if not self.strict:
            return VerifyResult(1.0, last, flags=flags)
        wrong = next(
            i
            for i, pair in enumerate(itertools.zip_longest(steps, self.steps(answer)), 1)
            if len({*pair}) > 1
        )
        return VerifyResult(0.0, reason=f"line {wrong} is not right", flags=flags)

    def solutions(self, prompt: Prompt) -> frozenset[str]:
        """One."""
        strict = self.strict or not self.scratchpad
        return frozenset([self._answer(prompt) if strict else f"{sum(read_prompt(prompt))};"])

    def hint(self, prompt: Prompt) -> str:
        """The sum in brackets."""
        return f"({sum(read_prompt(prompt))})"

    def leaks(self, prompt: Prompt, completion: str) -> bool:
        """Whether the sum stands as a number before every line has been derived."""
        if not self.scratchpad:
            return False
        total = str(sum(read_prompt(prompt)))
        *lines, _ = self.steps(self._answer(prompt))
        for step in self.steps(completion):
            if lines and step == lines[0]:
                lines = lines[1:]
            elif lines and total in re.findall("[0-9]+", step):
                return True
            elif not lines:
                return False
        return False

    def variations(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Of each prompt the other order of its numbers, and new numbers of the same length and split."""
        given = {prompt.id for prompt in prompts}
        keys = {prompt.key for prompt in prompts}
        new: dict[tuple[Split, int], Iterator[Prompt]] = {}
        found: dict[str, Prompt] = {}
        for prompt in prompts:
            left, right = read_prompt(prompt)
            digits = len(str(left))
            turned = _prompt(right, left, digits)
            group = split_of(prompt.key), digits
            if group not in new:
                new[group] = self._problems(group[0], seed + 1, [digits])
            fresh = next((other for other in new[group] if other.key not in keys), None)
            for other, kind in ((turned, "order"), (fresh, "numbers")):
                if other is not None and other.id not in given:
                    found[other.id] = replace(other, stratum=kind)
        return list(found.values())

    def harder(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """As many sums of one digit more."""
        source = random.Random(f"addition harder {seed}")
        longer = self.digits + 1
        found = [_prompt(_draw(longer, source), _draw(longer, source), longer) for _ in prompts]
        return [replace(prompt, stratum="digits") for prompt in found]

    def legal_steps(self, prompt: Prompt, completion: str) -> None:
        """A model proposes lines."""
        del prompt, completion

    def is_complete(self, prompt: Prompt, completion: str) -> bool:
        """After the step that is the sum's place."""
        return completion.count(self.step_end) >= self._answer(prompt).count(self.step_end)

    def _answer(self, prompt: Prompt) -> str:
        left, right = read_prompt(prompt)
        text = ""
        if self.scratchpad:
            width, carry = len(prompt.text.partition("+")[0]), 0
            for place in range(width):
                a, b = left // 10**place % 10, right // 10**place % 10
                text += f"{a}+{b}+{carry}={a + b + carry};"
                carry = (a + b + carry) // 10
        return f"{text}{left + right};"

    def _problems(self, split: Split, seed: int, lengths: Sequence[int]) -> Iterator[Prompt]:
        source = random.Random(f"addition {split} {seed}")
        seen: set[str] = set()
        misses = 0
        while misses < 1000:
            misses += 1
            digits = source.choice(lengths)
            prompt = _prompt(_draw(digits, source), _draw(digits, source), digits)
            if split_of(prompt.key) == split and prompt.id not in seen:
                seen.add(prompt.id)
                misses = 0
                yield prompt

    def _demonstrations(self, seed: int) -> Iterator[Demonstration]:
        lengths = range(self.demonstrated + 1, self.digits + 1) or range(1, self.digits + 1)
        for digits in lengths:
            for prompt in itertools.islice(self._problems("train", seed, [digits]), self.hinted):
                hinted = replace(prompt, text=prompt.text + self.hint(prompt))
                yield Demonstration(hinted, self._answer(prompt))
        for prompt in self._problems("train", seed, range(1, self.demonstrated + 1)):
            yield Demonstration(prompt, self._answer(prompt))


def read_prompt(prompt: Prompt) -> tuple[int, int]:
    """The two numbers; raise UserError for text that is no such prompt."""
    match = _PROMPT.fullmatch(prompt.text)
    if match is None or len(match[1]) != len(match[2]):
        raise UserError(f"prompt {prompt.text[:60]!r} is not of the form '624+259='")
    return int(match[1]), int(match[2])


def _draw(digits: int, source: random.Random) -> int:
    return source.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)


def _prompt(left: int, right: int, digits: int) -> Prompt:
    text = f"{left}+{right}="
    return Prompt(
        id=f"addition {text}", text=text, key=f"{min(left, right)}+{max(left, right)}", stratum=str(digits)
    )
