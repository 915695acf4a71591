"""Where a run is made: the commit of this program, and the machine."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
"""Where this program lies, if it was not installed from a package."""

_GPUS = Path("/proc/driver/nvidia/gpus")
_TIMEOUT_S = 10.0


@functools.cache
def commit(checkout: Path = CHECKOUT) -> str | None:
    """The commit of this program's checkout, with `-dirty` where files differ; None where nobody knows.

    Of a package that was installed from a repository, what the installer has noted down.
    """
    if not (checkout / ".git").exists():
        return _installed_commit()
    words = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def machine() -> str:
    """The processor, how many of its cores this process may use, and the GPUs that there are."""
    cores = len(os.sched_getaffinity(0))
    return ", ".join([processor(), f"{cores} core{'s' * (cores > 1)}", *(gpus() or ["no GPU"])])


def processor() -> str:
    """Its name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def gpus() -> list[str]:
    """Names of NVIDIA's, which need no driver to be loaded into this process; alike ones as `2 x NAME`."""
    names: list[str] = []
    try:
        for folder in sorted(_GPUS.iterdir()):
            lines = (folder / "information").read_text(encoding="utf-8").splitlines()
            names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    except OSError:
        pass
    return [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]


def _installed_commit() -> str | None:
    try:
        text = importlib.metadata.distribution("selfplay").read_text("direct_url.json")
        found = json.loads(text or "{}").get("vcs_info", {}).get("commit_id")
    except (importlib.metadata.PackageNotFoundError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
