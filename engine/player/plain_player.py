"""Players without a search: chance, and a game's exact solver."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from engine import _core
from engine.errors import InputError
from engine.game import inquiry
from engine.game.offer import Solver
from engine.player.analysis import describe_choice
from engine.player.player import Analysis
from engine.player.thinking import Query, Report, allowed_moves
from engine.player.thought.plain_thinker import PlainThinker, plain_report
from engine.registry import position_text

_WDL = {1: (1.0, 0.0, 0.0), 0: (0.0, 1.0, 0.0), -1: (0.0, 0.0, 1.0)}


class RandomPlayer:
    """Plays uniformly random legal moves, and takes every position for a draw."""

    name = "random"
    simulations = 0

    def __init__(self, game: _core.Game, seed: int = 1) -> None:
        self.game = game
        self._generator = np.random.default_rng(seed)

    def choose(self, states: Sequence[_core.State], seeds: Sequence[int]) -> list[int]:
        """One legal action a position."""
        return [_pick(state.legal_actions(), seed) for state, seed in zip(states, seeds, strict=True)]

    def analyze(self, states: Sequence[_core.State], simulations: int | None = None) -> list[Analysis]:
        """A move that is drawn anew each time."""
        del simulations
        seeds = [int(self._generator.integers(2**63)) for _ in states]
        chosen = zip(states, self.choose(states, seeds), strict=True)
        return [describe_choice(state, action, state.legal_actions(), _WDL[0]) for state, action in chosen]

    def thinker(self, *, memory_mb: float | None = None) -> PlainThinker:
        """Draws a move."""
        del memory_mb
        return PlainThinker(self.game, self._report)

    def _report(self, query: Query) -> Report:
        allowed = allowed_moves(query)
        drawn = allowed[int(self._generator.integers(len(allowed)))]
        order = [drawn, *(action for action in allowed if action != drawn)]
        return plain_report(query.state, [(action, 1 / len(allowed), None) for action in order], None)

    def twin(self, seed: int) -> RandomPlayer:
        """Another one."""
        return RandomPlayer(self.game, seed)


class SolverPlayer:
    """Plays a move with the best exact outcome; raise UserError where the game has no solver."""

    name = "solver"
    simulations = 0

    def __init__(self, game: _core.Game) -> None:
        inquiry.require_solver(game)
        self.game = game

    def choose(self, states: Sequence[_core.State], seeds: Sequence[int]) -> list[int]:
        """One perfect action a position, drawn among those; early positions of a game may take minutes."""
        return [_pick(self._best(state)[0], seed) for state, seed in zip(states, seeds, strict=True)]

    def analyze(self, states: Sequence[_core.State], simulations: int | None = None) -> list[Analysis]:
        """The exact outcome, and the first of the moves that lead there."""
        del simulations
        answers = []
        for state in states:
            actions, outcome = self._best(state)
            answers.append(describe_choice(state, actions[0], actions, _WDL[outcome]))
        return answers

    def thinker(self, *, memory_mb: float | None = None) -> PlainThinker:
        """Solves the position. Of restrictions it keeps those at the root."""
        del memory_mb
        return PlainThinker(self.game, self._report)

    def _report(self, query: Query) -> Report:
        if any(each.plies > 1 for each in query.restrictions):
            raise InputError("the solver restricts moves at the root alone; give 1 ply")
        allowed = allowed_moves(query)
        outcomes = self._solver.outcomes(position_text(self.game, query.state))
        known = {action: outcome for action in allowed if (outcome := outcomes[action]) is not None}
        best = max(known.values())
        count = sum(outcome == best for outcome in known.values())
        order = sorted(known, key=lambda action: (-known[action], action))
        moves = [(action, (known[action] == best) / count, known[action]) for action in order]
        is_whole = len(allowed) == len(query.state.legal_actions()) or best == 1
        return plain_report(query.state, moves, best if is_whole else None)

    def twin(self, seed: int) -> SolverPlayer:
        """The same with a solver of its own."""
        del seed
        return SolverPlayer(self.game)

    @cached_property
    def _solver(self) -> Solver:
        return inquiry.solver(self.game)

    def _best(self, state: _core.State) -> tuple[list[int], int]:
        """The actions with the best outcome, ascending, and that outcome."""
        outcomes = self._solver.outcomes(position_text(self.game, state))
        known = {action: outcome for action, outcome in enumerate(outcomes) if outcome is not None}
        best = max(known.values())
        return [action for action, outcome in known.items() if outcome == best], best


def _pick(actions: Sequence[int], seed: int) -> int:
    return actions[int(np.random.default_rng(seed).integers(len(actions)))]
