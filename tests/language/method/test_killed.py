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
from engine.language.model.model_folder import save_model
from engine.language.model.tiny_model import build_model

__all__ = ["own"]

FEW = [("time", 0.3), ("disk", 0.9)]
MANY = [*(("time", (n + 0.5) / 2) for n in range(2)), *(("disk", (n + 0.5) / 8) for n in range(8))]
"""Beside one in each phase of a run."""
TASKS = {"constitutional": "from games.text.chat import Chat\n\n\nclass Own(Chat):\n    inline = True\n"}
"""Of methods that need more than a verifier: here a constitution, and no process that checks replies."""
GRADED = """
def verify(self, prompt, completion):
    right = self.right(prompt)
    same = sum(a == b for a, b in zip(right, completion))
    return VerifyResult(same / max(len(right), len(completion), 1), completion)
"""
"""Scores by which some completions of a problem are better than others even where none is right."""
REWARD = "a reward model"
"""Stands for its folder."""
ROUNDS: dict[str, Any] = {"policy__groups": 4, "policy__updates": 1, "policy__minibatches": 1}
MORE: dict[str, dict[str, Any]] = {
    "constitutional": ROUNDS | {
        "loop__iterations": 3, "sample__samples": 2, "sample__prompts": 10, "constitution__policy_steps": 2,
        "constitution__preference_steps": 3,
    },
    "self-rewarding": {"teach__labels": 100, "teach__steps": 60},
    "reward": {"reward__members": 2},
    "ppo": ROUNDS
    | {"ppo__critic": '"model"', "ppo__reward_model": REWARD, "mix__real": "true", "mix__real_fraction": 0.5},
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
    if method in TASKS:
        (folder / "task.py").write_text(TASKS[method])
        task = f"{folder / 'task.py'}:Own"
    if REWARD in settings.values():
        model = build_model("0123456789+=", "0.1M", 1)
        model.add_value_head()
        save_model(model, folder / "reward")
        named = json.dumps(str(folder / "reward"))
        settings = {key: named if value == REWARD else value for key, value in settings.items()}
    words = trained(task, folder, method=method, **settings)
    place = words.index("--run")
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
    check(method, own(GRADED), tmp_path, FEW, killer)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_twenty_kills_of_each_method_resume_to_the_same_bytes(
    method: str,
    own: Callable[[str], str],
    tmp_path: Path,
    killer: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    kills = check(method, own(GRADED), tmp_path, MANY, killer, phases=True)
    assert len(kills) >= 20
    print(method, len(kills), "kills:", *(each["phase"] or "disk" for each in kills), sep=", ")
    phases = {each["phase"] for each in kills}
    assert {"building the model", "looking at the model", "saving", "measuring"} <= phases
    assert [phase for phase in phases if phase.startswith("training")], "nothing was learnt"
