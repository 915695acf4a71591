"""Programs from examples: `3,1,2>6|5,4>9:` asks for a program of list operators that does so to any list.

A program is a run of steps such as `a;r;h;`, each an operator that turns a list of numbers into another.
Every program ends: there are no loops, and its length is bounded.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from engine.errors import UserError
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of, text_flags
from games.text import option

Numbers = tuple[int, ...]

OPERATORS: dict[str, Callable[[Numbers], Numbers]] = {
    "a": lambda x: tuple(itertools.accumulate(x)),
    "d": lambda x: tuple(2 * v for v in x),
    "e": lambda x: tuple(v for v in x if v % 2 == 0),
    "h": lambda x: x[:1],
    "i": lambda x: tuple(v + 1 for v in x),
    "p": lambda x: tuple(u + v for u, v in itertools.pairwise(x)),
    "r": lambda x: x[::-1],
    "s": lambda x: tuple(sorted(x)),
    "t": lambda x: x[1:],
}
"""Running sums, double, even numbers, first (head), increment, sums of neighbours, reverse, sort, all but the
first (tail)."""

MAX_STEPS = 8
"""Of a program that is run."""

_PROGRAM = re.compile(rf"(?:[{''.join(OPERATORS)}];){{0,{MAX_STEPS}}}")
_LIST = r"[0-9]*(?:,[0-9]+)*"
_PROMPT = re.compile(rf"{_LIST}>{_LIST}(?:\|{_LIST}>{_LIST}){{0,9}}:")


def _inputs(seed: str, count: int) -> tuple[Numbers, ...]:
    source = random.Random(seed)
    return tuple(tuple(source.randrange(10) for _ in range(source.randint(1, 5))) for _ in range(count))


HIDDEN: tuple[Numbers, ...] = ((), *_inputs("hidden tests", 31))
"""Inputs of the hidden tests, the same for every problem; what a program makes of them is what it does."""

Behaviour = tuple[Numbers, ...]


class Program(Task):
    """Problems are what programs do to the hidden inputs; programs that do the same are one solution.

    `verify` runs the hidden tests, so a search that is being measured may not ask it; `weak_verify` runs the
    examples in the prompt. Strata are the operator of the shortest program that fewest problems need.

    Args:
        steps: operators in the shortest program of a problem, at most, 1 to 5.
        examples: in a prompt, 1 to 5.
    """

    inline = True
    alphabet = "\n,0123456789:;>adehiprst|"
    max_step_tokens = 2
    hint_in_completion = True

    def __init__(self, steps: int = 5, examples: int = 3) -> None:
        self.max_steps = option.whole("steps", steps, 1, 5)
        self.examples = option.whole("examples", examples, 1, 5)
        self.name = option.spec("program", steps=(steps, 5), examples=(examples, 3))
        self.max_tokens = 2 * (self.max_steps + 1) + 1

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """Each behaviour once."""
        return list(itertools.islice(self._problems(split, seed), count))

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """Random programs, with what they do as the problem: right, rarely the shortest, with repeats."""
        return self.held_out("train", count, seed)

    def held_out(self, split: Split, count: int, seed: int) -> list[Demonstration]:
        """Random programs of a split."""
        source = random.Random(f"program play {split} {seed}")
        found: list[Demonstration] = []
        for _ in range(1000 * count):
            if len(found) == count:
                break
            names = "".join(source.choices(list(OPERATORS), k=source.randint(1, self.max_steps)))
            behaviour = run_all(names, HIDDEN)
            key, shortest = digest(behaviour), self._shortest(behaviour)
            if split_of(key) == split and _is_problem(behaviour, shortest):
                prompt, completion = self._prompt(shortest), _text(names)
                if self.weak_verify(prompt, completion).score == 1:
                    found.append(Demonstration(prompt, completion))
        return found

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """Exact by the hidden tests."""
        flags = text_flags(completion, self.step_end, 2 * MAX_STEPS)
        flags = tuple(flag for flag in flags if flag != "loop")  # repeated steps are good programs
        names = read_program(completion)
        if names is None:
            return VerifyResult(0.0, reason="no program", flags=flags)
        behaviour = run_all(names, HIDDEN)
        parsed = _text(self._shortest(behaviour)) or completion
        if digest(behaviour) == prompt.key:
            return VerifyResult(1.0, parsed, flags=flags, path=parsed)
        return VerifyResult(0.0, parsed, "a hidden test fails", flags, path=parsed)

    def weak_verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """The share of the prompt's examples that hold."""
        tests = read_examples(prompt)
        names = read_program(completion)
        if names is None:
            return VerifyResult(0.0, reason="no program")
        passed = sum(run(names, given) == wanted for given, wanted in tests)
        reason = "" if passed == len(tests) else f"{len(tests) - passed} of {len(tests)} examples fail"
        return VerifyResult(passed / len(tests), completion, reason)

    def behaviour(self, prompt: Prompt, completion: str) -> str | None:
        """What it makes of eight inputs drawn for the prompt, none of them a hidden test's by intent."""
        names = read_program(completion)
        if names is None:
            return None
        return "|".join(_written(output) for output in run_all(names, _inputs(f"cluster {prompt.text}", 8)))

    def modes(self, prompt: Prompt, completion: str) -> list[str]:
        """Its operators."""
        del prompt
        return [name for name in OPERATORS if f"{name};" in completion]

    def solutions(self, prompt: Prompt) -> frozenset[str] | None:
        """The first of the shortest programs, which stands for all."""
        shortest = _programs(self.max_steps).get(prompt.key)
        return None if shortest is None else frozenset([_text(shortest)])

    def hint(self, prompt: Prompt) -> str | None:
        """The first step of the shortest program."""
        shortest = _programs(self.max_steps).get(prompt.key)
        return _text(shortest[:1]) if shortest else None

    def is_complete(self, prompt: Prompt, completion: str) -> bool:
        """After the most steps that are run."""
        del prompt
        return completion.count(self.step_end) >= MAX_STEPS

    def variations(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Of each prompt one with other examples, and one problem of the same split."""
        given = {prompt.id for prompt in prompts}
        programs = _programs(self.max_steps)
        new = {split: self._problems(split, seed + 1) for split in ("train", "validation", "test")}
        found: dict[str, Prompt] = {}
        for prompt in prompts:
            if prompt.key in programs:
                other = self._prompt(programs[prompt.key], f"other {seed}")
                found[other.id] = replace(other, stratum="examples")
            fresh = next((p for p in new[split_of(prompt.key)] if p.id not in given), None)
            if fresh is not None:
                found[fresh.id] = replace(fresh, stratum="problem")
        return [prompt for prompt in found.values() if prompt.id not in given]

    def harder(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """As many problems, where there are, that need an operator more than any in the splits."""
        source = random.Random(f"program harder {seed}")
        known = _shortest_programs(self.max_steps)
        found: dict[str, Prompt] = {}
        for _ in range(1000 * len(prompts)):
            if len(found) == len(prompts):
                break
            names = "".join(source.choices(list(OPERATORS), k=self.max_steps + 1))
            behaviour = run_all(names, HIDDEN)
            if behaviour not in known and _is_problem(behaviour, names):
                prompt = self._prompt(names)
                found[prompt.id] = replace(prompt, stratum="steps")
        return list(found.values())

    def _shortest(self, behaviour: Behaviour) -> str:
        return _shortest_programs(self.max_steps).get(behaviour, "")

    def _problems(self, split: Split, seed: int) -> Iterator[Prompt]:
        found = [names for key, names in _programs(self.max_steps).items() if split_of(key) == split]
        random.Random(f"program {split} {seed}").shuffle(found)
        yield from map(self._prompt, found)

    def _prompt(self, names: str, variant: str = "") -> Prompt:
        """The problem that a program solves, with examples that depend on it alone."""
        key = digest(run_all(names, HIDDEN))
        inputs = _inputs(f"examples {key} {variant}", self.examples)
        text = "|".join(f"{_written(given)}>{_written(run(names, given))}" for given in inputs) + ":"
        rarest = min(names, key=lambda name: (_needed(self.max_steps)[name], name))
        return Prompt(id=f"program {key} {text}", text=text, key=key, stratum=rarest)


def run(names: Sequence[str], numbers: Numbers) -> Numbers:
    """What a program makes of a list."""
    for name in names:
        numbers = OPERATORS[name](numbers)
    return numbers


def run_all(names: Sequence[str], inputs: Sequence[Numbers]) -> Behaviour:
    """What a program makes of some lists."""
    return tuple(run(names, numbers) for numbers in inputs)


def digest(behaviour: Behaviour) -> str:
    """Names what a program does without saying how."""
    return hashlib.sha256(repr(behaviour).encode()).hexdigest()[:16]


def read_program(text: str) -> str | None:
    """The operators of `a;r;h;`, None for any other text and for more than MAX_STEPS."""
    if len(text) > 2 * MAX_STEPS or _PROGRAM.fullmatch(text) is None:
        return None
    return text.replace(";", "")


def read_examples(prompt: Prompt) -> list[tuple[Numbers, Numbers]]:
    """(input, output) of each; raise UserError for text that is no such prompt."""
    if _PROMPT.fullmatch(prompt.text) is None:
        raise UserError(f"prompt {prompt.text[:60]!r} is not of the form '3,1,2>6|5,4>9:'")
    pairs = [pair.split(">") for pair in prompt.text[:-1].split("|")]
    return [(_read(given), _read(wanted)) for given, wanted in pairs]


def _text(names: str) -> str:
    return "".join(f"{name};" for name in names)


def _written(numbers: Numbers) -> str:
    return ",".join(map(str, numbers))


def _read(text: str) -> Numbers:
    return tuple(int(number) for number in text.split(",") if number)


def _is_problem(behaviour: Behaviour, names: str) -> bool:
    """Whether it does something, and not the same to every list."""
    return names != "" and len(set(behaviour[1:])) > 1


@functools.cache
def _shortest_programs(max_steps: int) -> dict[Behaviour, str]:
    """The first, by length and then by letters, of all programs that do the same; the empty one too."""
    found: dict[Behaviour, str] = {HIDDEN: ""}
    level = [HIDDEN]
    for _ in range(max_steps):
        longer = []
        for behaviour in level:
            for name, operator in OPERATORS.items():
                after = tuple(map(operator, behaviour))
                if after not in found:
                    found[after] = found[behaviour] + name
                    longer.append(after)
        level = longer
    return found


@functools.cache
def _programs(max_steps: int) -> dict[str, str]:
    """The shortest program of every problem, by key."""
    known = _shortest_programs(max_steps)
    return {digest(behaviour): names for behaviour, names in known.items() if _is_problem(behaviour, names)}


@functools.cache
def _needed(max_steps: int) -> Counter[str]:
    """In how many problems' shortest programs each operator is."""
    return Counter(name for names in _programs(max_steps).values() for name in set(names))
