"""A run directory that is written: settings, commits, and what is left of them after a crash at any moment.

The newest manifest whose checkpoint is whole counts; see engine.run.sweep for what it does not name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TypeVar

from engine.config.section import Section
from engine.errors import CorruptFileError, UserError
from engine.run import local_disk, storage
from engine.run.layout import (
    CHECKPOINTS,
    CONFIG,
    COPY,
    LOCK,
    MANIFEST,
    QUARANTINE,
    REPLAY,
    begun_path,
    checkpoint_folder,
)
from engine.run.local_disk import Lock
from engine.run.manifest import Manifest, Shard, manifest_paths, read_manifests
from engine.run.settings_file import read_content, write_config, write_copy
from engine.run.storage import Digest
from engine.run.sweep import refuse_orphans, set_aside, sweep

C = TypeVar("C")

RESUMABLE = 2
"""Newest commits that training can go on from; older checkpoints keep what play needs."""

FOREVER = 10
"""Checkpoints of iterations that this divides are never pruned."""


class RunFolder:
    """A run directory open for writing, whatever is trained in it; a context manager.

    `manifest` is the commit that counts, None before the first and before `latest`. Warnings go to `warn`,
    by default to stderr.

    Args:
        subject: what the run is about, as its manifests name it: a game or a task with its options.
        keep: checkpoints kept on disk beside every tenth.
    """

    def __init__(
        self, path: Path, subject: str, keep: int, lock: Lock, warn: Callable[[str], None] | None = None
    ) -> None:
        self.path = path
        self.subject = subject
        self.keep = keep
        self.manifest: Manifest | None = None
        self._settings = read_content(path)
        self._is_swept = False
        self._lock = lock
        self._warn = warn or (lambda text: print(f"warning: {text}", file=sys.stderr))

    @staticmethod
    def lock_new(path: Path, config: Section, sources: Mapping[str, str] = MappingProxyType({})) -> Lock:
        """Make a run directory with its settings, and digests of what it reads from outside.

        Raise UserError where it holds one or cannot be written.
        """
        storage.make_folder(path)
        lock = local_disk.Lock(path / LOCK)
        try:
            if storage.exists(path / CONFIG) or manifest_paths(path) or storage.exists(path / COPY):
                raise UserError(
                    f"'{path}' holds a run already; go on with --resume, or name another with --run"
                )
            refuse_orphans(path)
            _make_folders(path)
            write_config(path, config, sources)
        except BaseException:
            lock.release()
            raise
        return lock

    @staticmethod
    def lock_old(path: Path) -> Lock:
        """Lock a run directory; raise UserError where another process holds it."""
        return local_disk.Lock(path / LOCK)

    def newest(self, read: Callable[[Path, Mapping[str, Digest]], C]) -> C | None:
        """What `read` makes of the newest checkpoint that is whole; sweeps what a kill has left beside it.

        `read` is given its folder and the digests of its files. None before the first commit. Where a newer
        commit is damaged, or its manifest is missing, its files move to RUN/quarantine with a warning: what
        came since is done again. Raises UserError, with the run as it was, where there were commits and none
        is whole, and where the settings are not those the run was begun with.
        """
        failures: list[CorruptFileError] = []
        for manifest in read_manifests(self.path):
            try:
                if isinstance(manifest, CorruptFileError):
                    raise manifest
                checkpoint = self._read(manifest, read)
            except CorruptFileError as error:
                failures.append(error)
                continue
            if manifest.settings is None:
                self.compare(checkpoint)
            for failure in failures:
                self._warn(
                    f"{failure}; going back to iteration {manifest.iteration}, newer files are set aside"
                )
            self._take_up(manifest, is_told=bool(failures))
            return checkpoint
        if failures:
            raise UserError(
                f"run '{self.path}' has no whole commit ({failures[0]}); "
                "copy it here again, or start another with --run"
            )
        refuse_orphans(self.path)
        self._take_up(None, is_told=False)
        return None

    def compare(self, checkpoint: Any) -> None:
        """Raise UserError where the settings differ from those that come with a checkpoint, if any do."""

    def begin(self, iteration: int) -> None:
        """Announce a commit, before anything of it is written; nothing where that is done already."""
        before = self.manifest
        assert self._is_swept, "read the newest checkpoint before the first commit"
        assert before is None or iteration > before.iteration, (iteration, before.iteration)
        self._lock.check()
        if not storage.is_mark(begun_path(self.path, iteration)):
            storage.write_mark(begun_path(self.path, iteration))

    def commit_files(self, iteration: int, files: dict[str, Digest], shards: Sequence[Shard]) -> None:
        """Name the files of a checkpoint and of replay: from the moment this returns, they exist."""
        before = self.manifest
        kept = self._kept({**(before.checkpoints if before else {}), iteration: files})
        manifest = Manifest(iteration, self.subject, (*self.shards(), *shards), kept, self._settings)
        manifest.write(self.path)
        self.manifest = manifest
        sweep(self.path, manifest, RESUMABLE, self._warn)

    def shards(self) -> tuple[Shard, ...]:
        """All replay files, oldest first."""
        return self.manifest.shards if self.manifest else ()

    def close(self) -> None:
        """Let other processes write."""
        self._lock.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, manifest: Manifest, read: Callable[[Path, Mapping[str, Digest]], C]) -> C:
        if manifest.game != self.subject:
            raise CorruptFileError(f"manifest {manifest.iteration} is of {manifest.game}")
        files = manifest.checkpoints.get(manifest.iteration)
        if files is None:
            raise CorruptFileError(f"manifest {manifest.iteration} names no checkpoint")
        return read(checkpoint_folder(self.path, manifest.iteration), files)

    def _kept(self, checkpoints: dict[int, dict[str, Digest]]) -> dict[int, dict[str, Digest]]:
        newest = sorted(checkpoints)[-self.keep :]
        resumable = sorted(checkpoints)[-RESUMABLE:]
        return {
            iteration: {
                name: digest
                for name, digest in files.items()
                if iteration in resumable or self.is_lasting(name)
            }
            for iteration, files in sorted(checkpoints.items())
            if iteration in newest or iteration in resumable or iteration % FOREVER == 0
        }

    def is_lasting(self, name: str) -> bool:
        """Whether a file of a checkpoint stays when training will not go on from it; here all do."""
        del name
        return True

    def _take_up(self, manifest: Manifest | None, is_told: bool) -> None:
        """Go on from a commit, None for the start."""
        self.manifest = manifest
        _make_folders(self.path)
        if not storage.exists(self.path / COPY):
            write_copy(self.path, self._settings)
        set_aside(self.path, manifest, self.path / QUARANTINE, None if is_told else self._warn)
        sweep(self.path, manifest, RESUMABLE, self._warn)
        self._is_swept = True


def _make_folders(path: Path) -> None:
    for name in (MANIFEST, CHECKPOINTS, REPLAY):
        storage.make_folder(path / name)
