"""What lies where in a run directory, and how the files of a commit are called."""

from __future__ import annotations

from pathlib import Path

CONFIG, COPY = "config.toml", "config.original.toml"
"""The settings, and a copy of them as the run was made, to put back."""

MANIFEST, CHECKPOINTS, REPLAY, GAMES = "manifest", "checkpoints", "replay", "games"
"""Folders that commits fill: the manifests, what training and play go on from, what was played, samples."""

BEGUN = ".begun"
"""Ending of the mark that announces a commit."""

STATE = "state.json"
"""In a checkpoint: what it is and what the driver carries on, sealed; written last of its files."""

METRICS, EVENTS = "metrics.jsonl", "tb"
"""One line an iteration, and the folder that shows the same in TensorBoard."""

QUARANTINE = "quarantine"
"""Folder for what is damaged and for what no manifest names."""

LOCK = "LOCK"


def folder_name(iteration: int) -> str:
    """How a commit's files and folders are called."""
    return f"{iteration:06d}"


def manifest_path(run_path: Path, iteration: int) -> Path:
    """RUN/manifest/000042.json."""
    return run_path / MANIFEST / f"{folder_name(iteration)}.json"


def begun_path(run_path: Path, iteration: int) -> Path:
    """RUN/manifest/000042.begun: a mark, there while a commit is written that no manifest names yet."""
    return run_path / MANIFEST / f"{folder_name(iteration)}{BEGUN}"


def checkpoint_folder(run_path: Path, iteration: int) -> Path:
    """RUN/checkpoints/000042."""
    return run_path / CHECKPOINTS / folder_name(iteration)


def shard_path(run_path: Path, iteration: int) -> Path:
    """RUN/replay/000042.parquet."""
    return run_path / REPLAY / f"{folder_name(iteration)}.parquet"
