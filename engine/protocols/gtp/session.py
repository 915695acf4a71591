"""A session: one player, one game under way, and what the client has set."""

from __future__ import annotations

import contextlib
import copy
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from engine._core import Game, InputError, State, playout_owners
from engine.game import inquiry
from engine.game.offer import Goban
from engine.player.clock import Clock, TimeControl, allot, expected_plies
from engine.player.player import Player
from engine.player.thinking import Ownership, Query, Restriction, Thinker
from engine.player.thought.background import BackgroundThought
from engine.protocols.gtp.gogui.clicks import Clicks
from engine.protocols.gtp.inbox import Inbox
from engine.protocols.gtp.position import History, Step
from engine.protocols.gtp.reply import Reply
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.thinking import NO_LIMITS, Found, GoneError, Limits, OnReport, think

_COLORS = {"b": "black", "black": "black", "w": "white", "white": "white"}
_VERTEX = re.compile("pass|([a-hj-z])([1-9][0-9]?)", re.IGNORECASE)
_COLUMNS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"

LEAST_S = 0.02
"""That a move is thought about whatever the clock says: one without thought is no better than a lost game."""

OWNERSHIP_SIMULATIONS = 200
"""To find who owns what, where the session has no number."""

OWNERSHIP_GAMES = 1000
"""Of chance, for the same, where no network foretells it."""

PLAYOUTS = "playouts"


@dataclass
class Settings:
    """What whoever started the session has asked for.

    simulations: a move, None for as many as the time allows. control: of time, until a client says another.
    lag_s: that pass unseen a move. records: folder that files are read from and written to. memory_mb: of the
    trees. ponders: whether to think while the client does. move_s: seconds a move at most. pv_plies: of a
    variation that is told, at most.
    """

    version: str = "0"
    simulations: int | None = None
    control: TimeControl = field(default_factory=TimeControl)
    lag_s: float = 0.1
    records: Path | None = None
    memory_mb: float = 1024.0
    ponders: bool = False
    move_s: float = math.inf
    pv_plies: int = 1000


@dataclass(frozen=True)
class Choice:
    """A move that was chosen: in `state`, from which `action` leads on; found is None where nothing was
    searched."""

    state: State
    offset: float
    player: int
    action: int
    found: Found | None

    @property
    def text(self) -> str:
        """As the protocol writes it."""
        return self.state.action_text(self.action)


