"""The commands doctor and bench, and a training run from the command line, in real processes."""

import json
import signal
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from confined import missing
from interrupt import interrupt

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
    search, *inference = document["rates"]
    assert (search["stage"], search["unit"]) == ("search alone", "simulations/s")
    assert {row["batch"] for row in inference} == {8, 64, 256}
    assert "torch f32 on cpu" in {row["backend"] for row in inference}
    assert all(row["rate"] > 0 for row in document["rates"])
    assert (document["callers"] is None) == (document["cores"] == 1)
    assert {row["extra"] for row in document["extras"]} == extras_of_the_package()
    assert all(set(advice) == {"rule", "text", "remedy", "gain"} for advice in document["advice"])
    assert "run" not in document
    assert document["sandbox"]["usable"] == (not missing())
    assert document["sandbox"]["reason"]


def extras_of_the_package() -> set[str]:
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    return set(tomllib.loads(text)["project"]["optional-dependencies"])


def test_doctor_shows_it_in_words(selfplay: Run) -> None:
    shown = selfplay("doctor", "--seconds", "0.2", "--game", "tictactoe").stdout
    lines = shown.splitlines()
    assert any(line.startswith("network ") and "; " in line for line in lines)
    assert "batch 64" in shown
    assert "of tictactoe in one thread" in shown
    assert any(line in ("What to change:", "Nothing to change.") for line in lines)
    assert any(line.startswith("Sandbox for programs that a model writes: ") for line in lines)
    assert max(map(len, lines)) < 240


@pytest.mark.slow
def test_bench_rows(selfplay: Run) -> None:
    done = selfplay("bench", "connect4", "--seconds", "1", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    columns = {"name", "unit", "ours", "ceiling", "ratio", "goal", "met"}
    assert all(set(row) >= columns for row in rows)
    assert {"search_uniform", "inference", "selfplay", "learner", "encode"} <= {row["stage"] for row in rows}
    assert {row["game"] for row in rows} == {"", "connect4"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["bench", "conect4"], "did you mean 'connect4'"),
        (["bench", "--seconds", "0"], "--seconds 0.0"),
        (["doctor", "--seconds", "inf"], "--seconds inf"),
        (["doctor", "--game", "nosuch"], "'nosuch'"),
        (["doctor", "nosuch"], "'nosuch' is not a run directory"),
        (["doctor", "nosuch", "--game", "connect4"], "--game connect4"),
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
    looked = json.loads(selfplay("doctor", run, "--seconds", "0.2", "--json").stdout)
    assert (looked["run"]["iterations"], looked["run"]["averaged"]) == (3, 1)
    assert sum(looked["run"]["shares"].values()) == pytest.approx(1)
    assert "time/total_s" in metrics[0]
    assert first.stderr.count(" | batch ") == 2


def test_doctor_refuses_a_run_without_an_iteration(refused: Callable[..., str], tmp_path: Path) -> None:
    from engine.config import Config
    from engine.run.settings_file import write_config

    write_config(tmp_path, Config())
    assert "no finished iteration" in refused("doctor", str(tmp_path))
    (tmp_path / "metrics.jsonl").write_text('{"iteration": 1, "loss/total": 2.0}\n')
    assert "does not say where its time went" in refused("doctor", str(tmp_path))


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
