"""Tasks by name: registered ones, with options, and a user's own `file.py:Name`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from engine.errors import UserError
from engine.language.task import Kind, Task
from engine.plugin import Plugins, suggest
from engine.sandbox.value import printable

GROUP = "selfplay.tasks"
"""Entry-point group in which installed packages declare their tasks."""

MAX_TOKENS = 1 << 20
"""Of a completion."""

_TASKS = Plugins("task", GROUP, Task, "engine.language.task.Task")


def task_names() -> list[str]:
    """Names of the registered tasks, sorted."""
    return _TASKS.names()


def load_task(spec: str, **options: Any) -> Task:
    """Build the task that `spec` names: `countdown:numbers=4`, `file.py:Name[:a=b]`, `package.module:Name`.

    `options` go over those written in `spec`. A file is run as the code it is, so a spec comes from the
    user; a file in a run directory or beside a model is refused. Raise UserError for an unknown name or
    option and for a value that the task refuses.
    """
    task: Task = _TASKS.load(spec, options)
    _check_attributes(spec, task)
    return task


def located_task(spec: str) -> str:
    """`spec` as it holds in every directory: a file or module of the user's by its whole path."""
    return _TASKS.located(spec)


def is_same_task(one: str, other: str) -> bool:
    """Whether two specs name the same task, wherever the file of a user's lies."""
    return _TASKS.is_same(one, other)


def is_task_class(spec: str) -> bool:
    """Whether `spec` names a class of tasks; raise UserError where it names nothing."""
    found = _TASKS.find(spec)
    return isinstance(found, type) and issubclass(found, Task)


def task_option_names(spec: str) -> list[str]:
    """Names of the options that the task of `spec` takes."""
    return _TASKS.option_names(spec)


def task_preset(task: Task, name: str) -> dict[str, Any]:
    """The settings layer of a task's preset; `default` is empty where the task brings none."""
    presets: Mapping[str, Mapping[str, Any]] = task.presets
    if name in presets:
        return dict(presets[name])
    if name == "default":
        return {}
    others = [other for other in task_names() if name in load_task(other).presets]
    if others:
        raise UserError(f"task '{task.name}' has no preset '{name}', {' and '.join(others)} has; take that")
    known = suggest(name, {*presets, "default"}, "its presets")
    raise UserError(f"task '{task.name}' has no preset '{name}'; {known}")


def _check_attributes(spec: str, task: Task) -> None:
    """Raise UserError for attributes of a user's class that no task can have."""
    counts = f"a whole number from 1 to {MAX_TOKENS}"
    wanted = {
        "name": (isinstance(task.name, str), "text"),
        "kind": (task.kind in get_args(Kind), " or ".join(get_args(Kind))),
        "end": (isinstance(task.end, str) and task.end, "the text that ends a completion"),
        "step_end": (isinstance(task.step_end, str) and task.step_end, "the text that ends a step"),
        "alphabet": (isinstance(task.alphabet, str), "the characters in one text"),
        "max_tokens": (_is_count(task.max_tokens), counts),
        "max_step_tokens": (_is_count(task.max_step_tokens), counts),
        "num_players": (task.num_players in (1, 2), "1 or 2"),
        "presets": (_are_presets(task.presets), "settings by name, each a table"),
    }
    for name, (is_good, remedy) in wanted.items():
        if not is_good:
            value = printable(repr(getattr(task, name)), 80)
            raise UserError(f"task '{spec}': its {name} is {value}; give {remedy}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_TOKENS


def _are_presets(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(layer, Mapping) for name, layer in value.items()
    )
