"""What stands in a run directory beside its newest commit: what a kill has left goes, all else stays.

Before anything of a commit is written, RUN/manifest/000042.begun announces it, which is believed where it was
made and in no copy. So what no manifest names is one of these:

- a temporary file, what belongs to a commit that was announced, what an older manifest names: the loop left
  it, and it is removed;
- files of a later commit that was not announced: their manifest is missing, as in a copy that is not whole.
  They may be the only ones, and are set aside, or the run is refused where no manifest is left at all;
- anything else is somebody's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.errors import CorruptFileError, UserError
from engine.run import storage
from engine.run.layout import CHECKPOINTS, GAMES, MANIFEST, METRICS, REPLAY, checkpoint_folder, manifest_path
from engine.run.manifest import Manifest, begun_iterations, begun_paths, manifest_paths
from engine.run.metrics import last_iteration
from engine.run.storage import TEMPORARY

_OURS = re.compile(
    rf"(\d{{6,}}.*|config(\.original)?\.toml|report\.html|verdicts\.json){re.escape(TEMPORARY)}"
)
"""Names of temporary files that the loop writes."""

Warn = Callable[[str], None]


def refuse_orphans(run_path: Path) -> None:
    """UserError where a run without a manifest has files that only a commit leaves."""
    begun = begun_iterations(run_path)
    found = sorted(iteration for iteration, _ in _units(run_path) if iteration not in begun)
    last = last_iteration(run_path / METRICS)
    if not found and (last is None or last in begun):
        return
    what = f"files of iteration{_listed(found)}" if found else "metrics of earlier iterations"
    raise UserError(
        f"run '{run_path}' has {what} but nothing in '{run_path / MANIFEST}', which says what they are; "
        "nothing was changed: copy the whole run here again, or start another with --run"
    )


def set_aside(run_path: Path, manifest: Manifest | None, folder: Path, warn: Warn | None) -> None:
    """Move files of later commits that were not announced into `folder`, and tell of it.

    Their lines of metrics go with them.
    """
    last = manifest.iteration if manifest else -1
    unfinished = _unfinished(run_path, last)
    late = [unit for unit in _units(run_path) if unit[0] > last and unit[0] not in unfinished]
    told = last_iteration(run_path / METRICS)
    is_late = told is not None and told > last and told not in unfinished
    if manifest and warn:
        iterations = {iteration for iteration, _ in late} | ({told} if is_late and told else set())
        _tell(run_path, manifest, sorted(iterations), folder, warn)
    if is_late:
        storage.copy_aside(run_path / METRICS, folder)  # the run cuts its own back
    for _, path in late:
        storage.move_aside(path, folder / path.relative_to(run_path).parent)


def sweep(run_path: Path, manifest: Manifest | None, resumable: int, warn: Warn) -> None:
    """Remove what the loop has left beside a commit; keeps `resumable` manifests, the newest included."""
    last = manifest.iteration if manifest else -1
    unfinished = _unfinished(run_path, last)
    older = [path for path in manifest_paths(run_path) if int(path.stem) < last]
    gone = [path for iteration, path in _units(run_path) if iteration in unfinished]
    gone += _obsolete(run_path, manifest, older)
    gone += older[resumable - 1 :]  # after the files that only these name
    gone += _temporaries(run_path)
    gone += begun_paths(run_path).values()
    for path in gone:
        _remove(path, warn)
    for folder in _folders(run_path):
        if not storage.list_folder(folder):
            _remove(folder, warn)


def _tell(run_path: Path, manifest: Manifest, late: list[int], folder: Path, warn: Warn) -> None:
    if late:
        warn(
            f"no manifest in '{run_path / MANIFEST}' names the files of iteration{_listed(late)}: going back "
            f"to iteration {manifest.iteration}, they are set aside in '{folder}'"
        )
        return
    before = max((number for number in manifest.checkpoints if number < manifest.iteration), default=None)
    if before is not None and not storage.exists(manifest_path(run_path, before)):
        warn(f"manifest '{manifest_path(run_path, before)}' is missing; there is no commit to fall back on")


def _unfinished(run_path: Path, last: int) -> set[int]:
    """Commits after `last` that were announced and not brought to an end."""
    ended = {int(path.stem) for path in manifest_paths(run_path)}
    return {iteration for iteration in begun_iterations(run_path) - ended if iteration > last}


def _units(run_path: Path) -> Iterator[tuple[int, Path]]:
    """(iteration, path) of what commits consist of: shards, sample games, checkpoints' folders, manifests."""
    endings = {REPLAY: ".parquet", MANIFEST: ".json", GAMES: None}
    for path in (path for name in endings for path in storage.list_folder(run_path / name)):
        ending = endings[path.parent.name]
        if path.stem.isdecimal() and path.suffix != TEMPORARY and ending in (None, path.suffix):
            yield int(path.stem), path
    for folder in _folders(run_path):
        if storage.list_folder(folder):
            yield int(folder.name), folder


def _folders(run_path: Path) -> list[Path]:
    folders = storage.list_folder(run_path / CHECKPOINTS)
    return [folder for folder in folders if folder.name.isdecimal() and storage.is_folder(folder)]


def _obsolete(run_path: Path, manifest: Manifest | None, older: list[Path]) -> list[Path]:
    """Files that older manifests name and this one no longer does."""
    if manifest is None:
        return []
    named = set(_named(run_path, manifest))
    found: dict[Path, None] = {}
    for path in older:
        try:
            found |= dict.fromkeys(_named(run_path, Manifest.read(path)))
        except CorruptFileError:
            continue
    return [path for path in found if path not in named]


def _named(run_path: Path, manifest: Manifest) -> Iterator[Path]:
    yield from (run_path / REPLAY / shard.name for shard in manifest.shards)
    for number, files in manifest.checkpoints.items():
        yield from (checkpoint_folder(run_path, number) / name for name in files)


def _temporaries(run_path: Path) -> Iterator[Path]:
    for name in (".", MANIFEST, REPLAY, CHECKPOINTS, GAMES):
        yield from (path for path in storage.list_folder(run_path / name) if _OURS.fullmatch(path.name))
    for folder in _folders(run_path):
        yield from (path for path in storage.list_folder(folder) if path.name.endswith(TEMPORARY))


def _remove(path: Path, warn: Warn) -> None:
    try:
        storage.remove(path)
    except OSError as error:
        warn(f"cannot remove '{path}': {error.strerror}")


def _listed(iterations: list[int]) -> str:
    """` 3`, or `s 3 to 9`."""
    first, last = iterations[0], iterations[-1]
    return f" {first}" if first == last else f"s {first} to {last}"
