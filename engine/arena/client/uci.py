"""Engines that speak UCI (the Universal Chess Interface of R. Huber and S. Meyer-Kahlen, April 2006)."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass

from engine._core import State
from engine.arena.client.engine import (
    Answer,
    Engine,
    Turn,
    milliseconds,
    moves_since,
    read_move,
    with_kind,
)
from engine.arena.client.error import EngineError, shown
from engine.errors import UserError
from engine.game import inquiry
from engine.plugin import suggest

MOVE = r"[a-z][0-9]{1,2}[a-z][0-9]{1,2}[a-z+]?|[A-Z+]{1,2}@[a-z][0-9]{1,2}"
NO_MOVES = ("(none)", "0000", "none", "null", "NULL")
"""What engines say where they think that the game is over."""

OVERHEAD_S = 0.02
"""Less than a fixed time a move is what is sent: an engine may spend all of it."""

_USUAL = "chess"
"""The variant that an engine plays without being told."""

_OPTION = re.compile(r"option\s+name\s+(?P<name>.+?)\s+type\s+(?P<type>\w+)(?P<rest>.*)")
_FIELDS = re.compile(r"\b(default|min|max|var)(?=\s|$)")


@dataclass(frozen=True)
class UciOption:
    """An option as an engine declares it. least, most: of a spin. choices: of a combo."""

    name: str
    kind: str
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, line: str) -> UciOption | None:
        """Read a line `option name … type …`; None for anything else."""
        found = _OPTION.fullmatch(line.strip())
        if found is None:
            return None
        pieces = _FIELDS.split(found["rest"])
        pairs = [(key, value.strip()) for key, value in zip(pieces[1::2], pieces[2::2], strict=True)]
        numbers = {key: _number(value) for key, value in pairs if key in ("min", "max")}
        choices = tuple(value for key, value in pairs if key == "var")
        return cls(found["name"], found["type"], numbers.get("min"), numbers.get("max"), choices)

    def complaint(self, value: str) -> str:
        """What is wrong with a value; empty where nothing is."""
        if self.kind == "button":
            return "is a button and takes no value" if value else ""
        if self.kind == "check":
            return "" if value.lower() in ("true", "false") else "is true or false"
        if self.kind == "combo":
            known = {choice.lower() for choice in self.choices}
            return "" if value.lower() in known else f"is one of {', '.join(self.choices)}"
        number = _number(value)
        if self.kind == "spin":
            low = -math.inf if self.least is None else self.least
            high = math.inf if self.most is None else self.most
            if number is None or not low <= number <= high:
                return f"is a whole number from {self.least} to {self.most}"
        return ""


class UciEngine(Engine):
    """Plays chess and what an engine has of its variants."""

    farewell = "quit"

    def start(self) -> None:
        """Greet it and set its options."""
        time_limit = self.limit.time is not None and self.limit.time.is_limited
        if not (self.limit.simulations or self.limit.depth or time_limit):
            raise UserError(
                f"player '{self.name}' has no limit; give one, such as 'uci:COMMAND; time=1+0.01', "
                "nodes=1000 or depth=6"
            )
        self._options: dict[str, UciOption] = {}
        try:
            self.send("uci")
            deadline = self.patience()
            while (line := self.process.receive(deadline)).split() != ["uciok"]:
                option = UciOption.parse(line)
                if option is not None:
                    self._options[option.name.lower()] = option
        except EngineError as failure:
            raise with_kind("start", failure, "uci") from failure
        self._set_variant()
        for name, value in self.spec.options:
            self._set(name, value)
        self._await_ready()

    def begin(self, state: State) -> None:
        """Tell it that a new game comes."""
        del state
        self.send("ucinewgame")
        self._await_ready()

    def choose(self, turn: Turn) -> Answer:
        """Its best move."""
        for line in self.process.unasked():
            if _is_move(line):
                raise EngineError("protocol", f"{shown(line)} was not asked for")
        self.process.send(self._position(turn.state), turn.deadline)
        self.process.send(self._go(turn), turn.deadline)
        nodes, score = 0, ""
        while True:
            try:
                line = self.process.receive(turn.deadline)
            except EngineError as failure:
                if failure.kind != "hang":
                    raise
                raise self.overdue(_is_move, "stop") from None
            words = line.split()
            if words[:1] == ["info"]:
                nodes, score = read_info(words, nodes, score)
            elif _is_move(line):
                return read_answer(turn.state, words, nodes, score)

    def _position(self, state: State) -> str:
        start, actions = state.position()
        place = f"fen {self._fen(start)}" if start or self._is_960 else "startpos"
        moves = moves_since(self.game, start, actions)
        return f"position {place}" + (f" moves {' '.join(moves)}" if moves else "")

    def _fen(self, start: str) -> str:
        return str(inquiry.describe(self.game, self.game.parse(start))["fen"])

    def _go(self, turn: Turn) -> str:
        words = ["go"]
        if self.limit.simulations is not None:
            words += ["nodes", str(self.limit.simulations)]
        if self.limit.depth is not None:
            words += ["depth", str(self.limit.depth)]
        clock = turn.clock
        if turn.clocks is not None and clock is not None and clock.control.is_limited:
            if clock.control.move_s:
                spent = min(OVERHEAD_S, clock.control.move_s / 10)
                words += ["movetime", str(milliseconds(clock.control.move_s - spent))]
            else:
                for colour, side in zip("wb", turn.clocks, strict=True):
                    left = side.flag_s if side.control.is_limited else clock.flag_s
                    words += [f"{colour}time", str(milliseconds(left))]
                    if side.control.increment_s:
                        words += [f"{colour}inc", str(milliseconds(side.control.increment_s))]
                if clock.moves_left:
                    words += ["movestogo", str(clock.moves_left)]
        return " ".join(words)

    def _await_ready(self) -> None:
        self.send("isready")
        deadline = self.patience()
        try:
            while self.process.receive(deadline).split() != ["readyok"]:
                pass
        except EngineError as failure:
            raise with_kind("hang", failure, "isready") from failure

    def _set_variant(self) -> None:
        variant = inquiry.uci_variant(self.game)
        if variant is None:
            raise UserError(f"player '{self.name}': {self.game.name} is not played in UCI; try gtp: or json:")
        self._is_960 = variant.endswith("960")
        named = variant.removesuffix("960")
        if named != _USUAL or "uci_variant" in self._options:
            self._set("UCI_Variant", named)
        if self._is_960 or "uci_chess960" in self._options:
            self._set("UCI_Chess960", "true" if self._is_960 else "false")

    def _set(self, name: str, value: str) -> None:
        option = self._options.get(name.lower())
        where = f"player '{self.name}'"
        if option is None:
            known = suggest(name, [each.name for each in self._options.values()], "its options")
            raise UserError(f"{where} has no option '{name}'; {known}")
        if complaint := option.complaint(value):
            raise UserError(f"{where}: option {option.name} '{value}': it {complaint}")
        self.send(f"setoption name {option.name}" + ("" if option.kind == "button" else f" value {value}"))


def _is_move(line: str) -> bool:
    return line.split()[:1] == ["bestmove"]


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None


def read_info(words: list[str], nodes: int, score: str) -> tuple[int, str]:
    """Nodes and score of the best line, `cp 35` or `mate -3`, after a line `info`."""
    ends = [words.index(end) for end in ("string", "pv") if end in words]
    words = words[: min(ends, default=len(words))]
    pairs = dict(itertools.pairwise(words))
    nodes = max(nodes, _number(pairs.get("nodes", "")) or 0)
    if "score" in words and pairs.get("multipv", "1") == "1":
        at = words.index("score")
        found = words[at + 1 : at + 3]
        is_bound = "lowerbound" in words or "upperbound" in words
        if len(found) == 2 and found[0] in ("cp", "mate") and _number(found[1]) is not None and not is_bound:
            score = " ".join(found)
    return nodes, score


def read_answer(state: State, words: list[str], nodes: int, score: str) -> Answer:
    """What a line `bestmove …` says, after these nodes and with this score; raise EngineError."""
    move = words[1] if len(words) > 1 else ""
    if move in NO_MOVES:
        said = f", score {score}" if score else ""
        raise EngineError("illegal", f"no move ({move}{said}) in a game that is not over")
    kind, _, number = score.partition(" ")
    value, result = None, None
    if kind == "cp":
        # The share of points that so many centipawns stand for in Elo's formula.
        value = 2 / (1 + 10 ** (-max(-4000, min(4000, int(number))) / 400)) - 1
    elif kind == "mate":
        result = 1 if int(number) > 0 else -1
        value = float(result)
    return Answer(read_move(state, move, MOVE), nodes, value, result)
