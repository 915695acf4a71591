"""A session: one player, one game under way, and what the client has set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine._core import Game, InputError, State
from engine.game import inquiry
from engine.player.player import Player
from engine.protocols.gtp.gogui.clicks import Clicks
from engine.protocols.gtp.inbox import Inbox
from engine.protocols.gtp.position import History, Step
from engine.protocols.gtp.reply import Reply
from engine.protocols.gtp.request import GtpError

COLORS = ("black", "white")


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
    clicks: Clicks = field(default_factory=Clicks)
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

    @property
    def colors(self) -> tuple[str, str]:
        """By player."""
        first = inquiry.first_color(self.game)
        return (first, COLORS[first == COLORS[0]])

    def player_of(self, word: str) -> int:
        """0 or 1 for a word that means black or white, such as `b`."""
        color = {"b": "black", "w": "white"}.get(word.lower(), word.lower())
        if color not in COLORS:
            raise GtpError("invalid color or coordinate")
        return self.colors.index(color)

    def play(self, player: int, text: str) -> None:
        """A move of either player, in the game's notation or by clicks on points."""
        if player != self.state.player() or self.state.outcome() is not None:
            raise GtpError("illegal move")
        if self.clicks.are_on and self.clicks.click(self.game, self.history, text):
            return
        try:
            self.history.advance(player, self.action_of(text, self.state))
        except GtpError:
            if not self.clicks.click(self.game, self.history, text):
                raise

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


__all__ = ["COLORS", "Session", "Step"]
