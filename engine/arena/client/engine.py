"""What all outside engines have in common, whatever they speak."""

from __future__ import annotations

import abc
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine._core import Game, InputError, State
from engine.arena.client.error import EngineError, shown
from engine.arena.client.process import EngineProcess
from engine.player.clock import Clock
from engine.player.limit import Limit
from engine.player.spec import PlayerSpec

STOP_S = 2.0
"""For the answer to a request to stop."""


@dataclass(frozen=True)
class Answer:
    """An engine's move.

    action: None where it resigns. nodes: that it says it visited. value: of the position for the player to
    move, in [-1, 1], where it says one. result: of the game for that player, 1 or -1, where it is certain of
    it.
    """

    action: int | None
    nodes: int = 0
    value: float | None = None
    result: int | None = None


@dataclass(frozen=True)
class Turn:
    """A move to be made.

    state: the position with all that led there; not to be played on. clocks: of colour 0 and 1, None where
    nobody counts. deadline: of time.monotonic(), when the answer must be there.
    """

    state: State
    clocks: tuple[Clock, Clock] | None
    deadline: float

    @property
    def clock(self) -> Clock | None:
        """Of the player to move."""
        return None if self.clocks is None else self.clocks[self.state.player()]


class Engine(abc.ABC):
    """An engine's process and what is said to it; one thread at a time, but for `abandon`.

    Whatever it is asked, it may raise EngineError; it is of no use then but for `close`.

    Args:
        spec: its command and options.
        game: that it is to play.
        limit: of its moves.
        patience_s: how long it may take for what is no move.
    """

    farewell: str | None = None
    """What ends it."""

    def __init__(self, spec: PlayerSpec, game: Game, limit: Limit, patience_s: float) -> None:
        self.spec = spec
        self.name = spec.name
        self.game = game
        self.limit = limit
        self.patience_s = patience_s
        self.process = EngineProcess(spec.words)

    @abc.abstractmethod
    def start(self) -> None:
        """Greet it and set its options; raise UserError for one that it does not have and for a game that it
        does not play."""

    def check(self, state: State) -> None:
        """Raise UserError for a position to start from that the protocol cannot express."""
        del state

    @abc.abstractmethod
    def begin(self, state: State) -> None:
        """A new game from this position."""

    @abc.abstractmethod
    def choose(self, turn: Turn) -> Answer:
        """Its move."""

    def judge(self, state: State) -> str:
        """What it says of the result of an ended game where that is not what our rules say; else empty."""
        del state
        return ""

    def close(self) -> None:
        """End it."""
        self.process.close(self.farewell)

    def abandon(self) -> None:
        """Have it ended at once, from any thread."""
        self.process.abandon()

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process.is_alive

    def send(self, line: str) -> None:
        """Send a line."""
        self.process.send(line, self.patience())

    def overdue(self, answers: Callable[[str], bool], request: str | None = None) -> EngineError:
        """The failure of an engine that has not moved in time: late where it still does, after a request to
        stop where there is one."""
        deadline = time.monotonic() + min(STOP_S, self.patience_s)
        try:
            if request is not None:
                self.process.send(request, deadline)
            while not answers(self.process.receive(deadline)):
                pass
        except EngineError as failure:
            if failure.kind != "hang":
                return failure
            heard = f", and none after {request}" if request is not None else ""
            return EngineError("hang", f"no move in time{heard}{self.process.last_words()}")
        return EngineError("time", "no move in time; it came later")

    def patience(self) -> float:
        """When an answer to what is no move must be there."""
        return time.monotonic() + self.patience_s


def with_kind(kind: str, failure: EngineError, doing: str) -> EngineError:
    """The failure, told as one at some task; `kind` in place of a hang."""
    named = kind if failure.kind == "hang" else failure.kind
    return EngineError(named, f"{doing}: {failure.reason}")


def milliseconds(seconds: float) -> int:
    """As UCI counts time; at least 1, since 0 is no time control."""
    return max(1, math.floor(seconds * 1000))


def moves_since(game: Game, start: str, actions: Sequence[int]) -> list[str]:
    """Moves from a start in the game's notation."""
    walker, moves = game.parse(start), []
    for action in actions:
        moves.append(walker.action_text(action))
        walker.play(action)
    return moves


def read_move(state: State, text: str, form: str = r"\S{1,16}") -> int:
    """The action of an engine's move; raise EngineError for one that is no move, or not legal."""
    if not (re.fullmatch(form, text) and text.isascii() and text.isprintable()):
        raise EngineError("protocol", f"{shown(text)} is no move")
    try:
        action = state.parse_action(text)
    except (InputError, ValueError) as error:
        raise EngineError("illegal", f"illegal move {shown(text)}: {error}") from None
    if action not in state.legal_actions():
        raise EngineError("illegal", f"illegal move {shown(text)}")
    return action
