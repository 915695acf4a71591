"""Who plays in the arena: a checkpoint, a run, `GAME:pretrained`, `random`, `mcts:SIMS` or `solver`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine import _core
from engine.config import Config
from engine.errors import UserError
from engine.evaluator.evaluator import Evaluator, NetworkEvaluator, RolloutEvaluator
from engine.game import inquiry
from engine.registry import game_names, load_game, position_text
from engine.search import search, search_params

if TYPE_CHECKING:
    from engine.evaluator.network import PolicyValueNetwork

KNOWN = "random, mcts:SIMS, solver, GAME:pretrained, the path of a run or of a checkpoint"
"""What may be named as a player."""

CACHE_MB = 64.0
"""Evaluation cache of a network player in one thread."""

MAX_SIMULATIONS = 10_000_000

PRETRAINED = ":pretrained"
"""Behind a game: the network that comes with it."""


class Mover(Protocol):
    """A player as one thread uses it."""

    def choose(self, states: Sequence[_core.State], seeds: Sequence[int]) -> list[int]:
        """An action for each position, none of them over; a position's randomness comes from its seed."""


@dataclass(frozen=True)
class Player:
    """A name, and how to make the mover of one thread from a seed."""

    name: str
    simulations: int
    mover: Callable[[int], Mover]


class RandomMover:
    """Plays uniformly random legal moves."""

    def choose(self, states: Sequence[_core.State], seeds: Sequence[int]) -> list[int]:
        """One legal action a position."""
        return [_pick(state.legal_actions(), seed) for state, seed in zip(states, seeds, strict=True)]


class SolverMover:
    """Plays a move with the best exact outcome, at random among those."""

    def __init__(self, game: _core.Game) -> None:
        self._game = game
        self._solver = inquiry.solver(game)

    def choose(self, states: Sequence[_core.State], seeds: Sequence[int]) -> list[int]:
        """One perfect action a position; the earliest positions of a game may take minutes."""
        return [_pick(self._best(state), seed) for state, seed in zip(states, seeds, strict=True)]

    def _best(self, state: _core.State) -> list[int]:
        outcomes = self._solver.outcomes(position_text(self._game, state))
        known = {action: outcome for action, outcome in enumerate(outcomes) if outcome is not None}
        best = max(known.values())
        return [action for action, outcome in known.items() if outcome == best]


class TreeMover:
    """Searches all positions it is given side by side, from fresh trees and without noise."""

    def __init__(
        self,
        game: _core.Game,
        params: _core.SearchParams,
        evaluate: Evaluator,
        simulations: int,
        cache_mb: float = 0.0,
    ) -> None:
        self._trees = _core.Trees(game, params, cache_mb=cache_mb)
        self._evaluate = evaluate
        self._simulations = simulations

    def choose(self, states: Sequence[_core.State], seeds: Sequence[int]) -> list[int]:
        """The search's choice in each position."""
        del seeds
        trees = self._trees
        for state in states:
            trees.add(state)
        try:
            search(trees, self._evaluate, self._simulations)
            return [trees.best_action(index) for index in range(len(trees))]
        finally:
            trees.clear()


def random_player() -> Player:
    """Uniformly random moves."""
    return Player("random", 0, lambda _: RandomMover())


def mcts_player(game: _core.Game, simulations: int) -> Player:
    """UCT with one random rollout an evaluation, without proofs (Kocsis and Szepesvari 2006)."""
    params = uct_params()
    return Player(
        f"mcts:{simulations}",
        simulations,
        lambda seed: TreeMover(game, params, RolloutEvaluator(seed), simulations),
    )


def uct_params() -> _core.SearchParams:
    """Settings of the `mcts` player."""
    return _core.SearchParams(rule="uct", c_puct=math.sqrt(2), proofs=False, reuse=False)


def solver_player(game: _core.Game) -> Player:
    """Perfect play; raise UserError where the game has no solver."""
    inquiry.require_solver(game)
    return Player("solver", 0, lambda _: SolverMover(game))


def network_player(
    name: str, game: _core.Game, config: Config, network: PolicyValueNetwork, simulations: int
) -> Player:
    """A network with the search of its settings, without noise."""
    params = play_params(config)

    def mover(_: int) -> Mover:
        evaluator = NetworkEvaluator(game, network, config.evaluator)
        return TreeMover(game, params, evaluator, simulations, CACHE_MB)

    return Player(name, simulations, mover)


def play_params(config: Config) -> _core.SearchParams:
    """The search of a run when it plays outside training: no noise, each move from a fresh tree."""
    params = search_params(config.search)
    params.reuse = False
    return params


def is_checkpoint(spec: str) -> bool:
    """Whether a player is a network: a run, a checkpoint or `GAME:pretrained`."""
    return spec not in ("random", "solver") and spec.partition(":")[0] not in ("mcts", "uci", "gtp")


def load_player(spec: str, game: _core.Game, simulations: int) -> Player:
    """Read a player as typed on the command line.

    `simulations` are those of a checkpoint; `mcts:SIMS` brings its own. Raise UserError for a player that
    does not exist, cannot be loaded or plays another game.
    """
    kind = spec.partition(":")[0]
    if spec == "random":
        return random_player()
    if spec == "solver":
        return solver_player(game)
    if kind == "mcts":
        return mcts_player(game, mcts_simulations(spec))
    if kind in ("uci", "gtp"):
        raise UserError(f"player '{spec}': outside engines are not supported yet; known: {KNOWN}")
    config, network = read_checkpoint(spec)
    check_game(spec, config, game)
    return network_player(spec, game, config, network, simulations)


def mcts_simulations(spec: str) -> int:
    """The number in `mcts:SIMS`."""
    text = spec.partition(":")[2]
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= MAX_SIMULATIONS):
        raise UserError(f"player '{spec}': give mcts:SIMS with 1 to {MAX_SIMULATIONS} simulations")
    return int(text)


@functools.lru_cache(maxsize=64)
def read_checkpoint(spec: str) -> tuple[Config, PolicyValueNetwork]:
    """Settings and network of a checkpoint, a run's newest one or `GAME:pretrained`; raise UserError."""
    path = pretrained_path(spec) if spec.endswith(PRETRAINED) else Path(spec)
    if not path.exists():
        raise UserError(f"player '{spec}' does not exist; known: {KNOWN}")
    from engine.checkpoint import load_checkpoint

    _, config, network = load_checkpoint(path)
    return config, network


def pretrained_path(spec: str) -> Path:
    """The checkpoint that `GAME:pretrained` names; raise UserError where the game brings none."""
    name = spec.removesuffix(PRETRAINED)
    folder = inquiry.pretrained_checkpoint(load_game(name))
    if folder is None:
        having = [
            known + PRETRAINED
            for known in game_names()
            if inquiry.is_offered(load_game(known), "pretrained_checkpoint")
        ]
        raise UserError(f"game '{name}' brings no network; there is {', '.join(having) or 'none'}")
    return folder


def check_game(spec: str, config: Config, game: _core.Game) -> None:
    """Raise UserError where a checkpoint plays another game."""
    if load_game(config.game).name != game.name:
        raise UserError(f"player '{spec}' plays {config.game}, not {game.name}")


def _pick(actions: Sequence[int], seed: int) -> int:
    return actions[int(np.random.default_rng(seed).integers(len(actions)))]
