"""The table at the end of a run: it can be left out or broken off, and a finished run is not scored again."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from small_training import SELFPLAY, SMALL, fingerprint, newest

from engine import _core
from engine.config import build_config
from engine.evaluator.evaluator import UniformEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.game.inquiry import truth_sets
from engine.registry import load_game
from engine.search import search_params
from engine.truth.probe import TruthProbe
from engine.truth.truth import measure, num_simulations

GAME = load_game("connect4")
KEPT = [text for text in SMALL if not text.startswith("truth.final")]


def run_train(run: Path, *options: str, final: str = "[0]") -> subprocess.CompletedProcess[str]:
    settings = [part for text in [*KEPT, f"truth.final_simulations={final}"] for part in ("--set", text)]
    words = [*SELFPLAY, "train", "connect4", "--run", str(run), *options]
    words += [] if "--resume" in options else settings
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_a_finished_run_says_so_and_shows_its_table(tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = run_train(run, "--iterations", "1")
    assert "to iteration 1; scoring the final network comes on top (--no-final" in first.stderr
    assert "scoring the final network and an untrained one" in first.stderr
    assert "Beginning-Hard" in first.stdout
    before = fingerprint(run, 1)
    again = run_train(run, "--iterations", "1", "--resume")
    assert f"run {run} is finished: iteration 1 after " in again.stderr
    assert "--resume --iterations 2" in again.stderr
    assert "scoring the final network and" not in again.stderr
    assert again.stdout == first.stdout
    assert "What would make it faster" not in again.stderr
    assert fingerprint(run, 1) == before
    fewer = run_train(run, "--minutes", "0.0001", "--resume")
    assert (
        "0.0001 minutes were asked for; it goes on with more, say --resume --minutes 0.0002" in fewer.stderr
    )
    (run / "truth.json").write_text((run / "truth.json").read_text()[:-9])
    scored = run_train(run, "--iterations", "1", "--resume")
    assert "scoring the final network and" in scored.stderr
    assert scored.stdout == first.stdout
    assert json.loads((run / "truth.json").read_text())["iteration"] == 1


def test_the_table_can_be_left_out(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = run_train(run, "--iterations", "1", "--no-final", final="[0,100]")
    assert done.stdout == ""
    assert f"not scored (--no-final): 'selfplay eval {run}' does it" in done.stderr
    assert not (run / "truth.json").exists()
    assert newest(run) == 1
    again = run_train(run, "--iterations", "1", "--no-final", "--resume")
    assert "is finished" in again.stderr
    assert "not scored" in again.stderr
    none = run_train(tmp_path / "without", "--iterations", "1", "--json", final="[]")
    assert json.loads(none.stdout)["result"] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_scoring_that_is_broken_off_keeps_the_run(tmp_path: Path, number: signal.Signals) -> None:
    run = tmp_path / "run"
    settings = [part for text in [*KEPT, "truth.final_simulations=[100000]"] for part in ("--set", text)]
    words = [*SELFPLAY, "train", "connect4", "--run", str(run), "--iterations", "1", *settings]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            # A line whose writing the signal interrupts may be written again.
            if line.startswith("scoring the final network and") and line not in said:
                process.send_signal(number)
            said.append(line)
        assert process.wait(timeout=60) == 130, said
    text = "".join(said)
    assert f"run {run} is complete and kept: 'selfplay eval {run}' scores it" in text
    assert "Traceback" not in text
    assert newest(run) == 1
    assert not (run / "truth.json").exists()


def test_progress_counts_simulations() -> None:
    sets, counts = truth_sets(GAME), [0, 3]
    seen: list[int] = []
    measure(
        GAME,
        sets,
        [UniformEvaluator()],
        counts,
        search_params=search_params(build_config().search),
        positions=5,
        progress=seen.append,
    )
    assert seen[-1] == num_simulations(sets, counts, 5) == 6 * 5 * (1 + 3)
    assert seen == sorted(seen)


def test_both_networks_are_counted_as_one_job(tmp_path: Path) -> None:
    config = build_config(
        {"network": {"channels": 8, "blocks": 0}, "truth": {"final_simulations": [0]}, "loop": {"callers": 1}}
    )
    network = PolicyValueNetwork(GAME.planes_shape, GAME.num_actions, config.network).eval()
    told: list[Any] = []

    @contextmanager
    def phase(title: str, total: int, unit: str = "") -> Iterator[Callable[[float], None]]:
        told.append((title, total, unit))
        yield told.append

    probe = TruthProbe(GAME, config)
    assert probe.kept(tmp_path, 7) is None
    table = probe.final(network, tmp_path, 7, phase)
    total = told[0][1]
    assert told[0] == ("scoring", 2 * num_simulations(probe.sets, [0]), "simulations")
    assert told[-1] == total
    assert total // 2 in told
    assert probe.kept(tmp_path, 7) == table
    assert probe.kept(tmp_path, 8) is None
    other = config.model_copy(update={"truth": config.truth.model_copy(update={"final_simulations": (0, 5)})})
    assert TruthProbe(GAME, other).kept(tmp_path, 7) is None
    assert isinstance(GAME, _core.Game)
