"""Problems and demonstrations of a task, checked where they come in: a task may be anyone's code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import UserError, describe_error
from engine.language.spelling import spaced_once
from engine.language.task import Demonstration, Prompt, Split, Task
from engine.sandbox.value import printable


def problems(task: Task, split: Split, count: int, seed: int) -> list[Prompt]:
    """`count` problems of a split, or all it has; UserError for what are no problems, or ids that repeat."""
    found = _listed(task, "prompts", split, count, seed)[:count]
    names: set[str] = set()
    for prompt in found:
        _check(task, "prompts", prompt)
        if prompt.id in names:
            raise UserError(
                f"task '{task.name}': two problems of the split {split} have the id {_shown(prompt.id)}; "
                "give each its own"
            )
        names.add(prompt.id)
    return found


def some_problems(task: Task, split: Split, count: int, seed: int) -> list[Prompt]:
    """Like `problems`; UserError where there are fewer than two."""
    found = problems(task, split, count, seed)
    if len(found) < min(2, count):
        raise UserError(
            f"task '{task.name}' has {len(found) or 'no'} problem of the split {split}; give it two or more"
        )
    return found


def demonstrations(task: Task, count: int, seed: int) -> list[Demonstration]:
    """`count` demonstrations, or all there are; UserError for what are none."""
    found = _listed(task, "demonstrations", count, seed)[:count]
    for each in found:
        if not isinstance(each, Demonstration):
            raise _error(task, "demonstrations", f"a {type(each).__name__}", "Demonstration objects")
        _check(task, "demonstrations", each.prompt)
        _check_text(task, "demonstrations", each.completion)
    return found


def variations(task: Task, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
    """The task's variations of some problems; UserError for what are none."""
    found = _listed(task, "variations", prompts, seed)
    for prompt in found:
        _check(task, "variations", prompt)
    return found


def refuse_shared(task: Task, practised: Sequence[Prompt], measured: Sequence[Prompt]) -> None:
    """UserError, naming them, where problems to practise on are among those to measure on, by id or key."""
    names, keys = {prompt.id for prompt in measured}, {spaced_once(prompt.key) for prompt in measured}
    shared = [prompt for prompt in practised if prompt.id in names or spaced_once(prompt.key) in keys]
    if shared:
        shown = ", ".join(_shown(prompt.id) for prompt in shared[:3]) + (", …" if len(shared) > 3 else "")
        raise UserError(
            f"task '{task.name}': {len(shared)} problems of the training split are in validation or test, "
            f"too, by id or key: {shown}; give each key to one split"
        )


def modes(task: Task, prompt: Prompt, completion: str) -> list[str]:
    """The kinds that a completion shows; UserError for what are none."""
    found: list[str] = _returned(task, "modes", (list, tuple), "a list", prompt, completion)
    for mode in found:
        _check_text(task, "modes", mode)
    return found


def solutions(task: Task, prompt: Prompt) -> frozenset[str] | None:
    """The right solutions of a problem, None where they cannot be listed; UserError for what are none."""
    kinds = (frozenset, set, type(None))
    found: frozenset[str] | None = _returned(
        task, "solutions", kinds, "a frozenset of texts, or None", prompt
    )
    for solution in found or ():
        _check_text(task, "solutions", solution)
    return found


def leaks(task: Task, prompt: Prompt, completion: str) -> bool:
    """Whether a completion uses its hint too early; UserError where the task's method raises."""
    found: bool = _returned(task, "leaks", (bool, np.bool_), "True or False", prompt, completion)
    return found


def gold(task: Task, prompt: Prompt, completion: str) -> float:
    """The true score of a completion, NaN where it is not known; UserError for what is none."""
    return _score(task, "gold", prompt, completion)


def second_score(task: Task, prompt: Prompt, completion: str) -> float:
    """What an independent verifier says of it, NaN where there is none; UserError for what is no score."""
    return _score(task, "second_score", prompt, completion)


def _score(task: Task, method: str, prompt: Prompt, completion: str) -> float:
    kinds = (float, int, np.floating, type(None))
    found = _returned(task, method, kinds, "a score from 0 to 1, or None", prompt, completion)
    if found is not None and not 0 <= found <= 1:
        raise _error(task, method, _shown(found), "a score from 0 to 1, or None")
    return math.nan if found is None else float(found)


def _listed(task: Task, method: str, *arguments: Any) -> list[Any]:
    """What a method of a task returns; UserError where it raises or returns no list."""
    return list(_returned(task, method, (list, tuple), "a list", *arguments))


def _returned(task: Task, method: str, kinds: tuple[type, ...], wanted: str, *arguments: Any) -> Any:
    try:
        found = getattr(task, method)(*arguments)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        told = printable(" ".join(describe_error(error).split()))
        raise UserError(f"task '{task.name}': `{method}` raised {told}") from error
    if not isinstance(found, kinds):
        raise _error(task, method, f"a {type(found).__name__}", wanted)
    return found


def _check(task: Task, method: str, prompt: object) -> None:
    if not isinstance(prompt, Prompt):
        raise _error(task, method, f"a {type(prompt).__name__}", "Prompt objects")
    for text in (prompt.id, prompt.text, prompt.key, prompt.stratum):
        _check_text(task, method, text)


def _check_text(task: Task, method: str, text: object) -> None:
    if not isinstance(text, str):
        raise _error(task, method, f"{_shown(text)} for a text", "texts")
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        raise _error(task, method, f"{_shown(text)} with half a surrogate pair", "valid Unicode") from None


def _error(task: Task, method: str, got: str, wanted: str) -> UserError:
    return UserError(f"task '{task.name}': `{method}` returned {got}; give {wanted}")


def _shown(value: object) -> str:
    return printable(repr(value), 60)
