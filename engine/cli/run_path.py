"""Where a run is kept, for every command that starts or resumes one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.run import storage
from engine.run.layout import CONFIG, COPY, MANIFEST


def new_run(run: str | None, name: str) -> Path:
    """The directory of a new run: as named, else runs/NAME-NNN; UserError where it holds one already."""
    if run is None:
        plain = "".join(letter if letter.isalnum() else "-" for letter in name)
        numbers = (Path("runs") / f"{plain}-{number:03}" for number in range(1, 10**9))
        return next(path for path in numbers if not storage.exists(path))
    if not run:
        raise UserError("--run '' names no directory; give one, or leave --run out")
    path = Path(run)
    if storage.exists(path) and not storage.is_folder(path):
        raise UserError(f"--run '{run}' is a file; name a directory")
    if storage.exists(path / CONFIG):
        raise UserError(f"--run '{run}' holds a run already; go on with --resume, or name another directory")
    return path


def run_to_resume(run: str | None) -> Path:
    """The directory of a run to go on with; UserError where it is none."""
    if run is None:
        raise UserError("--resume: name the run with --run DIR")
    path = Path(run)
    signs = (path / CONFIG, path / COPY, path / MANIFEST)
    if not any(storage.exists(sign) for sign in signs):
        raise UserError(f"--resume: '{run}' is no run directory (no config.toml); drop --resume to start one")
    return path


@contextmanager
def resumable(path: Path, words: Sequence[str], say: Callable[[str], None]) -> Iterator[None]:
    """On Ctrl-C and its like, say what is kept of the run at `path` and which command goes on with it.

    words: of that command, but for those that name the run.
    """
    try:
        yield
    except KeyboardInterrupt:
        if storage.exists(path / CONFIG):
            from engine.run.manifest import manifest_paths

            newest = next(iter(manifest_paths(path)), None)
            kept = f"all up to iteration {int(newest.stem)} is kept" if newest else "there is no commit yet"
            command = shlex.join(["selfplay", *words, "--run", str(path), "--resume"])
            with suppress(OSError):  # where the terminal has gone
                say(f"stopped: {kept} in '{path}'; go on with: {command}")
        raise


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat
