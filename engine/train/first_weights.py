"""The weights that a run begins with, where `init.path` names some: found, held against the run, recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine import _core
from engine.checkpoint import MODEL, find_checkpoint
from engine.config import Config
from engine.config.network import InitConfig
from engine.errors import UserError
from engine.evaluator.network import PolicyValueNetwork
from engine.player.name import PRETRAINED, checkpoint_path, is_checkpoint
from engine.registry import load_game
from engine.run.layout import STATE
from engine.run.manifest import read_digest, read_sealed


def with_first_weights(game: _core.Game, config: Config, changes: Mapping[str, Any]) -> Config:
    """Settings of a new run with the place and SHA-256 of its first weights, and of the network they are of.

    changes: what the user asks for, of which the network's settings must be those of the weights. Raise
    UserError where the weights do not fit, and where there are none.
    """
    if not config.init.path:
        if config.init.sha256:
            raise UserError("setting 'init.sha256' is of the weights at 'init.path', which is not set")
        return config
    folder, (played, theirs, network) = _find(config.init.path)
    _check_game(config, played, game, network)
    asked = changes.get("network", {})
    for name, value in theirs.network.model_dump().items():
        if name in asked and asked[name] != value:
            raise UserError(
                f"setting 'network.{name}' = {asked[name]!r}: the weights of '{config.init.path}' are of a "
                f"network with {value}; drop it"
            )
    found = _sha256(folder)
    if config.init.sha256 not in ("", found):
        raise UserError(
            f"setting 'init.sha256' = {config.init.sha256[:12]}…: '{config.init.path}' holds other weights, "
            f"{found[:12]}…; drop the setting, or name the weights it is of"
        )
    is_named = config.init.path.endswith(PRETRAINED)
    path = config.init.path if is_named else str(folder.absolute())
    return config.model_copy(update={"init": InitConfig(path=path, sha256=found), "network": theirs.network})


def first_weights(game: _core.Game, config: Config) -> PolicyValueNetwork | None:
    """The network whose weights training begins with; None for random ones.

    Raise UserError where they are not there, are not those that the settings record, or do not fit.
    """
    if not config.init.path:
        return None
    folder, (played, theirs, network) = _find(config.init.path)
    _check_game(config, played, game, network)
    if theirs.network != config.network:
        raise UserError(
            f"setting 'network' is not that of the weights of '{config.init.path}', {theirs.network!r}; "
            "take those"
        )
    if config.init.sha256 and _sha256(folder) != config.init.sha256:
        raise UserError(
            f"setting 'init.path' = '{config.init.path}': the weights there are not those that the run was "
            "made with; put them back, or begin another run"
        )
    return network


def _find(path: str) -> tuple[Path, tuple[str, Config, PolicyValueNetwork]]:
    if not is_checkpoint(path):
        raise UserError(f"setting 'init.path' = '{path}' has no weights; give a run or a checkpoint")
    return find_checkpoint(checkpoint_path(path))


def _check_game(config: Config, played: str, game: _core.Game, network: PolicyValueNetwork) -> None:
    """Raise UserError where weights are of another game, or see another board; options may differ."""
    theirs = load_game(played)
    names = [one.name.partition(":")[0] for one in (theirs, game)]
    shapes = [
        (tuple(game.planes_shape), game.num_actions, game.has_score),
        (network.planes_shape, network.num_actions, network.has_score),
    ]
    if names[0] != names[1] or shapes[0] != shapes[1]:
        raise UserError(
            f"setting 'init.path' = '{config.init.path}': those weights play {theirs.name}, not {game.name}; "
            f"name a network of {game.name}"
        )


def _sha256(folder: Path) -> str:
    return read_digest(read_sealed(folder / STATE)["files"][MODEL]).sha256
