"""Checkpoints: a folder of safetensors, JSON and Parquet that training and play go on from. No pickle."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from engine.config import Config, build_config
from engine.errors import CorruptFileError, UserError
from engine.evaluator.network import PolicyValueNetwork
from engine.learner.learner import LearnerState, load_weights
from engine.run import storage
from engine.run.layout import STATE, checkpoint_folder
from engine.run.manifest import (
    Manifest,
    digest_json,
    is_run,
    manifest_paths,
    read_digest,
    read_manifests,
    read_sealed,
    write_sealed,
)
from engine.run.storage import Digest
from engine.selfplay.game_table import Games, join_games, num_games, read_games, split_games, write_games

MODEL, LEARNER, OPTIMIZER = "model.safetensors", "learner.safetensors", "optimizer.safetensors"
IN_FLIGHT = "inflight.parquet"

PLAY_FILES = frozenset({MODEL, STATE})
"""What playing needs; the others are for going on with training."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run goes on from.

    Args:
        iteration: iterations done.
        config: settings of the run.
        learner: network, average and optimizer.
        games: games under way, a batch a caller.
        next_ids: id of each caller's next game.
        progress: what the driver carries on, as JSON.
    """

    iteration: int
    config: Config
    learner: LearnerState
    games: list[Games]
    next_ids: list[int]
    progress: dict[str, Any] = field(default_factory=dict)


def write_checkpoint(
    folder: Path, checkpoint: Checkpoint, planes_shape: tuple[int, int, int], num_actions: int
) -> dict[str, Digest]:
    """Write the files of a checkpoint, `state.json` last; their digests by name."""
    storage.make_folder(folder)
    config, learner = checkpoint.config, checkpoint.learner
    tensors = {MODEL: learner.model, LEARNER: learner.learner, OPTIMIZER: learner.optimizer}
    digests = {
        name: storage.atomic_write(folder / name, safetensors.torch.save(table))
        for name, table in tensors.items()
    }
    digests[IN_FLIGHT] = write_games(folder / IN_FLIGHT, join_games(checkpoint.games), config.game)
    state = {
        "iteration": checkpoint.iteration,
        "game": config.game,
        "planes_shape": list(planes_shape),
        "num_actions": num_actions,
        "config": config.model_dump(mode="json"),
        "learner": learner.numbers,
        "games_under_way": [num_games(games) for games in checkpoint.games],
        "next_ids": checkpoint.next_ids,
        "progress": checkpoint.progress,
        "files": {name: digest_json(digest) for name, digest in digests.items()},
    }
    digests[STATE] = write_sealed(folder / STATE, state)
    return digests


def read_checkpoint(folder: Path, digests: Mapping[str, Digest]) -> Checkpoint:
    """Read all files of a checkpoint; raise CorruptFileError where one is not what `digests` says."""
    try:
        state = read_sealed(folder / STATE, digests[STATE])
        config = _read_settings(folder / STATE, state)
        model, learner, optimizer = (
            read_tensors(folder / name, digests[name]) for name in (MODEL, LEARNER, OPTIMIZER)
        )
        games = read_games(folder / IN_FLIGHT, config.game, digests[IN_FLIGHT])
        return Checkpoint(
            iteration=int(state["iteration"]),
            config=config,
            learner=LearnerState(model, learner, optimizer, state["learner"]),
            games=split_games(games, state["games_under_way"]),
            next_ids=list(state["next_ids"]),
            progress=dict(state["progress"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"checkpoint '{folder}' is not complete: {error!r}") from error


def load_checkpoint(path: Path | str) -> tuple[str, Config, PolicyValueNetwork]:
    """The weights that play: of a checkpoint, or of a run's newest one that is whole.

    Args:
        path: RUN, RUN/checkpoints/000042, or the model.safetensors in it.

    Returns:
        (game with its options, settings of the run, network in evaluation mode).

    Raises:
        UserError: where there is no checkpoint, or it is none of this program.
        CorruptFileError: where it is damaged or of a newer format.
    """
    return find_checkpoint(path)[1]


def find_checkpoint(path: Path | str) -> tuple[Path, tuple[str, Config, PolicyValueNetwork]]:
    """The folder of the checkpoint that `load_checkpoint` takes, and what that gives."""
    path = Path(path)
    if not storage.exists(path):
        raise UserError(f"checkpoint '{path}' does not exist; give a run directory or one of its checkpoints")
    if storage.is_file(path):
        if path.name != MODEL:
            raise UserError(
                f"'{path}' is not a checkpoint of selfplay (a folder with {MODEL} and {STATE}; pickles such "
                "as .pt and .pkl are never loaded); give a run directory or one of its checkpoints"
            )
        path = path.parent
    if not is_run(path):
        return path, load_network(path)
    return _load_newest(path)


def load_network(folder: Path) -> tuple[str, Config, PolicyValueNetwork]:
    """What `load_checkpoint` gives, from one checkpoint's folder, wherever it has been copied to."""
    if not storage.exists(folder / STATE) and not storage.exists(folder / MODEL):
        raise UserError(f"'{folder}' holds no checkpoint; give a run directory or one of its checkpoints")
    state = read_sealed(folder / STATE)
    try:
        config = _read_settings(folder / STATE, state)
        channels, height, width = (int(size) for size in state["planes_shape"])
        num_actions = int(state["num_actions"])
        digest = read_digest(state["files"][MODEL])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"'{folder / STATE}' is not a checkpoint's state: {error!r}") from error
    if min(channels, height, width, num_actions) < 1:
        raise CorruptFileError(f"'{folder / STATE}' names planes of size {(channels, height, width)}")
    tensors = read_tensors(folder / MODEL, digest)
    network = PolicyValueNetwork(
        (channels, height, width), num_actions, config.network, has_score="score_out.weight" in tensors
    )
    try:
        load_weights(network, tensors)
    except CorruptFileError as error:
        raise CorruptFileError(f"'{folder / MODEL}': {error}") from error
    return config.game, config, network.eval().requires_grad_(False)


