"""Every method of the registry, killed at many moments by signals that nobody hears, resumes to the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import kill
import pyarrow.parquet
import pytest
from small_text_run import metrics
from trained_run import own, trained

from engine.language.method.registry import METHODS

__all__ = ["own"]

FEW = [("time", 0.6), ("disk", 0.9), ("disk", 0.5)]
MANY = [*(("time", (n + 0.5) / 10) for n in range(10)), *(("disk", (n + 0.5) / 10) for n in range(10))]


def made(method: str, task: str, folder: Path, kills: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """What came of a run that was made whole, and of those that were killed."""
    words = trained(task, folder, loop__iterations=2, measure__test=8, measure__validation=8)
    words[1] = method
    place = words.index("--run")
    asked = {
        "words": words[:place] + words[place + 2 :],
        "kills": kills,
        "folder": str(folder),
        "whole": str(folder / "whole"),
    }
    done = subprocess.run(
        [sys.executable, kill.__file__], input=json.dumps(asked), text=True, capture_output=True, check=False,
        timeout=3000, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    log = (folder / "log").read_text()
    assert all(line.get("whole", line.get("ended")) == 0 for line in lines), (lines, log[-3000:])
    assert len(lines) == 1 + len(kills)
    return lines


def content(run: Path) -> dict[str, Any]:
    """Weights as bytes, episodes as rows, numbers without times."""
    weights = {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*.safetensors")}
    shards = {path.name: pyarrow.parquet.read_table(path).to_pylist() for path in run.rglob("*.parquet")}
    return {**weights, **shards, "metrics": metrics(run)}


def check(method: str, task: str, folder: Path, kills: Sequence[tuple[str, float]]) -> None:
    lines = made(method, task, folder, kills)
    whole = content(folder / "whole")
    assert len([name for name in whole if name.endswith("model.safetensors")]) >= 3
    assert content(folder / "first") == whole, "a run made again is another"
    for line, (place, share) in zip(lines[1:], kills, strict=True):
        assert line["killed"] in (-signal.SIGKILL, -signal.SIGPROF), "it ended before it could be killed"
        found = content(Path(line["run"]))
        assert found.keys() == whole.keys(), (place, share)
        changed = [name for name in whole if found[name] != whole[name]]
        assert changed == [], (place, share, line["commits"])
    assert len({line["commits"] for line in lines[1:]}) > 1, "all kills between the same two commits"


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_of_each_method_resumes_to_the_same_bytes(
    method: str, own: Callable[[str], str], tmp_path: Path
) -> None:
    check(method, own(""), tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_twenty_kills_of_each_method_resume_to_the_same_bytes(
    method: str, own: Callable[[str], str], tmp_path: Path
) -> None:
    check(method, own(""), tmp_path, MANY)
