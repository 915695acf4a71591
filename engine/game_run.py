"""A run of self-play on a game: its settings, its commits of games and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import _core
from engine.config import Config, build_config
from engine.errors import CorruptFileError, UserError
from engine.run.folder import RunFolder
from engine.run.layout import CONFIG, checkpoint_folder, shard_path
from engine.run.local_disk import Lock
from engine.run.manifest import Manifest, Shard, read_manifests
from engine.run.settings_file import OtherRunError, describe_difference, read_settings
from engine.run.sweep import refuse_orphans
from engine.selfplay.game_table import Games, num_games, num_positions, write_games

if TYPE_CHECKING:
    from engine.checkpoint import Checkpoint


class Run(RunFolder):
    """A run of self-play on a game. Made by `create` and `open`."""

    def __init__(
        self, path: Path, config: Config, lock: Lock, warn: Callable[[str], None] | None = None
    ) -> None:
        super().__init__(path, config.game, config.loop.checkpoints, lock, warn)
        self.config = config

    @classmethod
    def create(cls, path: Path, config: Config, warn: Callable[[str], None] | None = None) -> Run:
        """Start a run; raise UserError where the directory holds one already or cannot be written."""
        run = cls(path, config, cls.lock_new(path, config), warn)
        run._is_swept = True
        return run

    @classmethod
    def open(cls, path: Path, warn: Callable[[str], None] | None = None) -> Run:
        """Open a run to go on with; raise UserError where there is none or another process holds it."""
        config = read_config(path)
        return cls(path, config, cls.lock_old(path), warn)

    def latest(self) -> Checkpoint | None:
        """The newest commit that is whole, as `newest` finds it."""
        from engine.checkpoint import read_checkpoint

        return self.newest(read_checkpoint)

    def compare(self, checkpoint: Checkpoint) -> None:
        """Raise UserError where the settings are not the checkpoint's."""
        ours, theirs = (config.model_dump(mode="json") for config in (self.config, checkpoint.config))
        if difference := describe_difference(ours, theirs):
            raise UserError(
                f"'{self.path / CONFIG}' {difference}; settings stay as they are in a run: put it back, "
                f"or begin another run with --config {self.path / CONFIG}"
            )

    def commit(self, checkpoint: Checkpoint, games: Games, game: _core.Game) -> None:
        """Write the games of an iteration and a checkpoint; both or neither exist after a crash.

        Raises UserError where the disk is full; the commit before it stands.
        """
        from engine.checkpoint import write_checkpoint

        iteration = checkpoint.iteration
        self.begin(iteration)
        shards = []
        if num_games(games):
            path = shard_path(self.path, iteration)
            digest = write_games(path, games, self.config.game)
            shards.append(Shard(path.name, digest, num_games(games), num_positions(games)))
        folder = checkpoint_folder(self.path, iteration)
        files = write_checkpoint(folder, checkpoint, game.planes_shape, game.num_actions)
        self.commit_files(iteration, files, shards)

    def checkpoints(self) -> list[Path]:
        """Folders of the checkpoints that exist, oldest first."""
        from engine.checkpoint import kept_checkpoints

        return kept_checkpoints(self.path, self.manifest) if self.manifest else []

    def is_lasting(self, name: str) -> bool:
        """What playing needs; the rest of a checkpoint is for going on with training."""
        from engine.checkpoint import PLAY_FILES

        return name in PLAY_FILES

    def __enter__(self) -> Run:
        return self


def read_run(path: Path) -> tuple[Config, Manifest]:
    """Settings and newest readable manifest of a run, without writing to it.

    Raises UserError where there is no run or no commit yet, CorruptFileError where no manifest is whole.
    """
    config = read_config(path)
    failure: CorruptFileError | None = None
    for manifest in read_manifests(path):
        if not isinstance(manifest, CorruptFileError):
            return config, manifest
        failure = failure or manifest
    if failure is not None:
        raise failure
    refuse_orphans(path)
    raise UserError(f"run '{path}' has no checkpoint yet; let it finish an iteration")


def read_config(run_path: Path) -> Config:
    """Settings of a run on a game; raise UserError like `engine.run.settings_file.read_settings`."""

    def build(content: Mapping[str, Any]) -> Config:
        if "method" in content:
            raise OtherRunError(f"'{run_path}' is a run on text; see 'selfplay text --help'")
        return build_config(content)

    return read_settings(run_path, build)