class Session:
    """What commands share.

    Args:
        player: whoever plays.
        open_player: makes the same player for a game with other options; raises UserError where it cannot
            play that.
        inbox: what the client sends.
        settings: of the command line.
    """

    def __init__(
        self, player: Player, open_player: Callable[[Game], Player], inbox: Inbox, settings: Settings
    ) -> None:
        self.player = player
        self.inbox = inbox
        self.settings = settings
        self.reply = Reply("", lambda _: None)
        self.history = History(player.game.initial())
        self.clicks = Clicks()
        self.last_choice: Choice | None = None
        self.judge = ""
        self.is_on_server = False
        self.has_ended = False
        self.began = time.monotonic()
        self._open_player = open_player
        self._thinker: Thinker | None = None
        self.set_control(settings.control)
        self._begin_with_handicap()

    def _begin_with_handicap(self) -> None:
        """A game whose own start has stones is begun there, and the board is empty when it is cleared."""
        board = self.goban
        points = board.stones(self.state)[0] if board is not None else []
        if board is not None and points:
            self.use(board.resized(*board.size), keep=False)
            self.begin_from(self.board().handicap(points))

    @property
    def game(self) -> Game:
        """The rules."""
        return self.player.game

    @property
    def state(self) -> State:
        """What is on the board; not to be played on."""
        return self.history.state

    @property
    def thinker(self) -> Thinker:
        """Of the player."""
        if self._thinker is None:
            self._thinker = self.player.thinker(memory_mb=self.settings.memory_mb)
        return self._thinker

    @cached_property
    def colors(self) -> tuple[str, str]:
        """By player."""
        first = inquiry.first_color(self.game)
        return ("black", "white") if first == "black" else ("white", "black")

    @property
    def goban(self) -> Goban | None:
        """The board of stones, where the game has one."""
        return inquiry.goban(self.game)

    def board(self) -> Goban:
        """The board of stones; to be asked for by commands that are offered where there is one."""
        found = self.goban
        if found is None:
            raise GtpError("unknown command")
        return found

    def player_of(self, text: str) -> int:
        """By the word for a color."""
        color = _COLORS.get(text.lower())
        if color is None:
            raise GtpError("invalid color or coordinate")
        return self.colors.index(color)

    def use(self, game: Game, keep: bool = True) -> None:
        """Play by other rules or on another board, with the game under way (`keep`) or a new one.

        Nothing changes where the player cannot: UserError; or where the rules do not allow it: InputError.
        """
        player = self._open_player(game)
        try:
            history = self.history.under(game) if keep else History(game.initial())
        except InputError as error:
            raise GtpError(
                f"{game.name} does not allow the moves so far ({error}); clear the board first"
            ) from error
        self.player, self.history = player, history
        self._thinker = None
        if not keep:
            self.restart()
        self.warm_up()

    def restart(self) -> None:
        """A new game from the first position."""
        self.history = History(self.game.initial())
        self.last_choice = None
        self.set_control(self.control)
        self.warm_up()

    def warm_up(self) -> None:
        """Have the search made ready, as a network has to be compiled, before a clock runs.

        What fails here fails again when a move is asked for, and is told then.
        """
        if self._thinker is None and self.player.simulations:
            try:
                think(self.thinker, Query(self.game.initial()), self.inbox, Limits(simulations=1))
            except GoneError:
                raise
            except Exception:
                self._thinker = None

    def begin_from(self, state: State) -> None:
        """A new game from a position that is set up."""
        self.restart()
        self.history = History(state)

    def set_control(self, control: TimeControl) -> None:
        """Time for both sides, whose clocks begin anew."""
        self.control = control
        self.clocks = (Clock(control), Clock(control))

    def action_of(self, text: str, state: State) -> int:
        """The action that a client writes so, legal in `state`."""
        if not self.is_vertex(text):
            raise GtpError("invalid color or coordinate")
        try:
            return state.parse_action(text)
        except InputError:
            raise GtpError("illegal move") from None

    def is_vertex(self, text: str) -> bool:
        """Whether a move is written as the protocol wants it; other games have notations of their own."""
        board = self.goban
        return board is None or _is_vertex(text, board.size)

    def facing(self, player: int, move: str | None = None) -> tuple[State, float]:
        """The position on the board with this player to move and the game not over, and its offset.

        Where the other is to move, that one is taken to have passed before `move`, so that what ko forbids is
        kept. Where that would end the game, or has ended it, and before a move that is only to be chosen, the
        board is set up anew.
        """
        state, offset = self.state, self.history.offset
        is_over = state.outcome() is not None
        if state.player() == player and not is_over:
            return state, offset
        board = self.goban
        if board is None:
            raise GtpError("the game is over" if is_over else f"{self.colors[state.player()]} is to move")
        if not is_over and move is not None and move.lower() != "pass" and self.history.passes == 0:
            passed = state.clone()
            passed.play(passed.parse_action("pass"))
            if passed.outcome() is None:
                return passed, offset
        placed = board.placed(*board.stones(state), player)
        return placed, offset + board.score(state, []) - board.score(placed, [])

    def play(self, player: int, text: str) -> None:
        """A move by whichever player, as a client writes it: in the game's notation or by clicks."""
        try:
            state, offset = self.facing(player, text)
        except GtpError:
            raise GtpError("illegal move") from None
        if self.clicks.are_on and self.clicks.click(self.game, self.history, text):
            return
        try:
            action = self.action_of(text, state)
        except GtpError:
            if self.goban is None and self.clicks.click(self.game, self.history, text):
                return
            raise
        self._make(state, player, action, offset)

    @contextlib.contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take all moves and clicks back that were made within, and put those back that were taken, where
        anything is raised."""
        steps, clicks = list(self.history.steps), copy.copy(self.clicks)
        try:
            yield
        except Exception:
            self.history.steps, self.clicks = steps, clicks
            raise

    def commit(self, choice: Choice) -> None:
        """Make a move that was chosen."""
        self._make(choice.state, choice.player, choice.action, choice.offset)
        self.last_choice = choice

    def choose(
        self,
        player: int,
        restrictions: Sequence[Restriction] = (),
        *,
        simulations: int | None = None,
        every_s: float | None = None,
        on_report: OnReport | None = None,
        is_charged: bool = True,
        since: float | None = None,
    ) -> Choice:
        """The player's move on the board, within the limits of the session.

        simulations: instead of the session's. is_charged: whether the clock of its side runs meanwhile.
        since: of the monotonic clock, when the player's turn began; by default now.
        """
        clock = self.clocks[player]
        since = time.monotonic() if since is None else since
        if is_charged:
            clock.start(since)
        try:
            state, offset = self.facing(player)
            action = -1 if restrictions or on_report else self.winning_action(state)
            if action >= 0:
                return Choice(state, offset, player, action, None)
            limits = self.limits(player, since, simulations)
            found = self.think(state, limits, restrictions, every_s=every_s, on_report=on_report)
            return Choice(state, offset, player, found.report.best, found)
        finally:
            if is_charged:
                clock.stop()

    def winning_action(self, state: State) -> int:
        """What wins at once, such as a pass after the other's on a board that is won as it stands; -1 where
        nothing does, and for players that do not search."""
        return state.winning_action() if self.player.simulations else -1

    def limits(self, player: int, since: float, simulations: int | None = None) -> Limits:
        """Of the player's next move, whose clock has run since then."""
        soft, hard = allot(
            self.clocks[player], self.state.ply(), expected_plies(self.game), self.settings.lag_s
        )
        count = self.settings.simulations
        if count is None and not self.control.is_limited:
            count = self.player.simulations or 1
        hard = min(max(hard, LEAST_S), self.settings.move_s)
        return Limits(simulations or count, min(max(soft, LEAST_S), hard), hard, since)

    def think(
        self,
        state: State,
        limits: Limits,
        restrictions: Sequence[Restriction] = (),
        *,
        until_line: bool = False,
        every_s: float | None = None,
        on_report: OnReport | None = None,
    ) -> Found:
        """Think about a position that is not over; with `until_line` until a line comes at the latest."""
        query = Query(state, restrictions=restrictions)
        return think(self.thinker, query, self.inbox, limits, until_line, every_s, on_report)

    def ownership(self, state: State, limits: Limits = NO_LIMITS) -> Ownership:
        """Who will own the points of a position that is not over: by the network, else by games of chance.

        It is judged as if areas counted, since under territory rules games of chance do not tell.
        """
        board = self.board()
        thinker = self.thinker
        if board.counts_dead:
            player = self._open_player(inquiry.with_rule_set(self.game, {"scoring": "AREA"}))
            thinker = player.thinker(memory_mb=self.settings.memory_mb)
            placed = inquiry.goban(player.game)
            assert placed is not None
            state = placed.placed(*board.stones(state), state.player())
        count = self.settings.simulations or self.player.simulations or OWNERSHIP_SIMULATIONS
        found = think(thinker, Query(state), self.inbox, replace(limits, simulations=count)).ownership()
        if found is not None and found.source != PLAYOUTS:
            return found
        owners, score, _ = playout_owners(state, 1, OWNERSHIP_GAMES)
        return Ownership(owners, score, PLAYOUTS)

    def ponder(self) -> BackgroundThought | None:
        """Think on for the other side after a move of one's own, where that was asked for, until stopped."""
        choice, step = self.last_choice, self.history.steps[-1] if self.history.steps else None
        is_own = choice is not None and step is not None and choice.action == step.action
        if not (self.settings.ponders and is_own and self.state.outcome() is None):
            return None
        return BackgroundThought(
            self.thinker, Query(self.state), None, lambda _: None, lambda _: None,
            lambda error: print(f"gtp: pondering: {error}", file=sys.stderr),
        )  # fmt: skip

    def _make(self, state: State, player: int, action: int, offset: float) -> None:
        text = state.action_text(action)
        after = state.clone()
        after.play(action)
        self.history.add(Step(after, player, action, text, offset))


def _is_vertex(text: str, size: tuple[int, int]) -> bool:
    found = _VERTEX.fullmatch(text)
    if found is None or found[1] is None:
        return found is not None
    return _COLUMNS.index(found[1].upper()) < size[0] and int(found[2]) <= size[1]
