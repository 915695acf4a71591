"""Every method of the registry, killed at moments of all kinds, resumes to the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import kill
import pyarrow.parquet
import pytest
from small_text_run import metrics
from trained_run import own, trained

from engine.language.method.registry import METHODS

__all__ = ["own"]

FEW = [("time", 0.6), ("disk", 0.9)]
MANY = [*(("time", (n + 0.5) / 10) for n in range(10)), *(("disk", (n + 0.5) / 10) for n in range(10))]
TASKS = {"constitutional": "games.text.chat:Chat"}
"""Of methods that need more than a verifier: here a constitution."""
MORE: dict[str, dict[str, Any]] = {
    "constitutional": {
        "loop__iterations": 3, "sample__samples": 2, "sample__prompts": 10, "constitution__policy_steps": 2,
        "constitution__preference_steps": 3, "policy__groups": 4, "policy__updates": 1,
        "policy__minibatches": 1,
    },
}  # fmt: skip
"""Settings that make the whole of a method small: its three phases."""
SIGNALS = (-signal.SIGKILL, -signal.SIGPROF)
"""The second ends a process at a share of its time; nothing of ours catches it."""


@pytest.fixture(scope="module")
def killer() -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """Asks the process that makes runs and kills them."""
    process = subprocess.Popen(
        [sys.executable, kill.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(asked: dict[str, Any]) -> dict[str, Any]:
            print(json.dumps(asked), file=stdin, flush=True)
            found: dict[str, Any] = json.loads(stdout.readline())
            return found

        yield ask
        stdin.close()


def content(run: Path) -> dict[str, Any]:
    """Weights as bytes, episodes as rows, numbers without times."""
    weights = {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*.safetensors")}
    # As text, in which NaN is NaN.
    shards = {
        path.name: repr(pyarrow.parquet.read_table(path).to_pylist()) for path in run.rglob("*.parquet")
    }
    return {**weights, **shards, "metrics": metrics(run)}


def check(
    method: str,
    task: str,
    folder: Path,
    kills: Sequence[tuple[str, float]],
    killer: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    settings = {"loop__iterations": 2, "measure__test": 8, "measure__validation": 8, **MORE.get(method, {})}
    words = trained(TASKS.get(method, task), folder, **settings)
    words[1], place = method, words.index("--run")
    whole = folder / "whole"
    asked = {"words": words[:place] + words[place + 2 :], "kills": kills}
    found = killer({**asked, "folder": str(folder), "whole": str(whole)})
    log = (folder / "log").read_text()[-3000:]
    assert found["whole"] == 0, log
    right = content(whole)
    assert len([name for name in right if name.endswith("model.safetensors")]) >= 3
    for line, moment in zip(found["kills"], kills, strict=True):
        assert line["killed"] in SIGNALS, "it ended before it could be killed"
        assert line["ended"] == 0, (moment, log)
        made = content(Path(line["run"]))
        assert made.keys() == right.keys(), moment
        assert [name for name in right if made[name] != right[name]] == [], (moment, line["commits"])
    assert len({line["commits"] for line in found["kills"]}) > 1, "all kills between the same two commits"


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_run_of_each_method_resumes_to_the_same_bytes(
    method: str,
    own: Callable[[str], str],
    tmp_path: Path,
    killer: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    check(method, own(""), tmp_path, FEW, killer)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_twenty_kills_of_each_method_resume_to_the_same_bytes(
    method: str,
    own: Callable[[str], str],
    tmp_path: Path,
    killer: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    check(method, own(""), tmp_path, MANY, killer)
