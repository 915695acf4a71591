"""Where a run is kept, for every command that starts or resumes one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import UserError


def new_run(run: str | None, name: str) -> Path:
    """The directory of a new run: as named, else runs/NAME-NNN; UserError where it holds one already."""
    if run is None:
        plain = "".join(letter if letter.isalnum() else "-" for letter in name)
        numbers = (Path("runs") / f"{plain}-{number:03}" for number in range(1, 10**9))
        return next(path for path in numbers if not path.exists())
    if not run:
        raise UserError("--run '' names no directory; give one, or leave --run out")
    path = Path(run)
    if path.exists() and not path.is_dir():
        raise UserError(f"--run '{run}' is a file; name a directory")
    if (path / "config.toml").exists():
        raise UserError(f"--run '{run}' holds a run already; go on with --resume, or name another directory")
    return path


def run_to_resume(run: str | None) -> Path:
    """The directory of a run to go on with; UserError where it is none."""
    if run is None:
        raise UserError("--resume: name the run with --run DIR")
    path = Path(run)
    if not (path / "config.toml").is_file():
        raise UserError(f"--resume: '{run}' is no run directory (no config.toml); drop --resume to start one")
    return path


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat
