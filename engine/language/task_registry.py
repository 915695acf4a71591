"""Tasks by name: registered ones, with options, and a user's own `file.py:Name`."""

from __future__ import annotations

from typing import Any

from engine.language.task import Task
from engine.plugin import Plugins

GROUP = "selfplay.tasks"
"""Entry-point group in which installed packages declare their tasks."""

_TASKS = Plugins("task", GROUP, Task, "engine.language.task.Task", takes_files=True)


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
    return task


def task_option_names(spec: str) -> list[str]:
    """Names of the options that the task of `spec` takes."""
    return _TASKS.option_names(spec)
