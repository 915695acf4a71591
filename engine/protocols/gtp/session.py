"""A session: one player, one game under way, and what the client has set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine._core import Game, InputError, State
from engine.player.player import Player
from engine.protocols.gtp.inbox import Inbox
from engine.protocols.gtp.position import History, Step
from engine.protocols.gtp.reply import Reply
from engine.protocols.gtp.request import GtpError

COLORS = ("black", "white")
"""By player."""

_PLAYERS = {"b": 0, "black": 0, "w": 1, "white": 1}


@dataclass
class Session:
    """What commands share.

    player: whoever plays. open_player: makes the same player for a game with other options; raises UserError
    where it cannot play that. inbox: what the client sends. reply: to the command that is being answered.
    """

    player: Player
    open_player: Callable[[Game], Player]
    inbox: Inbox
    version: str
    reply: Reply = field(init=False)
    history: History = field(init=False)
    has_ended: bool = False

    def __post_init__(self) -> None:
        self.history = History(self.player.game.initial())

    @property
    def game(self) -> Game:
        """The rules."""
        return self.player.game

    @property
    def state(self) -> State:
        """What is on the board; not to be played on."""
        return self.history.state

    def play(self, player: int, text: str) -> None:
        """A move as a client writes it, by whichever player."""
        if player != self.state.player() or self.state.outcome() is not None:
            raise GtpError("illegal move")
        self.history.advance(player, self.action_of(text, self.state))

    def action_of(self, text: str, state: State) -> int:
        """The action that a client writes so, legal in `state`."""
        try:
            return state.parse_action(text)
        except InputError:
            raise GtpError("illegal move") from None

    def choose(self, player: int) -> int:
        """The player's move in the position on the board."""
        if player != self.state.player() or self.state.outcome() is not None:
            raise GtpError("the game is over" if self.state.outcome() is not None else "not to move")
        return self.player.choose([self.state], [0])[0]


def read_player(text: str) -> int:
    """0 for a word that means black, 1 for white."""
    player = _PLAYERS.get(text.lower())
    if player is None:
        raise GtpError("invalid color or coordinate")
    return player


__all__ = ["COLORS", "Session", "Step", "read_player"]
