"""The commands doctor and bench, and a training run from the command line, in real processes."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from confined import missing
from interrupt import interrupt

from engine.cli import machine

Run = Callable[..., subprocess.CompletedProcess[str]]

TINY = [
    word
    for setting in (
        "network.channels=8",
        "network.blocks=1",
        "network.head_channels=2",
        "selfplay.games=16",
        "selfplay.simulations=8",
        "selfplay.fast_simulations=4",
        "loop.positions=300",
        "loop.callers=1",
        "truth.positions=0",
        "truth.final_simulations=[]",
    )
    for word in ("--set", setting)
]


def test_doctor_says_what_is_used_and_how_fast(selfplay: Run) -> None:
    document = json.loads(selfplay("doctor", "--seconds", "0.4", "--json").stdout)
    assert document["cores"] >= 1
    assert document["choice"]["backend"] in ("torch", "openvino")
    assert document["choice"]["reason"]
    stages = {row["stage"] for row in document["rates"]}
    assert "search alone" in stages
    assert document["sandbox"]["usable"] == (not missing())
    assert document["sandbox"]["reason"]
    assert all(row["rate"] > 0 for row in document["rates"])
    shown = selfplay("doctor", "--seconds", "0.4").stdout
    assert document["choice"]["reason"] in shown


@pytest.mark.parametrize(("rate", "advised"), [(190, True), (110, False)])
def test_int8_is_advised_where_it_is_much_faster(rate: float, advised: bool) -> None:
    chosen = "openvino bf16 on cpu"
    lines = machine.advise_int8(chosen, {chosen: 100, machine.INT8: rate})
    assert bool(lines) == advised
    if advised:
        assert "1.9 times as fast as openvino bf16 on cpu" in lines[0]
        assert "evaluator.precision=int8" in lines[0]


def test_int8_is_not_advised_beside_a_gpu() -> None:
    rates = {"torch bf16 on cuda": 1000.0, machine.INT8: 300.0}
    assert machine.advise_int8("torch bf16 on cuda", rates) == []
    assert machine.advise_int8("torch f32 on cpu", {"torch f32 on cpu": 100.0}) == []


@pytest.mark.slow
def test_bench_rows(selfplay: Run) -> None:
    done = selfplay("bench", "connect4", "--seconds", "1", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    columns = {"game", "stage", "metric", "value", "unit", "threads", "backend", "ceiling", "ratio"}
    assert all(set(row) == columns for row in rows)
    assert {"search_uniform", "inference", "selfplay", "learner", "encode"} <= {row["stage"] for row in rows}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["bench", "conect4"], "did you mean 'connect4'"),
        (["bench", "--seconds", "0"], "--seconds 0.0"),
        (["doctor", "--seconds", "inf"], "--seconds inf"),
        (["doctor", "--game", "nosuch"], "'nosuch'"),
    ],
)
def test_mistakes(refused: Callable[..., str], words: list[str], wanted: str) -> None:
    assert wanted in refused(*words)


def test_train_resume_and_read(selfplay: Run, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    first = selfplay("train", "connect4", "--run", run, "--iterations", "2", *TINY)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("\niteration ") == 2
    again = selfplay("train", "connect4", "--run", run, "--iterations", "3", "--resume", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["run"] == run
    assert "iteration 3" in again.stderr
    document = json.loads(selfplay("replay", run, "--json").stdout)
    assert document["positions"] > 600
    metrics = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in metrics] == [1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_train_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    run = tmp_path / "run"

    def committed() -> bool:
        return bool(list(run.glob("manifest/*.json")))

    interrupt("train", "connect4", "--run", str(run), *TINY, when=committed, number=number)


def test_perft_hears_ctrl_c() -> None:
    interrupt("perft", "connect4", "14")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_actors_in_processes_end_without_a_word(tmp_path: Path, number: signal.Signals) -> None:
    run = tmp_path / "run"

    def committed() -> bool:
        return bool(list(run.glob("manifest/*.json")))

    words = ["train", "connect4", "--run", str(run), *TINY, "--set", "loop.actors=process"]
    interrupt(*words, when=committed, number=number)
