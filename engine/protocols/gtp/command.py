"""Commands: functions by name, in tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.protocols.gtp.session import Session

Run = Callable[[Session, Sequence[str]], str]
"""Carries a command out and gives what to answer, without the equals sign; raise GtpError to refuse it."""


@dataclass(frozen=True)
class Command:
    """One command. offered: whether a session's game knows it."""

    name: str
    run: Run
    does: str
    offered: Callable[[Session], bool]


class Commands(dict[str, Command]):
    """Commands by name; a file of commands has one of its own."""

    def command(
        self, name: str, does: str, offered: Callable[[Session], bool] = lambda _: True
    ) -> Callable[[Run], Run]:
        """Enter a function under a name; `does` says on one line what a person needs to know of it."""
        assert name not in self

        def enter(run: Run) -> Run:
            self[name] = Command(name, run, does, offered)
            return run

        return enter
