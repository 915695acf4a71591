"""From a PLAYER's name to the player: a run, a checkpoint, `GAME:pretrained`, `random`, `mcts:SIMS` …"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine import _core
from engine.config import Config, build_config
from engine.errors import UserError
from engine.game import inquiry
from engine.player.limit import Limit
from engine.player.limited_player import LimitedPlayer
from engine.player.plain_player import RandomPlayer, SolverPlayer
from engine.player.player import Player
from engine.player.spec import OUTSIDE, parse_spec
from engine.player.tree_player import TreePlayer, mcts_player, network_player
from engine.registry import game_names, is_same_game, load_game, preset

if TYPE_CHECKING:
    from engine.evaluator.network import PolicyValueNetwork

KNOWN = (
    "random, mcts:SIMS, solver, GAME:pretrained, GAME:untrained, uci:COMMAND, gtp:COMMAND, json:COMMAND, "
    "the path of a run, of a checkpoint or of an exported folder"
)
"""What may be named as a player."""

MAX_SIMULATIONS = 10_000_000

PRETRAINED = ":pretrained"
"""Behind a game: the network that comes with it."""

UNTRAINED = re.compile(r"(?P<game>.+):untrained(:(?P<seed>[0-9]{1,9}))?")
"""A network of a game as its training begins with: of the game's own preset, and of a seed."""


def load_player(
    spec: str,
    game: _core.Game | None = None,
    simulations: int = 100,
    *,
    threads: int = 1,
    seed: int = 1,
    other_options: bool = False,
    limit: Limit | None = None,
) -> Player:
    """The player of a name as typed on the command line.

    Args:
        spec: the name, with what may follow it; see engine.player.spec.
        game: what it is to play; by default what its checkpoint does, else the default of the settings.
        simulations: a move, of a checkpoint; `mcts:SIMS` brings its own.
        threads: that compute a checkpoint's network; above 1 a tree that is searched alone keeps all busy.
        seed: of chance in the player.
        other_options: whether a checkpoint may play `game` though it was trained on it with other options,
            where planes and actions are the same.
        limit: of its moves, where its name brings none.

    Raise UserError for a player that does not exist, cannot be loaded, plays another game or cannot be
    limited so.
    """
    named = parse_spec(spec)
    own = named.limit.over(limit or Limit())
    if named.protocol:
        from engine.arena.client.player import EnginePlayer

        return EnginePlayer(named, game or load_game(Config().game), own)
    if own.depth is not None:
        raise UserError(f"player '{spec}' cannot be limited by depth; give simulations or time")
    if named.limit.simulations is not None and not is_checkpoint(named.who):
        raise UserError(f"player '{spec}' takes no simulations beside its name; mcts:SIMS has them in it")
    if game is not None and not other_options and is_checkpoint(named.who):
        check_game(named.who, read_checkpoint(named.who)[0], game)
    player = _own_player(named.who, game, own.simulations or simulations, threads, seed)
    if own.evaluations is not None and isinstance(player, TreePlayer):
        _limit_evaluations(player, own, spec)
    if player.name == named.name and own.time is None:
        return player
    most = own.simulations if is_checkpoint(named.who) else player.simulations or None
    return LimitedPlayer(player, named.name, Limit(simulations=most, time=own.time))


def _own_player(spec: str, game: _core.Game | None, simulations: int, threads: int, seed: int) -> Player:
    kind = spec.partition(":")[0]
    if is_checkpoint(spec):
        config, network = read_checkpoint(spec)
        game = game or load_game(config.game)
        return network_player(spec, game, config, network, simulations, threads)
    game = game or load_game(Config().game)
    if kind == "mcts":
        return mcts_player(game, mcts_simulations(spec), seed)
    return SolverPlayer(game) if spec == "solver" else RandomPlayer(game, seed)


def _limit_evaluations(player: TreePlayer, limit: Limit, spec: str) -> None:
    if limit.simulations is not None or limit.time is not None:
        raise UserError(f"player '{spec}': evaluations go with no other limit; leave out '{limit}'")
    player.evaluations = limit.evaluations


def served_limit(spec: str, *, times: bool) -> Limit:
    """The limit in the name of one of our players, to be kept by who asks it outside of an arena.

    Outside engines keep theirs, so that nothing is left of it here. Raise UserError for evaluations, which an
    arena alone counts, and for a time where whoever asks `times` no move.
    """
    named = parse_spec(spec)
    if named.protocol:
        return Limit()
    if named.limit.evaluations is not None:
        raise UserError(f"player '{spec}': evaluations are counted in an arena alone; give simulations")
    if named.limit.time is not None and not times:
        raise UserError(f"player '{spec}': its time is not kept here; leave out 'time={named.limit.time}'")
    return named.limit


def find_game(specs: Sequence[str], named: str | None) -> _core.Game:
    """The game that the players' checkpoints play, else the one named, else the default of the settings.

    Raise UserError where these are several.
    """
    own = [parse_spec(spec).who for spec in specs]
    played = {spec: read_checkpoint(spec)[0].game for spec in own if is_checkpoint(spec)}
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
    """Whether a player is a network: a run, a checkpoint, `GAME:pretrained` or `GAME:untrained`."""
    return spec not in ("random", "solver") and spec.partition(":")[0] not in ("mcts", *OUTSIDE)


def mcts_simulations(spec: str) -> int:
    """The number in `mcts:SIMS`."""
    text = spec.partition(":")[2]
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 1 <= int(text) <= MAX_SIMULATIONS):
        raise UserError(f"player '{spec}': give mcts:SIMS with 1 to {MAX_SIMULATIONS} simulations")
    return int(text)


@functools.lru_cache(maxsize=64)
def read_checkpoint(spec: str) -> tuple[Config, PolicyValueNetwork]:
    """Settings and network of a checkpoint, a run's newest one, `GAME:pretrained` or `GAME:untrained`; raise
    UserError.
    """
    if untrained := UNTRAINED.fullmatch(spec):
        return untrained_network(untrained["game"], untrained["seed"])
    from engine.checkpoint import load_checkpoint

    _, config, network = load_checkpoint(checkpoint_path(spec))
    return config, network


def untrained_network(name: str, seed: str | None) -> tuple[Config, PolicyValueNetwork]:
    """The settings of a game's own preset, and a network with a seed's first weights; by default theirs."""
    from engine.evaluator.network import PolicyValueNetwork

    game = load_game(name)
    config = build_config(preset(game, "default"), {"game": name})
    number = config.seed if seed is None else int(seed)
    network = PolicyValueNetwork(
        game.planes_shape, game.num_actions, config.network, number, has_score=game.has_score
    )
    return config, network.eval().requires_grad_(False)


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
