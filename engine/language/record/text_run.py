"""The run directory of a loop on text: that of a game run, with a model's folder for a checkpoint.

RUN/config.toml          settings and versions
    manifest/000002.json the files that exist since this commit; written last
    checkpoints/000002/  a folder that transformers reads, and state.json; a folder in it for each companion
    replay/000002.parquet  episodes of the iteration, see engine.language.record.episode_table
    metrics.jsonl  tb/  report.html  verdicts.json
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from engine.errors import CorruptFileError, UserError
from engine.language.episode import Episode
from engine.language.method.registry import method_of, read_text_settings
from engine.language.record.episode_table import read_episodes, write_episodes
from engine.language.record.source import Sources
from engine.language.settings import TextConfig, without_gone
from engine.run import storage
from engine.run.folder import RunFolder
from engine.run.layout import CONFIG, COPY, REPLAY, STATE, checkpoint_folder, shard_path
from engine.run.local_disk import Lock
from engine.run.manifest import (
    Manifest,
    Shard,
    digest_json,
    manifest_paths,
    read_digest,
    read_manifests,
    read_sealed,
    write_sealed,
)
from engine.run.settings_file import OtherRunError, read_settings, recorded_sources
from engine.run.storage import Digest

if TYPE_CHECKING:
    from engine.language.model.model import LanguageModel

REPORT, VERDICTS = "report.html", "verdicts.json"


@dataclass(frozen=True)
class TextCheckpoint:
    """Where a run on text goes on from: the folder of its newest model, and what the driver carries."""

    iteration: int
    folder: Path
    progress: dict[str, Any]


class TextRun(RunFolder):
    """A run on text. Made by `create` and `open`."""

    def __init__(
        self,
        path: Path,
        config: TextConfig,
        lock: Lock,
        warn: Callable[[str], None] | None = None,
        sources: Sources | None = None,
    ) -> None:
        super().__init__(path, config.task, 10**9, lock, warn)
        self.config = config
        self._sources = sources

    @classmethod
    def create(
        cls,
        path: Path,
        config: TextConfig,
        warn: Callable[[str], None] | None = None,
        sources: Sources | None = None,
    ) -> TextRun:
        """Start a run; raise UserError where the directory holds one already or cannot be written.

        What it reads from outside are its `sources`, whose digests are recorded.
        """
        digests = sources.record() if sources else {}
        return cls(path, config, cls.lock_new(path, config, digests), warn, sources)

    @classmethod
    def open(
        cls, path: Path, warn: Callable[[str], None] | None = None, sources: Sources | None = None
    ) -> TextRun:
        """Open a run to go on with; raise UserError where there is none or another process holds it.

        Likewise where one of its `sources` is not what it was when the run began.
        """
        told: list[str] = []
        config = read_text_config(path, told.append)
        if sources:
            sources.resume(recorded_sources(path), told.append)
        run = cls(path, config, cls.lock_old(path), warn, sources)
        for line in told:
            run._warn(line)
        return run

    def latest(self) -> TextCheckpoint | None:
        """The newest commit that is whole, as `newest` finds it."""
        return self.newest(_read_checkpoint)

    def commit(
        self,
        iteration: int,
        model: LanguageModel,
        progress: Mapping[str, Any],
        episodes: Sequence[Episode],
        companions: Mapping[str, LanguageModel] = MappingProxyType({}),
    ) -> None:
        """Write the episodes of an iteration, the model that came of them and its companions: all or none.

        UserError where one of the run's sources has changed since it began.
        """
        from engine.language.model.model_folder import save_model

        if self._sources:
            self._sources.check()
        self.begin(iteration)
        shards = []
        if episodes:
            path = shard_path(self.path, iteration)
            digest = write_episodes(path, episodes, self.config.task)
            kept = sum(episode.kept for episode in episodes)
            shards.append(Shard(path.name, digest, len(episodes), kept))
        folder = checkpoint_folder(self.path, iteration)
        save_model(model, folder)
        for name, companion in companions.items():
            save_model(companion, folder / name)
        inside = [path for name in companions for path in storage.list_folder(folder / name)]
        files = [path for path in storage.list_folder(folder) if path.name not in companions]
        digests = {
            str(PurePosixPath(path.relative_to(folder))): Digest.of(storage.read_checked(path))
            for path in (*files, *inside)
        }
        state = {
            "iteration": iteration,
            "task": self.config.task,
            "method": self.config.method,
            "progress": dict(progress),
            "files": {file: digest_json(digest) for file, digest in digests.items()},
        }
        self.commit_files(iteration, {**digests, STATE: write_sealed(folder / STATE, state)}, shards)

    def episodes(self) -> list[Episode]:
        """All episodes of the run, oldest first."""
        result: list[Episode] = []
        for shard in self.shards():
            result += read_episodes(self.path / REPLAY / shard.name, self.config.task, shard.digest)
        return result

    def model(self, iteration: int) -> LanguageModel:
        """The model of a checkpoint; CorruptFileError where a file is not as it was committed."""
        assert self.manifest is not None, "there is no commit yet"
        return _read_model(self.path, self.config, iteration, self.manifest)

    def companion(self, name: str, iteration: int) -> LanguageModel:
        """A companion of the model of a checkpoint; CorruptFileError likewise."""
        assert self.manifest is not None, "there is no commit yet"
        folder = checkpoint_folder(self.path, iteration)
        _read_checkpoint(folder, self.manifest.checkpoints.get(iteration, {}))
        return load_checkpoint(self.config, folder / name)

    def accepted_before(self, iteration: int) -> int:
        """The iteration whose model was the accepted one when `iteration`, from 1 on, began."""
        return int(self.progress(iteration - 1)["accepted"])

    def progress(self, iteration: int) -> dict[str, Any]:
        """What the driver carried at a checkpoint; CorruptFileError where that is not as it was committed."""
        assert self.manifest is not None, "there is no commit yet"
        state = checkpoint_folder(self.path, iteration) / STATE
        return dict(read_sealed(state, self.manifest.checkpoints[iteration][STATE])["progress"])

    def abandon(self) -> None:
        """Take the settings of a run without a commit away, so that its folder takes another."""
        if not manifest_paths(self.path):
            for name in (COPY, CONFIG):
                storage.remove(self.path / name)

    def __enter__(self) -> TextRun:
        return self


def load_checkpoint(config: TextConfig, folder: Path) -> LanguageModel:
    """A model that a run with these settings has saved; an adapter goes over the model the run began with."""
    from engine.language.model.model_folder import ADAPTER_CONFIG, load_model

    if storage.is_file(folder / ADAPTER_CONFIG):
        return load_model(config.model.path, folder, chat=config.model.chat)
    return load_model(folder, chat=config.model.chat)


def write_verdicts(path: Path, iteration: int, counts: Mapping[str, int]) -> None:
    """Note what a person said of the completions of a run up to `iteration`."""
    write_sealed(path / VERDICTS, {"iteration": iteration, "counts": dict(counts)})


def read_verdict_counts(path: Path) -> dict[str, int]:
    """What a person said last of the completions of a run, empty where nobody has."""
    return dict(read_sealed(path / VERDICTS)["counts"]) if storage.exists(path / VERDICTS) else {}


def judged_iteration(path: Path) -> int | None:
    """The last iteration that a person has judged, None where nobody has."""
    if not storage.exists(path / VERDICTS):
        return None
    return int(read_sealed(path / VERDICTS)["iteration"])


def read_text_config(path: Path, warn: Callable[[str], None] = lambda _: None) -> TextConfig:
    """The settings of a run on text; raise UserError like `engine.run.settings_file.read_settings`.

    `warn` is told of settings of an earlier version that are gone.
    """

    def build(content: Mapping[str, Any]) -> TextConfig:
        if "method" not in content:
            raise OtherRunError(f"'{path}' is a run on a game; see 'selfplay --help'")
        return read_text_settings(without_gone(content, warn))

    return read_settings(path, build)


def _read_checkpoint(folder: Path, digests: Mapping[str, Digest]) -> TextCheckpoint:
    """Check all files of a checkpoint; raise CorruptFileError where one is not what `digests` says."""
    try:
        state = read_sealed(folder / STATE, digests[STATE])
        for name, row in state["files"].items():
            storage.read_checked(folder / name, read_digest(row))
        return TextCheckpoint(int(state["iteration"]), folder, dict(state["progress"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"checkpoint '{folder}' is not complete: {error!r}") from error


def newest_model(path: Path) -> LanguageModel:
    """The model of a run that writes: the accepted one, or the first where critics are trained.

    Nothing is written to the run. UserError where it has no model.
    """
    manifest, iteration = _writing(path)
    return _read_model(path, read_text_config(path), iteration, manifest)


def newest_folder(path: Path) -> Path:
    """The folder of that model, unread; UserError likewise."""
    return checkpoint_folder(path, _writing(path)[1])


def newest_critic_folder(path: Path) -> Path:
    """The folder of the accepted critic of a run; UserError where none is trained or accepted."""
    config, (_, accepted) = read_text_config(path), _accepted(path)
    iteration = method_of(config).role(config).valuing(accepted)
    if iteration is None:
        raise UserError(f"run '{path}' has no critic that was accepted; give one of reward, prm or orm")
    return checkpoint_folder(path, iteration)


def newest_critic(path: Path) -> LanguageModel | None:
    """The accepted critic of a run, None where none is trained or accepted; UserError likewise."""
    config, (manifest, accepted) = read_text_config(path), _accepted(path)
    iteration = method_of(config).role(config).valuing(accepted)
    return None if iteration is None else _read_model(path, config, iteration, manifest)


def _writing(path: Path) -> tuple[Manifest, int]:
    config, (manifest, accepted) = read_text_config(path), _accepted(path)
    return manifest, method_of(config).role(config).writing(accepted)


def _accepted(path: Path) -> tuple[Manifest, int]:
    for manifest in read_manifests(path):
        if isinstance(manifest, CorruptFileError):
            continue
        folder = checkpoint_folder(path, manifest.iteration)
        state = read_sealed(folder / STATE, manifest.checkpoints[manifest.iteration][STATE])
        return manifest, int(state["progress"]["accepted"])
    raise UserError(f"run '{path}' has no checkpoint yet; let it finish an iteration")


def _read_model(path: Path, config: TextConfig, iteration: int, manifest: Manifest) -> LanguageModel:
    """The model of a checkpoint; where the run trains an adapter, that over the model it is for."""

    folder = checkpoint_folder(path, iteration)
    _read_checkpoint(folder, manifest.checkpoints.get(iteration, {}))
    return load_checkpoint(config, folder)
