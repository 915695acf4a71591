"""Whoever is told about a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol


class Phase(Protocol):
    """Shows parts of the work."""

    def __call__(
        self, title: str, total: int, unit: str = ""
    ) -> AbstractContextManager[Callable[[float], None]]:
        """One that is counted to `total`; call what it gives with the count so far."""


def unseen(title: str, total: int, unit: str = "") -> AbstractContextManager[Callable[[float], None]]:
    """A Phase that shows nothing."""
    del title, total, unit
    return nullcontext(lambda _: None)


class Reporter(Protocol):
    """Whoever is told about a run; engine.cli.progress has the one of the command line."""

    def start(self, total_minutes: float | None, total_iterations: int | None, done: float = 0) -> None:
        """A run begins with `done` minutes or iterations behind it."""

    def iteration(self, metrics: Mapping[str, Any]) -> None:
        """An iteration has ended with these metrics."""

    def message(self, text: str) -> None:
        """Something worth a line."""

    def phase(
        self, title: str, total: int, unit: str = ""
    ) -> AbstractContextManager[Callable[[float], None]]:
        """A part of an iteration that is counted to `total`; call what it gives with the count so far."""

    def finish(self, table: Sequence[Mapping[str, Any]]) -> None:
        """The run has ended with this result."""
