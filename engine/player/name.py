"""From a PLAYER's name to the player: run, checkpoint, `GAME:pretrained`, `random`, `mcts:SIMS`, `solver`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine import _core
from engine.config import Config
from engine.errors import UserError
from engine.game import inquiry
from engine.player.plain_player import RandomPlayer, SolverPlayer
from engine.player.player import Player
from engine.player.tree_player import mcts_player, network_player
from engine.registry import game_names, is_same_game, load_game

if TYPE_CHECKING:
    from engine.evaluator.network import PolicyValueNetwork

KNOWN = (
    "random, mcts:SIMS, solver, GAME:pretrained, the path of a run, of a checkpoint or of an exported folder"
)
"""What may be named as a player."""

MAX_SIMULATIONS = 10_000_000

PRETRAINED = ":pretrained"
"""Behind a game: the network that comes with it."""


def load_player(
    spec: str,
    game: _core.Game | None = None,
    simulations: int = 100,
    *,
    threads: int = 1,
    seed: int = 1,
    other_options: bool = False,
) -> Player:
    """The player of a name as typed on the command line.

    Args:
        spec: the name.
        game: what it is to play; by default what its checkpoint does, else the default of the settings.
        simulations: a move, of a checkpoint; `mcts:SIMS` brings its own.
        threads: that compute a checkpoint's network; above 1 a tree that is searched alone keeps all busy.
        seed: of chance in the player.
        other_options: whether a checkpoint may play `game` though it was trained on it with other options,
            where planes and actions are the same.

    Raise UserError for a player that does not exist, cannot be loaded or plays another game.
    """
    kind = spec.partition(":")[0]
    if is_checkpoint(spec):
        config, network = read_checkpoint(spec)
        game = game or load_game(config.game)
        if not other_options:
            check_game(spec, config, game)
        return network_player(spec, game, config, network, simulations, threads)
    if kind in ("uci", "gtp"):
        raise UserError(f"player '{spec}': outside engines are not supported yet; known: {KNOWN}")
    game = game or load_game(Config().game)
    if kind == "mcts":
        return mcts_player(game, mcts_simulations(spec), seed)
    return SolverPlayer(game) if spec == "solver" else RandomPlayer(game, seed)


def find_game(specs: Sequence[str], named: str | None) -> _core.Game:
    """The game that the players' checkpoints play, else the one named, else the default of the settings.

    Raise UserError where these are several.
    """
    played = {spec: read_checkpoint(spec)[0].game for spec in specs if is_checkpoint(spec)}
    names: list[str] = []
    for name in [*([named] if named else []), *played.values()]:
        if not any(is_same_game(name, other) for other in names):
            names.append(name)
    if len(names) > 1:
        games = ", ".join([f"'{spec}' plays {name}" for spec, name in played.items()])
        asked = f", --game is {named}" if named else ""
        raise UserError(f"the players do not share a game: {games}{asked}")
    return load_game(names[0] if names else Config().game)


def is_checkpoint(spec: str) -> bool:
    """Whether a player is a network: a run, a checkpoint or `GAME:pretrained`."""
    return spec not in ("random", "solver") and spec.partition(":")[0] not in ("mcts", "uci", "gtp")


def mcts_simulations(spec: str) -> int:
    """The number in `mcts:SIMS`."""
    text = spec.partition(":")[2]
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= MAX_SIMULATIONS):
        raise UserError(f"player '{spec}': give mcts:SIMS with 1 to {MAX_SIMULATIONS} simulations")
    return int(text)


@functools.lru_cache(maxsize=64)
def read_checkpoint(spec: str) -> tuple[Config, PolicyValueNetwork]:
    """Settings and network of a checkpoint, a run's newest one or `GAME:pretrained`; raise UserError."""
    from engine.checkpoint import load_checkpoint

    _, config, network = load_checkpoint(checkpoint_path(spec))
    return config, network


def checkpoint_path(spec: str) -> Path:
    """The run, checkpoint or exported folder that a name is of; UserError where there is none."""
    path = pretrained_path(spec) if spec.endswith(PRETRAINED) else Path(spec)
    if not path.exists():
        raise UserError(f"player '{spec}' does not exist; known: {KNOWN}")
    return path


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
