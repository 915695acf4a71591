"""The laws every task keeps, checked on its own problems and on damaged text."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

from engine.errors import describe_error
from engine.game.laws import LawError
from engine.language.task import Demonstration, Kind, Prompt, Split, Task, VerifyResult, split_of

NOISE = (
    "",
    " ",
    "\n",
    ";",
    ";;;;",
    "=",
    "9**9**9",
    "0",
    "-1",
    "1/0=0;",
    "\x00",
    "é١",
    "\ud800",
    "3 7",
    "(",
    "\\",
)
"""Completions that a verifier has to survive."""


def check_task(task: Task, count: int = 40, seed: int = 0) -> int:
    """Check the laws on `count` problems a split and as many demonstrations; the number of verdicts checked.

    - Problems of a split differ, are the same for the same seed, and fewer are the first of more.
    - No key is in two splits; demonstrations are of the training split.
    - Steps joined are the completion; solutions and demonstrations are right by `verify`.
    - `verify` judges any text, with a score in [0, 1].
    - `problem`, where there is one, reads problems of the training split and nothing else.

    Raise LawError at the first that is broken, naming the line of a task that raises.
    """
    _check_form(task)
    problems = {split: _check_prompts(task, split, count, seed) for split in get_args(Split)}
    demonstrations = _call(task.demonstrations, count, seed)
    _require("fewer demonstrations come first", demonstrations[:3] == _call(task.demonstrations, 3, seed)[:3])
    verdicts = 0
    for demonstration in demonstrations:
        verdicts += _check_demonstration(task, demonstration, random.Random(seed))
    for split, prompts in problems.items():
        for prompt in prompts[:5]:
            verdicts += _check_problem(task, prompt, split)
    _check_surface(task, problems["test"], seed)
    return verdicts


def _require(law: str, holds: bool, seen: object = "") -> None:
    if not holds:
        raise LawError(law + (f"; {seen!r}" if seen != "" else ""))


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        name = getattr(function, "__name__", "call")
        shown = ", ".join(repr(argument)[:80] for argument in arguments)
        raise LawError(f"no method raises: {name}({shown}): {describe_error(error)}") from error


def _check_form(task: Task) -> None:
    _require("a task has a name", bool(task.name))
    _require("kind is exact, learned or self", task.kind in get_args(Kind), task.kind)
    _require("end and step_end are text", bool(task.end) and bool(task.step_end))
    _require("limits of tokens are at least 1", task.max_tokens >= 1 and task.max_step_tokens >= 1)
    _require("players are 1 or 2", task.num_players in (1, 2), task.num_players)


def _check_text(task: Task, text: str) -> None:
    if task.alphabet:
        _require("text is of the alphabet", set(text) <= set(task.alphabet), text[:80])


def _check_prompts(task: Task, split: Split, count: int, seed: int) -> list[Prompt]:
    prompts: list[Prompt] = _call(task.prompts, split, count, seed)
    _require("no more prompts than asked for", len(prompts) <= count, len(prompts))
    _require("problems of a split differ", len({prompt.id for prompt in prompts}) == len(prompts))
    _require("the same seed gives the same problems", prompts == _call(task.prompts, split, count, seed))
    fewer = count // 3
    _require("fewer problems come first", prompts[:fewer] == _call(task.prompts, split, fewer, seed)[:fewer])
    reads = type(task).problem is not Task.problem
    for prompt in prompts:
        _require("a key belongs to its split", split_of(prompt.key) == split, prompt)
        _check_text(task, prompt.text)
        if reads:
            read = _call(task.problem, prompt.text)
            wanted = (prompt.id, prompt.key) if split == "train" else None
            told = None if read is None else (read.id, read.key)
            _require("`problem` reads those of the training split and no others", told == wanted, prompt.text)
    if reads:
        for text in NOISE:
            _require("`problem` reads no other text", _call(task.problem, text) is None, text)
    return prompts


def _check_result(task: Task, prompt: Prompt, completion: str) -> VerifyResult:
    result: VerifyResult = _call(task.verify, prompt, completion)
    _require("verify gives a VerifyResult", isinstance(result, VerifyResult), type(result).__name__)
    _require(
        "a score is in [0, 1]",
        math.isfinite(result.score) and 0 <= result.score <= 1,
        (completion[:80], result),
    )
    _require("flags are texts", all(isinstance(flag, str) for flag in result.flags), result)
    _require("a verdict repeats", result == _call(task.verify, prompt, completion), completion[:80])
    _require("kind is of the task", result.kind == task.kind, result)
    joined = "".join(_call(task.steps, completion))
    _require("steps joined are the completion", joined == completion, completion[:80])
    return result


def _check_demonstration(task: Task, demonstration: Demonstration, source: random.Random) -> int:
    prompt, completion = demonstration.prompt, demonstration.completion
    _require("demonstrations are of the training split", split_of(prompt.key) == "train", prompt)
    _require("a completion does not hold its end", task.end not in completion, completion)
    _check_text(task, prompt.text + completion + task.end)
    if task.alphabet:
        _require("a demonstration fits max_tokens", len(completion) < task.max_tokens, completion)
    result = _check_result(task, prompt, completion)
    if task.num_players == 1:
        _require("demonstrations are right", result.score == 1, (prompt.text, completion, result))
    known = _call(task.solutions, prompt)
    if known is not None and result.score == 1:
        _require(
            "a right answer is among the solutions", result.parsed in known, (prompt.text, result.parsed)
        )
    _check_path(task, prompt, completion)
    damaged = _damage(completion, task.alphabet or "abc123;", source)
    for text in damaged:
        _check_result(task, prompt, text)
    return 1 + len(damaged)


def _check_path(task: Task, prompt: Prompt, completion: str) -> None:
    """A demonstration is a way through the legal steps."""
    written = ""
    for step in _call(task.steps, completion):
        _require("player is 0 or 1", _call(task.player, prompt, written) in range(task.num_players), written)
        legal = _call(task.legal_steps, prompt, written)
        _require("a demonstration takes legal steps", legal is None or step in legal, (written, step))
        written += step
    if _call(task.is_complete, prompt, written):
        _require("nothing follows a complete text", not _call(task.legal_steps, prompt, written), written)


def _damage(text: str, alphabet: str, source: random.Random) -> Sequence[str]:
    if not text:
        return []
    place = source.randrange(len(text))
    letter = source.choice(alphabet)
    return [
        text[:place] + letter + text[place + 1 :],
        text[:place] + text[place + 1 :],
        text + text,
        text[:place],
    ]


def _check_problem(task: Task, prompt: Prompt, split: Split) -> int:
    for text in NOISE:
        _check_result(task, prompt, text)
        _require("leaks is true or false", isinstance(_call(task.leaks, prompt, text), bool), text)
    hint = _call(task.hint, prompt)
    _require("a hint is text or nothing", hint is None or (isinstance(hint, str) and hint != ""), hint)
    known = _call(task.solutions, prompt)
    for parsed in sorted(known or ())[:20]:
        result = _check_result(task, prompt, parsed)
        _require(
            "solutions are right, and their own form", result.score == 1 and result.parsed == parsed, parsed
        )
    same = replace(prompt, stratum="")
    _require(
        "a verdict needs no stratum", _call(task.verify, same, "x") == _call(task.verify, prompt, "x"), split
    )
    return len(NOISE) + len(known or ())


def _check_surface(task: Task, prompts: list[Prompt], seed: int) -> None:
    given = {prompt.id for prompt in prompts}
    varied: list[Prompt] = _call(task.variations, prompts, seed)
    _require("variations repeat", varied == _call(task.variations, prompts, seed))
    for prompt in varied:
        _require("variations are other problems", prompt.id not in given, prompt)
        _require("variations keep out of training", split_of(prompt.key) != "train", prompt)
        _check_text(task, prompt.text)
        _check_result(task, prompt, "")
    for prompt in _call(task.harder, prompts, seed):
        _require("harder problems are others", prompt.id not in given, prompt)
        _check_result(task, prompt, "")
