"""The player behind `play` and `analyze`: a run, a checkpoint, `GAME:pretrained`, or `mcts:SIMS`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import UserError

if TYPE_CHECKING:
    from engine._core import Game
    from engine.protocols.analysis import Analyst


@dataclass(frozen=True)
class Thinker:
    """A player that can say what it thinks; `simulations` None: the caller chooses."""

    game: Game
    analyst: Analyst
    simulations: int | None


def load_thinker(spec: str, game_spec: str | None = None, seed: int = 1, threads: int = 1) -> Thinker:
    """Load a run, a checkpoint, `GAME:pretrained`, or `mcts:SIMS` of the game named; raise UserError.

    `threads` compute the network; above 1 a tree that is searched alone keeps all of them busy.
    """
    from engine.arena.player import is_checkpoint

    if is_checkpoint(spec):
        return _load_network(spec, game_spec, threads)
    if not spec.startswith("mcts:"):
        raise UserError(
            f"player '{spec}' does not search; give a run, a checkpoint, GAME:pretrained or mcts:SIMS"
        )
    from engine.arena.player import mcts_simulations, uct_params
    from engine.config import Config
    from engine.evaluator.evaluator import RolloutEvaluator
    from engine.protocols.analysis import Analyst
    from engine.registry import load_game

    simulations = mcts_simulations(spec)
    game = load_game(game_spec or Config().game)
    return Thinker(game, Analyst(game, uct_params(), RolloutEvaluator(seed)), simulations)


def _load_network(spec: str, game_spec: str | None, threads: int) -> Thinker:
    from engine.arena.player import CACHE_MB, check_game, play_params, read_checkpoint
    from engine.evaluator.evaluator import NetworkEvaluator
    from engine.protocols.analysis import Analyst
    from engine.registry import load_game
    from engine.search import TREE_BATCH

    config, network = read_checkpoint(spec)
    game = load_game(game_spec or config.game)
    check_game(spec, config, game)
    evaluator = NetworkEvaluator(game, network, config.evaluator, threads)
    in_flight = TREE_BATCH * evaluator.depth if threads > 1 else 1
    return Thinker(game, Analyst(game, play_params(config), evaluator, CACHE_MB, in_flight), None)
