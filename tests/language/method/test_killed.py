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
MANY = [*(("time", (n + 0.5) / 6) for n in range(6)), *(("disk", (n + 0.5) / 8) for n in range(8))]
"""Beside one in each phase of a run."""
TASKS = {"constitutional": "games.text.chat:Chat"}
"""Of methods that need more than a verifier: here a constitution."""
ROUNDS: dict[str, Any] = {"policy__groups": 4, "policy__updates": 1, "policy__minibatches": 1}
MORE: dict[str, dict[str, Any]] = {
    "constitutional": ROUNDS | {
        "loop__iterations": 3, "sample__samples": 2, "sample__prompts": 10, "constitution__policy_steps": 2,
        "constitution__preference_steps": 3,
    },
    "reward": {"reward__members": 2},
    "ppo": ROUNDS | {"ppo__critic": '"model"'},
    "grpo": ROUNDS | {"policy__beta": 0.1, "policy__refills": 1},
    "rloo": ROUNDS | {"policy__beta": 0.1},
}  # fmt: skip
"""Settings that make the whole of a method small: its phases, and the models that it trains beside."""


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
    """Weights as bytes, episodes as rows, numbers without times, the table at the end."""
    weights = {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*.safetensors")}
    # As text, in which NaN is NaN.
    shards = {
        path.name: repr(pyarrow.parquet.read_table(path).to_pylist()) for path in run.rglob("*.parquet")
    }
    told = [line for line in kill.log_of(run).read_text().splitlines() if line.startswith("{")]
    return {**weights, **shards, "metrics": metrics(run), "table": json.loads(told[-1])["result"]}


def check(
    method: str,
    task: str,
    folder: Path,
    kills: Sequence[tuple[str, float]],
    killer: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    phases: bool = False,
) -> list[dict[str, Any]]:
    """Resumed runs have the bytes of the whole one; the kills."""
    settings = {"loop__iterations": 2, "measure__test": 8, "measure__validation": 8, **MORE.get(method, {})}
    words = trained(TASKS.get(method, task), folder, **settings)
    words[1], place = method, words.index("--run")
    whole = folder / "whole"
    asked = {"words": words[:place] + words[place + 2 :], "kills": kills, "phases": phases}
    found = killer({**asked, "folder": str(folder), "whole": str(whole)})
    assert found["whole"] == 0, kill.log_of(whole).read_text()[-3000:]
    right = content(whole)
    assert len([name for name in right if name.endswith("model.safetensors")]) >= 3
    for line in found["kills"]:
        assert line["killed"] == -signal.SIGKILL, ("it ended before it could be killed", line)
        run = Path(line["run"])
        assert line["ended"] == 0, (line, kill.log_of(run).read_text()[-3000:])
        made = content(run)
        assert made.keys() == right.keys(), line
        assert [name for name in right if made[name] != right[name]] == [], line
    assert len({line["commits"] for line in found["kills"]}) > 1, "all kills between the same two commits"
    kills_made: list[dict[str, Any]] = found["kills"]
    return kills_made


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
    kills = check(method, own(""), tmp_path, MANY, killer, phases=True)
    assert len(kills) >= 20
    print(method, len(kills), "kills:", *(each["phase"] or "disk" for each in kills), sep=", ")
    assert {"building the model", "saving", "looking at the model"} <= {each["phase"] for each in kills}
