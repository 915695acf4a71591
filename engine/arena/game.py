"""A game of an event: who is to play it, what was played and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine._core import State


@dataclass(frozen=True)
class GameOrder:
    """A game to be played.

    number: of the game in its event; with the event's seed it settles what is random in the game, and the
    two games of a pair are 2 k and 2 k + 1. opening: index of the opening. seats: the players of colour 0 and
    1, by their index in the event; colours are those of `State.player()`.
    """

    number: int
    opening: int
    seats: tuple[int, int]

    def points(self, player: int, outcome: float) -> float:
        """Of one of the two players, in [0, 1], for an outcome of colour 0."""
        return (1 + (outcome if self.seats[0] == player else -outcome)) / 2


@dataclass(frozen=True)
class Forfeit:
    """Why a player lost a game that it did not lose on the board.

    colour: 0 or 1, who forfeits. kind: what was wrong, a word of FORFEITS. reason: in one line.
    """

    colour: int
    kind: str
    reason: str


FORFEITS = {
    "start": "the engine did not start or get ready",
    "crash": "the player failed, or its process ended",
    "hang": "no answer in the time that anything may take",
    "time": "the move came after the time for it",
    "flood": "more output than an answer may have",
    "protocol": "an answer that the protocol does not have",
    "illegal": "a move that the rules do not allow, or none",
    "given up": "its engine failed in too many games in a row",
}
"""Kinds of forfeits. All but `time` and `illegal` tell nothing about how well a player plays."""


@dataclass
class ArenaGame:
    """A game under way or ended.

    opening: in the game's notation. actions: since then. outcome: of colour 0, in [-1, 1]; None while it
    runs. termination: `rules`, `resignation`, `forfeit` or `adjudication`, empty while it runs. claims: what
    players said of the result that the rules do not say. seconds: of thinking, by colour. nodes: what the
    players' searches say they visited, by colour; 0 where they say nothing.
    """

    order: GameOrder
    opening: str
    state: State
    actions: list[int] = field(default_factory=list)
    outcome: float | None = None
    termination: str = ""
    forfeit: Forfeit | None = None
    claims: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    nodes: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def number(self) -> int:
        """Of the game in its event."""
        return self.order.number

    @property
    def seats(self) -> tuple[int, int]:
        """The players of colour 0 and 1."""
        return self.order.seats

    @property
    def to_move(self) -> int:
        """The player whose turn it is."""
        return self.seats[self.state.player()]

    def points(self, player: int) -> float:
        """Of one of the two players, in [0, 1]."""
        return self.order.points(player, self.outcome or 0.0)

    def play(self, action: int) -> None:
        """Make a move of the player to move; an illegal one forfeits the game."""
        if action not in self.state.legal_actions():
            self.lose("illegal", f"illegal action {action}")
            return
        self.state.play(action)
        self.actions.append(action)
        result = self.state.outcome()
        if result is not None:
            self.end(result if self.state.player() == 0 else -result, "rules")

    def lose(self, kind: str, reason: str, colour: int | None = None) -> None:
        """A colour forfeits, by default the player to move."""
        loser = self.state.player() if colour is None else colour
        self.forfeit = Forfeit(loser, kind, reason)
        self.end(-1.0 if loser == 0 else 1.0, "forfeit")

    def resign(self) -> None:
        """The player to move gives up."""
        self.end(-1.0 if self.state.player() == 0 else 1.0, "resignation")

    def end(self, outcome: float, termination: str) -> None:
        """The game is over; `outcome` is colour 0's."""
        assert self.outcome is None
        self.outcome, self.termination = outcome, termination
