"""Options of tasks, checked."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import UserError


def whole(name: str, value: object, low: int, high: int) -> int:
    """A whole number between two bounds; raise UserError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UserError(f"{name} is {value!r}; give a whole number from {low} to {high}")
    return value


def one_of(name: str, value: object, known: Sequence[str]) -> str:
    """One of a few words; raise UserError for anything else."""
    if value not in known:
        raise UserError(f"{name} is {value!r}; give {' or '.join(known)}")
    return str(value)


def switch(name: str, value: object) -> bool:
    """True or false; raise UserError for anything else."""
    if not isinstance(value, bool):
        raise UserError(f"{name} is {value!r}; give true or false")
    return value


def spec(name: str, **options: tuple[object, object]) -> str:
    """How the task is named on the command line: options that have not their default, as (value, default)."""
    changed = [f"{key}={_written(value)}" for key, (value, default) in options.items() if value != default]
    return f"{name}:{','.join(changed)}" if changed else name


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
