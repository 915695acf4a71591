"""Run directories as commands name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import CorruptFileError, UserError

if TYPE_CHECKING:
    from engine.manifest import Manifest


def newest_manifest(run: Path) -> Manifest:
    """What a run has committed; raise UserError where `run` is none, or nothing of it can be read."""
    from engine.manifest import FOLDER, read_manifests

    if not (run / FOLDER).is_dir():
        what = "is no run directory (it has no manifests)" if run.exists() else "does not exist"
        raise UserError(f"run '{run}' {what}; give the directory of `selfplay train --run`")
    failure: CorruptFileError | None = None
    for manifest in read_manifests(run):
        if not isinstance(manifest, CorruptFileError):
            return manifest
        failure = failure or manifest
    raise failure or UserError(f"run '{run}' has committed nothing yet; let it finish an iteration")
