"""The game under way: its positions from the first on, with what led to each."""

from __future__ import annotations

from dataclasses import dataclass

from engine._core import State
from engine.protocols.gtp.request import GtpError

MAX_STEPS = 5000
"""Positions that are kept."""


@dataclass(frozen=True)
class Step:
    """A position and what led to it. action: None where it was set up. is_pass_before: whether a pass of the
    other player, which nobody sent, was put before the move."""

    state: State
    player: int
    action: int | None
    text: str = ""
    is_pass_before: bool = False


class History:
    """Positions, the last of them on the board."""

    def __init__(self, start: State) -> None:
        self._start = start
        self.steps: list[Step] = []

    @property
    def start(self) -> State:
        """The first of them."""
        return self._start

    @property
    def state(self) -> State:
        """What is on the board; not to be played on."""
        return self.steps[-1].state if self.steps else self._start

    @property
    def last(self) -> Step | None:
        """What led there."""
        return self.steps[-1] if self.steps else None

    def add(self, step: Step) -> None:
        """Go on to a position."""
        if len(self.steps) >= MAX_STEPS:
            raise GtpError(f"no more than {MAX_STEPS} moves")
        self.steps.append(step)

    def take_back(self, count: int = 1) -> None:
        """Go back so many steps."""
        if count > len(self.steps):
            raise GtpError("cannot undo")
        del self.steps[len(self.steps) - count :]

    def advance(self, player: int, action: int) -> None:
        """A move of the player to move, which is legal."""
        text = self.state.action_text(action)
        state = self.state.clone()
        state.play(action)
        self.add(Step(state, player, action, text))
