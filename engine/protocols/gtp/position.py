"""The game under way: its positions from the first on, with what led to each."""

from __future__ import annotations

from dataclasses import dataclass

from engine._core import Game, State
from engine.protocols.gtp.request import GtpError

MAX_STEPS = 5000
"""Positions that are kept."""


@dataclass(frozen=True)
class Step:
    """A position and what led to it.

    action: the player's; None where the position was set up. text: of the move. offset: points for black
    that the position itself does not show, since it was set up in the middle of a game: prisoners, a bonus.
    """

    state: State
    player: int
    action: int | None
    text: str = ""
    offset: float = 0.0


class History:
    """Positions, the last of them on the board."""

    def __init__(self, start: State) -> None:
        self.start = start
        self.steps: list[Step] = []

    @property
    def state(self) -> State:
        """What is on the board; not to be played on."""
        return self.steps[-1].state if self.steps else self.start

    @property
    def offset(self) -> float:
        """Of the position on the board."""
        return self.steps[-1].offset if self.steps else 0.0

    @property
    def passes(self) -> int:
        """Passes of one player after the other at the end, as clients have sent them; at most 2."""
        count, player = 0, None
        for step in reversed(self.steps[-2:]):
            if step.action is None or step.text.lower() != "pass" or step.player == player:
                break
            count, player = count + 1, step.player
        return count

    def add(self, step: Step) -> None:
        """Go on to a position."""
        if len(self.steps) >= MAX_STEPS:
            raise GtpError(f"no more than {MAX_STEPS} moves")
        self.steps.append(step)

    def advance(self, player: int, action: int) -> None:
        """A legal move of the player to move."""
        text, state = self.state.action_text(action), self.state.clone()
        state.play(action)
        self.add(Step(state, player, action, text, self.offset))

    def take_back(self, count: int = 1) -> None:
        """Go back so many steps."""
        if count > len(self.steps):
            raise GtpError("cannot undo")
        del self.steps[len(self.steps) - count :]

    def under(self, game: Game) -> History:
        """The same game by other rules; InputError where these do not allow it."""
        other = History(game.replay(*self.start.position()))
        for step in self.steps:
            state = game.replay(*step.state.position())
            other.steps.append(Step(state, step.player, step.action, step.text, step.offset))
        return other
