"""Small functions in Python: a line of words, two examples and `def f(x):`, to be continued with a body."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of, text_flags
from games.text import option
from games.text.python_kinds import BY_NAME, KINDS, Kind, Parameters, draw

if TYPE_CHECKING:
    from engine.sandbox import Program, Result, Sandbox

EXAMPLES, HIDDEN, OWN = 2, 16, 6
"""Tests that the prompt shows, that decide, and inputs that `behaviour` compares completions on."""

TRIES = 8
"""Draws for each test, so that tests differ."""

FUNCTIONS = ("f", "g", "h", "func", "solve")
MAX_CHARS = 600
"""Of a completion that is run."""


class Python(Task):
    """A completion is run on the examples and on hidden tests, shut off from the machine.

    It is the body of the function, indented, or the function again as a whole. Problems are kinds of
    functions with parameters; the pair of both decides the split, so that every kind is in each.

    Args:
        area: arithmetic, list, string, or all.
        graded: score the share of hidden tests passed, not 1 for all and 0 otherwise.
        cpu_ms: processor time of one completion, in milliseconds.
    """

    alphabet = "\n" + "".join(map(chr, range(32, 127)))
    end = "#"
    step_end = "\n"
    max_tokens = 128
    max_step_tokens = 96
    inline = True

    def __init__(self, area: str = "all", graded: bool = False, cpu_ms: int = 500) -> None:
        self.area = option.one_of("area", area, ("arithmetic", "list", "string", "all"))
        self.graded = option.switch("graded", graded)
        self.cpu_s = option.whole("cpu_ms", cpu_ms, 50, 60_000) / 1000
        self.name = option.spec("python", area=(area, "all"), graded=(graded, False), cpu_ms=(cpu_ms, 500))
        self._kinds = [kind for kind in KINDS if area in (kind.area, "all")]
        self._lock = threading.Lock()
        self._sandbox: Sandbox | None = None

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """Each kind in turn, with parameters in an order of the seed's."""
        return list(itertools.islice(self._problems(split, seed), count))

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """One line, `return` and an expression."""
        return [
            Demonstration(prompt, f"    return {_fill(kind.body, parameters)}\n")
            for prompt in self.prompts("train", count, seed)
            for kind, parameters in [_read(prompt)]
        ]

    def variations(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Each with other examples and another name."""
        return [
            replace(_prompt(*_read(prompt), f"variation {seed}"), stratum="examples") for prompt in prompts
        ]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """By example and hidden tests; for all tests right the score is 1."""
        return self.verify_all([(prompt, completion)])[0]

    def verify_all(self, pairs: Sequence[tuple[Prompt, str]]) -> list[VerifyResult]:
        """As many at a time as there are cores."""
        tests = [[*_examples(prompt), *_inputs(prompt, "hidden", HIDDEN)] for prompt, _ in pairs]
        results = self._run(pairs, tests)
        return [
            self._judge(prompt, completion, inputs, result)
            for (prompt, completion), inputs, result in zip(pairs, tests, results, strict=True)
        ]

    def weak_verify(self, prompt: Prompt, completion: str) -> VerifyResult | None:
        """By the examples that the prompt shows."""
        inputs = _examples(prompt)
        return self._judge(prompt, completion, inputs, self._run([(prompt, completion)], [inputs])[0])

    def behaviour(self, prompt: Prompt, completion: str) -> str | None:
        """What it returns on inputs of its own; None where that is nothing."""
        result = self._run([(prompt, completion)], [_inputs(prompt, "own", OWN)])[0]
        if result is None or all(returned.error for returned in result.returned):
            return None
        return json.dumps([None if each.error else [each.value] for each in result.returned])

    def _problems(self, split: Split, seed: int) -> Iterator[Prompt]:
        orders = []
        for kind in self._kinds:
            order = list(kind.parameters)
            random.Random(f"{seed} {split} {kind.name}").shuffle(order)
            orders.append([(kind, parameters) for parameters in order])
        for turn in itertools.zip_longest(*orders):
            for problem in filter(None, turn):
                prompt = _prompt(*problem)
                if split_of(prompt.key) == split:
                    yield prompt

    def _run(
        self, pairs: Sequence[tuple[Prompt, str]], tests: Sequence[list[list[Any]]]
    ) -> list[Result | None]:
        """How each program ended, None for text that is not worth running."""
        from engine.sandbox import Limits, Program, Sandbox

        programs: list[Program | None] = [
            Program(_program(prompt, completion), function=_function(prompt), inputs=inputs)
            if completion.strip() and len(completion) <= MAX_CHARS
            else None
            for (prompt, completion), inputs in zip(pairs, tests, strict=True)
        ]
        with self._lock:
            if self._sandbox is None:
                limits = Limits(cpu_s=self.cpu_s, wall_s=20 * self.cpu_s, memory_mb=128, output_kb=16)
                self._sandbox = Sandbox(limits)
        results = iter(self._sandbox.run_many([program for program in programs if program]))
        return [next(results) if program else None for program in programs]

    def _judge(
        self, prompt: Prompt, completion: str, inputs: list[list[Any]], result: Result | None
    ) -> VerifyResult:
        from engine.sandbox import same

        flags = text_flags(completion, self.step_end, MAX_CHARS)
        if result is None:
            return VerifyResult(0.0, reason="not run", flags=flags)
        parsed = "\n".join(line.rstrip() for line in completion.splitlines() if line.strip())
        kind, parameters = _read(prompt)
        expected = [kind.function(*parameters, *arguments) for arguments in inputs]
        right = [
            not returned.error and same(returned.value, value)
            for returned, value in zip(result.returned, expected, strict=True)
        ]
        if all(right):
            return VerifyResult(1.0, parsed, flags=flags, path=parsed)
        failed = result.returned[right.index(False)]
        if result.limit:
            flags = (*flags, "timeout" if result.timed_out else result.limit)
        score = sum(right[EXAMPLES:]) / len(right[EXAMPLES:]) if self.graded and right[EXAMPLES:] else 0.0
        reason = "too much time" if result.timed_out else failed.error or "another value"
        return VerifyResult(min(score, 0.99), parsed, reason, flags, path=parsed)


def _prompt(kind: Kind, parameters: Parameters, surface: str = "") -> Prompt:
    key = json.dumps([kind.name, *parameters])
    source = random.Random(f"{key} {surface}")
    name = source.choice(FUNCTIONS) if surface else "f"
    tests = _draw(kind, parameters, f"{key} {surface or 'examples'}", EXAMPLES)
    shown = [
        f"{name}({', '.join(map(repr, test))}) == {kind.function(*parameters, *test)!r}" for test in tests
    ]
    lines = [f"Return {_fill(kind.text, parameters)}.", *shown, f"def {name}({', '.join(kind.arguments)}):"]
    text = "\n".join([f"# {line}" for line in lines[:-1]] + [lines[-1], ""])
    return Prompt(f"{key}{surface and ' '}{surface}", text, key, kind.area)


def _read(prompt: Prompt) -> tuple[Kind, Parameters]:
    """What a prompt of ours asks for."""
    try:
        name, *parameters = json.loads(prompt.key)
        return BY_NAME[name], tuple(parameters)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"prompt {prompt.id!r} is none of the task 'python'") from error


def _examples(prompt: Prompt) -> list[list[Any]]:
    """The inputs that the prompt shows."""
    return _inputs(prompt, prompt.id[len(prompt.key) :].strip() or "examples", EXAMPLES)


def _inputs(prompt: Prompt, purpose: str, count: int) -> list[list[Any]]:
    return _draw(*_read(prompt), f"{prompt.key} {purpose}", count)


def _draw(kind: Kind, parameters: Parameters, seed: str, count: int) -> list[list[Any]]:
    """Different inputs, fewer where a function has hardly any."""
    source = random.Random(seed)
    found: list[list[Any]] = []
    for _ in range(TRIES * count):
        test = draw(kind, parameters, source)
        if test not in found:
            found.append(test)
        if len(found) == count:
            break
    return found


def _fill(text: str, parameters: Parameters) -> str:
    """A text with its parameters, negative numbers in brackets."""
    shown = [f"({p})" if isinstance(p, int) and p < 0 else str(p) for p in parameters]
    return text.format(*shown)


def _function(prompt: Prompt) -> str:
    return prompt.text.rstrip().rpartition("\n")[2].removeprefix("def ").partition("(")[0]


def _program(prompt: Prompt, completion: str) -> str:
    """The function as a whole, of a completion that is its body or all of it."""
    if completion.startswith(("def ", "import ", "from ")):
        return completion
    return prompt.text.rstrip().rpartition("\n")[2] + "\n" + completion
