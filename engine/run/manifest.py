"""Manifests: JSON files that say which files of a run exist and what they hold, and that seal themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CorruptFileError
from engine.run import storage
from engine.run.layout import BEGUN, MANIFEST, manifest_path
from engine.run.storage import Digest

FORMAT = 1
"""Version of a run directory and of its checkpoints; a newer one is refused."""

MAX_BYTES = 1 << 28
"""No sealed file is as large; what claims to be is refused unread."""

_SEAL = "sha256"


@dataclass(frozen=True)
class Shard:
    """What was played in one commit: a file under RUN/replay and what it must hold.

    Args:
        name: of the file.
        digest: of the file.
        games: rows, a game or an episode each.
        positions: those that are learnt from; of a game, plies with weight above zero.
    """

    name: str
    digest: Digest
    games: int
    positions: int


@dataclass(frozen=True)
class Manifest:
    """The files that exist from one commit on; a file that is not named does not exist.

    Args:
        iteration: of the commit.
        game: with its options.
        shards: all replay files, oldest first.
        checkpoints: digests of the files of every checkpoint kept, by iteration.
        settings: what RUN/config.toml says; None in runs of older versions.
    """

    iteration: int
    game: str
    shards: tuple[Shard, ...]
    checkpoints: dict[int, dict[str, Digest]]
    settings: dict[str, Any] | None = None

    def write(self, run_path: Path) -> None:
        """Commit: from the moment this returns, the files named exist."""
        shards = [
            {
                "name": shard.name,
                **digest_json(shard.digest),
                "games": shard.games,
                "positions": shard.positions,
            }
            for shard in self.shards
        ]
        checkpoints = {
            str(iteration): {name: digest_json(digest) for name, digest in files.items()}
            for iteration, files in self.checkpoints.items()
        }
        content = {
            "iteration": self.iteration,
            "game": self.game,
            "checkpoints": checkpoints,
            "shards": shards,
            **({} if self.settings is None else {"settings": self.settings}),
        }
        write_sealed(manifest_path(run_path, self.iteration), content)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest; raise CorruptFileError where it is damaged or of a newer format."""
        content = read_sealed(path)
        try:
            shards = tuple(
                Shard(_plain(row["name"]), read_digest(row), int(row["games"]), int(row["positions"]))
                for row in content["shards"]
            )
            checkpoints = {
                int(iteration): {_inside(name): read_digest(row) for name, row in files.items()}
                for iteration, files in content["checkpoints"].items()
            }
            settings = None if content.get("settings") is None else dict(content["settings"])
            return cls(int(content["iteration"]), str(content["game"]), shards, checkpoints, settings)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CorruptFileError(f"'{path}' is not a manifest: {error!r}") from error


def is_run(path: Path) -> bool:
    """Whether a folder is one of a run, not of a checkpoint."""
    return storage.is_folder(path / MANIFEST)


def begun_paths(run_path: Path) -> dict[int, Path]:
    """Files that announce a commit, by iteration; copies of such files, which announce nothing, included."""
    paths = storage.list_folder(run_path / MANIFEST)
    return {int(path.stem): path for path in paths if path.suffix == BEGUN and path.stem.isdecimal()}


def begun_iterations(run_path: Path) -> set[int]:
    """Commits that were begun in this very folder; those without a manifest were not brought to an end."""
    return {iteration for iteration, path in begun_paths(run_path).items() if storage.is_mark(path)}


def manifest_paths(run_path: Path) -> list[Path]:
    """A run's manifests, newest first."""
    paths = storage.list_folder(run_path / MANIFEST)
    named = [path for path in paths if path.suffix == ".json" and path.stem.isdecimal()]
    return sorted(named, key=lambda path: int(path.stem), reverse=True)


def read_manifests(run_path: Path) -> Iterator[Manifest | CorruptFileError]:
    """A run's manifests, newest first; the error in place of one that is damaged."""
    for path in manifest_paths(run_path):
        try:
            yield Manifest.read(path)
        except CorruptFileError as error:
            yield error


def write_sealed(path: Path, content: Mapping[str, Any]) -> Digest:
    """Write a JSON object with its format and, last, the SHA-256 of all before."""
    body = {"format": FORMAT, **content}
    sealed = {**body, _SEAL: _seal(body)}
    return storage.atomic_write(path, (json.dumps(sealed, indent=1, allow_nan=False) + "\n").encode())


def read_sealed(path: Path, digest: Digest | None = None) -> dict[str, Any]:
    """Read what `write_sealed` wrote; raise CorruptFileError where it is damaged or of a newer format."""
    data = storage.read_checked(path, digest, MAX_BYTES)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"'{path}' is damaged: not JSON") from error
    version = content.get("format") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise CorruptFileError(f"'{path}' is damaged: it names no format")
    if version > FORMAT:
        raise CorruptFileError(
            f"'{path}' has format {version}, newer than {FORMAT}; use the version of selfplay that wrote it"
        )
    if content.pop(_SEAL, None) != _seal(content):
        raise CorruptFileError(f"'{path}' is damaged: its content differs from its SHA-256")
    return dict(content)


def digest_json(digest: Digest) -> dict[str, Any]:
    """A digest as JSON."""
    return {"sha256": digest.sha256, "bytes": digest.num_bytes}


def read_digest(row: Mapping[str, Any]) -> Digest:
    """Undo `digest_json`; raise KeyError, TypeError or ValueError."""
    return Digest(str(row["sha256"]), int(row["bytes"]))


def _seal(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _inside(name: str) -> str:
    """Of a file in a checkpoint's folder, or in a folder of that."""
    return "/".join(_plain(part) for part in name.split("/", 1))


def _plain(name: str) -> str:
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"bad file name {name!r}")
    return name
