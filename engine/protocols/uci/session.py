"""A session: one client, the position it has given, and the `go` under way."""

from __future__ import annotations

import math
import sys
import time

from engine._core import State
from engine.errors import UserError, describe_error
from engine.player.player import Player
from engine.player.thinking import Query, Restriction, Thinker
from engine.protocols.line_reader import MAX_LINE, Line
from engine.protocols.uci.command import (
    Go,
    UciError,
    read_command,
    read_go,
    read_position,
    read_setoption,
)
from engine.protocols.uci.lag import Lag
from engine.protocols.uci.limit import own_control, read_limits
from engine.protocols.uci.option import Options, offered_options
from engine.protocols.uci.output import Output
from engine.protocols.uci.search import Search
from engine.protocols.uci.variant import OpenPlayer, Rules, Variants

WARM_UP = 16
"""Simulations that make a search ready."""

WARM_UP_S = 0.3
"""For them, where the rules are slow."""

POLL_S = 0.005
"""Between two looks at a search that another `go` waits for."""


class Session:
    """Carries out commands; searches go on in a thread of their own meanwhile.

    A search thinks about the position that was there at its `go`: a later `position` is for the next one. A
    `go` during a search stops that one first.

    Args:
        player: as it was named.
        open_player: makes it for other games and numbers of threads.
        output: where the client listens.
        version: of this program.
        simulations: of a move where `go` does not say, 0: as many as time allows.
        threads: to begin with.
        max_threads: that the player can use.
    """

    def __init__(
        self,
        player: Player,
        open_player: OpenPlayer,
        output: Output,
        version: str,
        *,
        simulations: int = 0,
        threads: int = 1,
        max_threads: int = 1,
    ) -> None:
        self.has_quit = False
        self._name = player.name
        self._version = version
        self._searches = player.simulations > 0
        self._open_player = open_player
        self._output = output
        self._variants = Variants(player, open_player)
        offered = offered_options(
            self._variants.names, self._variants.shuffles, simulations, threads, max_threads
        )
        self.options = Options(offered)
        self._rules = self._chosen_rules()
        self._asked: tuple[str, list[str]] = ("", [])
        self.state = self._rules.read("", [])
        self._thinker: Thinker | None = None
        self._opened: tuple[object, ...] = ()
        self._forgets = False
        self._is_debugged = False
        self._lag = Lag()
        self._search: Search | None = None
        self._waiting: Search | None = None

    def carry_out(self, line: Line) -> None:
        """One line of the client's."""
        if line.is_cut:
            self._output.tell(f"a line longer than {MAX_LINE} bytes was passed over")
            return
        command = read_command(line)
        if command is None:
            return
        name, words = command
        try:
            getattr(self, f"_{name}")(words)
        except (UciError, UserError) as error:
            self._output.tell(str(error))

    def look(self) -> float | None:
        """See to searches; seconds until this is due again, None: not before the next line."""
        now = time.monotonic()
        for search in (self._search, self._waiting):
            if search is not None and search.overdue_at <= now:
                if self._search is not None:
                    self._search.give_up()
                search.give_up()
        self._advance()
        if self._waiting is not None:
            return POLL_S
        due = math.inf if self._search is None else self._search.overdue_at
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def close(self, patience_s: float = 0.5) -> bool:
        """Answer what is still asked; whether nothing is being thought about any more."""
        for search in (self._search, self._waiting):
            if search is not None:
                search.stop()
        end = time.monotonic() + patience_s
        while time.monotonic() < end and self._search is not None:
            self._advance()
            if self._search.is_answered and self._waiting is None and not self._search.is_running:
                return True
            time.sleep(0.002)
        for search in (self._search, self._waiting):
            if search is not None:
                search.give_up()
        return self._search is None or not self._search.is_running

    @property
    def is_busy(self) -> bool:
        """Whether a search is not answered yet, or its thinker still at it."""
        return self._search is not None and (self._search.is_running or not self._search.is_answered)

    def _uci(self, words: list[str]) -> None:
        del words
        lines = [f"id name selfplay {self._version} {self._name}", "id author the authors of selfplay"]
        self._output.send([*lines, *self.options.lines(), "uciok"])
        if self._variants.left_out:
            self._output.tell(f"this player does not play {', '.join(self._variants.left_out)}")

    def _debug(self, words: list[str]) -> None:
        if words and words[0] in ("on", "off"):
            self._is_debugged = words[0] == "on"

    def _register(self, words: list[str]) -> None:
        """There is nothing to register."""

    def _isready(self, words: list[str]) -> None:
        del words
        if not self.is_busy:
            try:
                self._warm_up()
            except Exception as error:
                self._output.tell(describe_error(error))
        self._output.send(["readyok"])

    def _setoption(self, words: list[str]) -> None:
        name, value = read_setoption(words)
        option = self.options.find(name)
        if option.kind == "button":
            self._forgets = True
            return
        before = self.options.text(option.name)
        self.options.set(option.name, value)
        if option.name == "UCI_Opponent":
            print(f"uci: the opponent is {value}", file=sys.stderr)
            self._output.tell(f"the opponent is {value}")
        if option.name in ("UCI_Variant", "UCI_Chess960") and before != self.options.text(option.name):
            self._change_rules()

    def _change_rules(self) -> None:
        """Keep the position where it is one in the new rules, else begin at their start."""
        self._rules = self._chosen_rules()
        try:
            self.state = self._rules.read(*self._asked)
        except UciError:
            self._asked = ("", [])
            self.state = self._rules.read(*self._asked)

    def _ucinewgame(self, words: list[str]) -> None:
        del words
        self._forgets = True
        self._lag.forget_clock()

    def _position(self, words: list[str]) -> None:
        asked = read_position(words)
        self.state = self._rules.read(*asked)
        self._asked = asked

    def _go(self, words: list[str]) -> None:
        request = read_go(words)
        for word in request.malformed:
            self._output.tell(f"go {word}: give a number")
        control = own_control(request, self.state.player())
        limits = read_limits(request, self.options, self._rules, self.state, self._lag)
        restriction = self._restriction(request, self.state)
        search = Search(
            self.state, limits, restriction, self._rules, self.options, self._output, self._searches
        )
        self._lag.begin(None if request.ponder else control, lambda: search.planned_s)
        if self._is_debugged:
            self._output.tell(f"limits {limits}")
        if self._waiting is not None:
            self._answer_all()
        elif self._search is not None:
            self._search.stop()
        self._waiting = search
        self._advance()

    def _answer_all(self) -> None:
        for search in (self._search, self._waiting):
            if search is not None:
                search.give_up()

    def _restriction(self, request: Go, state: State) -> Restriction | None:
        actions = set()
        for text in request.moves:
            try:
                actions.add(state.parse_action(text))
            except Exception as error:
                self._output.tell(f"go searchmoves {text[:40]}: {error}")
        if not request.moves:
            return None
        actions &= set(state.legal_actions())
        if not actions:
            self._output.tell("go searchmoves: none of them is legal, all moves are searched")
            return None
        return Restriction(state.player(), frozenset(actions), allowed=True)

    def _stop(self, words: list[str]) -> None:
        del words
        search = self._waiting or self._search
        if search is not None:
            search.stop()

    def _ponderhit(self, words: list[str]) -> None:
        del words
        search = self._waiting or self._search
        if search is not None:
            search.hit()

    def _quit(self, words: list[str]) -> None:
        del words
        self.has_quit = True

    def _advance(self) -> None:
        """Begin the search that waits, once the one before it has ended."""
        if self._waiting is not None and not self.is_busy:
            self._search, self._waiting = self._waiting, None
            self._search.begin(self._ready_thinker)

    def _ready_thinker(self) -> Thinker:
        """Of the options as they are now; raise UserError."""
        wanted = (self._rules, self.options.number("Threads"), self.options.number("Hash"))
        if self._thinker is None or self._opened != wanted:
            self._thinker = None
            player = self._open_player(self._rules.game, self.options.number("Threads"))
            self._thinker = player.thinker(memory_mb=self.options.number("Hash"))
            self._opened = wanted
        elif self._forgets:
            self._thinker.forget()
        self._forgets = False
        return self._thinker

    def _warm_up(self) -> None:
        """Have the search ready before a clock runs, as a network has to be compiled."""
        known = self._thinker
        thinker = self._ready_thinker()
        if thinker is known or not self._searches:
            return
        end = time.monotonic() + WARM_UP_S
        thought = thinker.begin(Query(self._rules.game.initial(), simulations=WARM_UP, deadline=end))
        while not thought.ended:
            thinker.step()
        thinker.forget()

    def _chosen_rules(self) -> Rules:
        shuffled = self._variants.shuffles and self.options.is_on("UCI_Chess960")
        return self._variants.rules(self.options.text("UCI_Variant"), shuffled)
