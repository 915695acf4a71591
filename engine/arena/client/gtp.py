"""Engines that speak GTP (the Go Text Protocol, G. Farneback, version 2, draft 2, 2002).

They play Go, and any other game whose moves an engine takes in the game's own notation.
"""

from __future__ import annotations

import json
import re

from engine._core import Game, State
from engine.arena.client.engine import Answer, Engine, Turn, moves_since, read_move, with_kind
from engine.arena.client.error import EngineError, shown
from engine.arena.client.gtp_time import settings_line, time_left_line
from engine.errors import UserError
from engine.game import inquiry
from engine.player.limit import Limit
from engine.player.spec import PlayerSpec

POINT = r"[A-HJ-Za-hj-z][0-9]{1,2}|[Pp][Aa][Ss][Ss]"
"""A move of a game of Go; in other games it is whatever the game calls it."""

_SCORE = re.compile(r"([BW])\+([0-9]{1,6}(?:\.[0-9]{1,6})?|R(?:esign)?|T(?:ime)?)|(0)", re.I)


class GtpRefusalError(Exception):
    """What follows the question mark of an answer."""


class GtpEngine(Engine):
    """Plays Go, or another game by its moves alone."""

    farewell = "quit"

    def __init__(self, spec: PlayerSpec, game: Game, limit: Limit, patience_s: float) -> None:
        super().__init__(spec, game, limit, patience_s)
        self._goban = inquiry.goban(game)
        first = "black" if self._goban is not None else inquiry.first_color(game)
        self._colors = ("B", "W") if first == "black" else ("W", "B")
        self._asked = 0
        self._known: frozenset[str] = frozenset()
        self._start = ""
        self._played: list[int] | None = None

    def start(self) -> None:
        """Ask what it can do and send it its own commands."""
        try:
            self._known = frozenset(self._ask("list_commands").split())
        except GtpRefusalError as refusal:
            raise EngineError("start", f"list_commands: {refusal}") from None
        except EngineError as failure:
            raise with_kind("start", failure, "list_commands") from failure
        for command in self.spec.commands:
            self._require(command)
        if self.limit.depth is not None:
            raise UserError(f"player '{self.name}': depth cannot be said in GTP; give time")
        if self.limit.simulations is not None:
            if "kata-set-param" not in self._known:
                raise UserError(
                    f"player '{self.name}' takes no number of simulations (it has no kata-set-param); give "
                    "time, or limit it by its command line"
                )
            self._require(f"kata-set-param maxVisits {self.limit.simulations}")
        self._time = self.limit.time if self.limit.time is not None and self.limit.time.is_limited else None
        if self._time is not None and not {"time_settings", "time_left"} <= self._known:
            raise UserError(f"player '{self.name}' has no time_settings and time_left; give it no time")
        if self._time is not None:
            self._settings = settings_line(self._time, self._known, self.name)

    def check(self, state: State) -> None:
        """Raise UserError for a start that it cannot be told."""
        start, _ = state.position()
        if start and self._goban is None:
            raise UserError(f"player '{self.name}': position '{start}' cannot be set up in GTP")

    def begin(self, state: State) -> None:
        """Set up the board and play the moves of the opening."""
        self.check(state)
        self._start, actions = state.position()
        self._played = None
        if self._goban is not None:
            self._set_board()
        self._require("clear_board")
        if self._goban is not None:
            self._require(f"komi {self._goban.komi:g}")
            self._set_rules()
            self._place(self.game.parse(self._start))
        if self._time is not None:
            self._require(self._settings)
        self._played = []
        self._follow(actions)

    def choose(self, turn: Turn) -> Answer:
        """Its move, after those that it has not been told of."""
        start, actions = turn.state.position()
        if self._played is None or start != self._start or self._played != actions[: len(self._played)]:
            self.begin(turn.state)
        self._follow(actions)
        if self._time is not None and turn.clocks is not None:
            for color, clock in zip(self._colors, turn.clocks, strict=True):
                if clock.control.is_limited:
                    self._ask(time_left_line(color, clock, self._known))
        color = self._colors[turn.state.player()]
        try:
            text = self._ask(f"genmove {color}", turn.deadline)
        except GtpRefusalError as refusal:
            raise EngineError("protocol", f"genmove {color}: {shown(str(refusal))}") from None
        except EngineError as failure:
            raise self.overdue(_is_answer) if failure.kind == "hang" else failure from None
        if text.lower() == "resign":
            return Answer(None)
        action = read_move(turn.state, text, POINT if self._goban is not None else r"\S{1,16}")
        assert self._played is not None
        self._played.append(action)
        return Answer(action)

    def judge(self, state: State) -> str:
        """Its final score, where another side wins by it than by ours."""
        if self._goban is None or "final_score" not in self._known or self._played is None:
            return ""
        try:
            self._follow(state.position()[1])
            text = self._ask("final_score")
        except GtpRefusalError as refusal:
            return f"final_score: {shown(str(refusal))}"
        found = _SCORE.fullmatch(text.strip())
        ours = self._goban.score(state, [])
        if found is None:
            return f"final_score is {shown(text)}; the referee counts {_score_text(ours)}"
        theirs = 0 if found[3] else 1 if found[1].upper() == "B" else -1
        if theirs == (ours > 0) - (ours < 0):
            return ""
        return f"final_score is {text.strip()}; the referee counts {_score_text(ours)}"

    def _set_board(self) -> None:
        assert self._goban is not None
        columns, rows = self._goban.size
        if columns == rows:
            self._require(f"boardsize {columns}")
        elif "rectangular_boardsize" in self._known:
            self._require(f"rectangular_boardsize {columns} {rows}")
        else:
            raise UserError(f"player '{self.name}' plays on squares alone; it has no rectangular_boardsize")

    def _set_rules(self) -> None:
        rules = inquiry.rule_set(self.game)
        if rules is not None and "kata-set-rules" in self._known:
            self._require(f"kata-set-rules {json.dumps(rules, separators=(',', ':'))}")

    def _place(self, start: State) -> None:
        """Stones that stand on the board before the first move."""
        assert self._goban is not None
        black, white = self._goban.stones(start)
        if len(black) > 1 and not white and start.player() == 1 and "set_free_handicap" in self._known:
            self._require(f"set_free_handicap {' '.join(black)}")
            return
        for color, points in zip(self._colors, (black, white), strict=True):
            for point in points:
                self._require(f"play {color} {point}")

    def _follow(self, actions: list[int]) -> None:
        """Play the moves that the engine does not know yet."""
        assert self._played is not None
        moves = moves_since(self.game, self._start, actions)
        for ply in range(len(self._played), len(actions)):
            player = self._player_at(actions[:ply])
            line = f"play {self._colors[player]} {moves[ply]}"
            try:
                self._ask(line)
            except GtpRefusalError as refusal:
                raise EngineError(
                    "protocol", f"refuses {line}: {shown(str(refusal))}; its rules may be others"
                ) from None
            self._played.append(actions[ply])

    def _player_at(self, actions: list[int]) -> int:
        return self.game.replay(self._start, actions).player()

    def _require(self, command: str) -> None:
        """A command that must not be refused; raise UserError where it is."""
        try:
            self._ask(command)
        except GtpRefusalError as refusal:
            raise UserError(f"player '{self.name}' refuses {shown(command)}: {refusal}") from None

    def _ask(self, command: str, deadline: float | None = None) -> str:
        """The answer to a command; raise GtpRefusalError."""
        self._asked += 1
        until = self.patience() if deadline is None else deadline
        self.process.send(f"{self._asked} {command}", until)
        while not _is_answer(line := self.process.receive(until)):
            pass
        found = re.match(r"[=?]\s*?(\d*)(?:\s+|$)(.*)", line)
        if found is None or found[1] not in ("", str(self._asked)):
            raise EngineError("protocol", f"{shown(line)} answers no command; {self._asked} was asked")
        lines = [found[2]]
        while line := self.process.receive(until).rstrip():
            lines.append(line)
        text = "\n".join(lines).strip()
        if found[0].startswith("?"):
            raise GtpRefusalError(text)
        return text


def _is_answer(line: str) -> bool:
    return line.startswith(("=", "?"))


def _score_text(score: float) -> str:
    return "0" if score == 0 else f"{'B' if score > 0 else 'W'}+{abs(score):g}"
