"""An outside engine as a player."""

from __future__ import annotations

import time
from collections.abc import Sequence

from engine._core import Game, InputError, State
from engine.arena.client.engine import Engine, Turn
from engine.arena.client.error import EngineError
from engine.arena.client.gtp import GtpEngine
from engine.arena.client.json_lines import JsonEngine
from engine.arena.client.uci import UciEngine
from engine.errors import UserError
from engine.player.analysis import describe_choice
from engine.player.clock import Clock, TimeControl
from engine.player.limit import Limit
from engine.player.player import Analysis
from engine.player.spec import PlayerSpec
from engine.player.thinking import Query, Report
from engine.player.thought.plain_thinker import PlainThinker, plain_report

PROTOCOLS: dict[str, type[Engine]] = {"uci": UciEngine, "gtp": GtpEngine, "json": JsonEngine}

PATIENCE_S = 60.0
"""How long an engine may take for what no clock counts."""


class EnginePlayer:
    """Plays by a process that is started when it is first needed, and anew after it has failed.

    The arena asks it for engines, one a game; whoever else asks it for moves has one.
    """

    simulations = 0

    def __init__(self, spec: PlayerSpec, game: Game, limit: Limit) -> None:
        self.name = spec.name
        self.game = game
        self.limit = limit
        self.spec = spec
        self._engine: Engine | None = None
        self._last: tuple[str, list[int]] | None = None
        if limit.evaluations is not None:
            raise UserError(f"player '{spec.name}' does not count evaluations; give nodes or time")
        self._words = spec.words  # a command that is not there is refused at once

    def new_engine(self, patience_s: float = PATIENCE_S) -> Engine:
        """A new process, to be started; raise EngineError where there is none."""
        return PROTOCOLS[self.spec.protocol](self.spec, self.game, self.limit, patience_s)

    def choose(self, states: Sequence[State], seeds: Sequence[int]) -> list[int]:
        """The engine's moves, one after the other."""
        del seeds
        return [self._ask(state) for state in states]

    def analyze(self, states: Sequence[State], simulations: int | None = None) -> list[Analysis]:
        """Its move."""
        del simulations
        return [
            describe_choice(state, action := self._ask(state), [action], (0.0, 1.0, 0.0)) for state in states
        ]

    def thinker(self, *, memory_mb: float | None = None) -> PlainThinker:
        """Answers with the engine's move, within its own limit whatever a query has."""
        del memory_mb
        return PlainThinker(self.game, self._report)

    def _report(self, query: Query) -> Report:
        if query.restrictions:
            raise InputError(
                f"player '{self.name}' is an outside engine, which takes no restrictions of moves"
            )
        action = self._ask(query.state)
        others = [legal for legal in query.state.legal_actions() if legal != action]
        return plain_report(
            query.state, [(action, 1.0, None), *((other, 0.0, None) for other in others)], None
        )

    def twin(self, seed: int) -> EnginePlayer:
        """The same with a process of its own."""
        del seed
        return EnginePlayer(self.spec, self.game, self.limit)

    def _ask(self, state: State) -> int:
        try:
            if self._engine is None:
                self._engine = self.new_engine()
                self._engine.start()
                self._last = None
            if not _leads_to(self._last, state):
                self._engine.check(state)
                self._engine.begin(state)
            self._last = state.position()
            control = self.limit.time or TimeControl()
            clocks = Clock(control), Clock(control)
            action = self._engine.choose(Turn(state, clocks, time.monotonic() + PATIENCE_S)).action
        except EngineError as failure:
            self._drop()
            raise UserError(f"player '{self.name}' failed ({failure.kind}): {failure.reason}") from failure
        except UserError:
            self._drop()
            raise
        if action is None:
            raise UserError(f"player '{self.name}' resigns")
        return action

    def close(self) -> None:
        """End its process; asked again it starts another."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _drop(self) -> None:
        if self._engine is not None:
            self._engine.abandon()
            self._engine.close()
        self._engine = None


def _leads_to(before: tuple[str, list[int]] | None, state: State) -> bool:
    """Whether a game goes on from a position that was asked about."""
    start, actions = state.position()
    return before is not None and before[0] == start and before[1] == actions[: len(before[1])]