def read_tensors(path: Path, digest: Digest) -> dict[str, Tensor]:
    """Read a safetensors file; raise CorruptFileError where it is not what `digest` says."""
    data = storage.read_checked(path, digest)
    try:
        return safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise CorruptFileError(f"'{path}' is damaged: {error}") from error


def kept_checkpoints(run_path: Path, manifest: Manifest) -> list[Path]:
    """Folders of the checkpoints that a manifest names and that can play, oldest first."""
    folders = [checkpoint_folder(run_path, iteration) for iteration in sorted(manifest.checkpoints)]
    return [folder for folder in folders if storage.exists(folder / MODEL)]


def _read_settings(path: Path, state: Mapping[str, Any]) -> Config:
    try:
        return build_config(dict(state["config"]))
    except UserError as error:
        raise UserError(f"'{path}': {error}; use the version of selfplay that wrote it") from error


def _load_newest(run_path: Path) -> tuple[Path, tuple[str, Config, PolicyValueNetwork]]:
    manifests = read_manifests(run_path)
    failure: CorruptFileError | None = None
    for manifest in manifests:
        folders = [] if isinstance(manifest, CorruptFileError) else kept_checkpoints(run_path, manifest)
        failure = manifest if isinstance(manifest, CorruptFileError) else failure
        for folder in reversed(folders):
            try:
                result = load_network(folder)
            except CorruptFileError as error:
                failure = failure or error
                continue
            if failure is not None:
                print(f"warning: {failure}; taking '{folder}' instead", file=sys.stderr)
            return folder, result
    if failure is not None:
        raise failure
    what = "no whole checkpoint" if manifest_paths(run_path) else "no checkpoint yet"
    raise UserError(f"run '{run_path}' has {what}; let it finish an iteration")
