"""Engines that read and write JSON lines: any game, any language.

In: {"id", "position", "moves", "simulations" or "seconds"}, as `selfplay analyze` reads it: the position that
the game began at, in its notation, and the moves since. Out: {"id", "best", "value"?, "simulations"?}.
"""

from __future__ import annotations

import json
from typing import Any

from engine._core import State
from engine.arena.client.engine import Answer, Engine, Turn, moves_since, read_move, with_kind
from engine.arena.client.error import EngineError, shown
from engine.errors import UserError
from engine.json_object import parse_object
from engine.player.clock import allot, expected_plies
from engine.registry import position_text

LAG_S = 0.03
"""On the way to an engine and back."""

MAX_SIMULATIONS = 10**18
"""From so many on what an engine says of a move is no count."""


class JsonEngine(Engine):
    """Asks an engine for the best move of a position."""

    _asked = 0

    def start(self) -> None:
        """Ask about the first position, so that it is known to be ready before a clock runs."""
        if self.limit.depth is not None:
            raise UserError(f"player '{self.name}': depth cannot be said in JSON lines; give simulations")
        request = {
            "id": 0,
            "position": position_text(self.game, self.game.initial()),
            "moves": [],
            "simulations": 1,
        }
        try:
            self.send(json.dumps(request))
            self._receive(0, self.game.initial(), self.patience())
        except EngineError as failure:
            raise with_kind("start", failure, "the first position") from failure

    def begin(self, state: State) -> None:
        """Every line tells the whole game."""
        del state

    def choose(self, turn: Turn) -> Answer:
        """Its best move."""
        self._asked += 1
        start, actions = turn.state.position()
        request: dict[str, Any] = {
            "id": self._asked,
            "position": start,
            "moves": moves_since(self.game, start, actions),
        }
        if self.limit.simulations is not None:
            request["simulations"] = self.limit.simulations
        if turn.clock is not None and turn.clock.control.is_limited:
            soft, _ = allot(turn.clock, len(actions), expected_plies(self.game), LAG_S)
            request["seconds"] = round(soft, 3)
        try:
            self.process.send(json.dumps(request), turn.deadline)
            return self._receive(self._asked, turn.state, turn.deadline)
        except EngineError as failure:
            raise (
                self.overdue(lambda line: bool(line.strip())) if failure.kind == "hang" else failure
            ) from None

    def _receive(self, asked: int, state: State, deadline: float) -> Answer:
        while True:
            line = self.process.receive(deadline)
            if not line.strip():
                continue
            reply = self._read(line)
            if reply.get("id") == asked:
                if "error" in reply:
                    raise EngineError("protocol", f"error {shown(str(reply['error']))}")
                if not reply.get("partial"):
                    return _answer(state, reply)
            elif not (isinstance(reply.get("id"), int) and 0 <= reply["id"] < asked):
                raise EngineError("protocol", f"id {shown(json.dumps(reply.get('id')))} was not asked")

    def _read(self, line: str) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = parse_object(line)
        except ValueError as error:
            raise EngineError("protocol", f"{shown(line)} is no JSON object: {error}") from None
        return reply


def _answer(state: State, reply: dict[str, Any]) -> Answer:
    best, value, nodes = reply.get("best"), reply.get("value"), reply.get("simulations")
    if not isinstance(best, str):
        raise EngineError("protocol", f"best {shown(json.dumps(best))} is no move")
    return Answer(
        read_move(state, best),
        nodes if isinstance(nodes, int) and 0 <= nodes < MAX_SIMULATIONS else 0,
        float(value) if isinstance(value, int | float) and -1 <= value <= 1 else None,
    )
