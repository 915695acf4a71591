"""The whole loop: what it leaves on disk, killed and resumed, stopped, and refused."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from small_training import command, fingerprint, game_ids, kill_and_resume, newest, train

from games.records.record import Record
from games.records.sgf import reader as sgf


def check_killed_equals_whole(tmp_path: Path, iterations: int, kills: int, longest_s: float) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    train(whole, "--iterations", str(iterations))
    killed = kill_and_resume(torn, iterations, kills, longest_s, random.Random(kills))
    assert killed >= min(kills, 2)
    assert fingerprint(torn, iterations) == fingerprint(whole, iterations)
    ids = game_ids(torn)
    assert len(ids) == len(set(ids)), "a game was counted twice"
    lines = [json.loads(line) for line in (torn / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == list(range(1, iterations + 1))
    assert not list(torn.rglob("*.tmp"))


def test_a_run_killed_at_random_moments_ends_bit_equal(tmp_path: Path) -> None:
    check_killed_equals_whole(tmp_path, iterations=25, kills=3, longest_s=2.5)


@pytest.mark.slow
def test_a_run_killed_twenty_times_ends_bit_equal(tmp_path: Path) -> None:
    check_killed_equals_whole(tmp_path, iterations=120, kills=20, longest_s=3.0)


def test_a_run_leaves_what_the_design_names(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, "--iterations", "2")
    assert newest(run) == 2
    names = {path.name for path in run.iterdir()}
    assert names >= {
        "config.toml",
        "manifest",
        "checkpoints",
        "replay",
        "metrics.jsonl",
        "games",
        "tb",
        "LOCK",
    }
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for tag in (
        "loss/policy", "loss/value", "policy/entropy", "value/calibration_error", "selfplay/game_length",
        "selfplay/first_player_score", "selfplay/distinct_games", "search/cache_hits",
        "replay/window_positions",
        "replay/samples_per_position", "speed/simulations_per_s", "minutes",
    ):  # fmt: skip
        assert isinstance(lines[-1][tag], float | int), tag
    assert "1 2 3 4 5 6 7" in (run / "games" / "000002.md").read_text()
    table = pq.read_table(next((run / "replay").glob("*.parquet")))
    assert table.num_rows > 5
    assert set(table["rules"].to_pylist()) == {"connect4"}
    # No pickle anywhere.
    for file in run.rglob("*"):
        assert file.suffix not in {".pt", ".pth", ".pkl", ".npy", ".npz"}


def test_a_run_of_go_leaves_its_sample_games_as_sgf(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, "--iterations", "1", game="go:size=3,komi=0.5")
    (found,) = sgf.read((run / "games" / "000001.sgf").read_bytes())
    assert isinstance(found, Record)
    assert found.tags["EV"] == "iteration 1"
    assert found.name.startswith("go:size=3,komi=0.5")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_soon_and_keeps_its_commits(tmp_path: Path, number: int) -> None:
    run = tmp_path / "run"
    words = command(run, "--iterations", "1000", "--no-final")
    # Under nohup these tests, too, would hand on that SIGHUP is ignored.
    heard = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    wait_for(lambda: newest(run) >= 1, process)
    start = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    done = newest(run)
    assert errors.splitlines()[-1] == (
        f"stopped: all up to iteration {done} is kept in '{run}'; go on with: "
        f"selfplay train connect4 --iterations 1000 --no-final --run {run} --resume"
    )
    train(run, "--iterations", str(done + 1), "--resume")
    assert newest(run) == done + 1


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["nohup", *command(run, "--iterations", "3")]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: newest(run) >= 1, process)
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert newest(run) == 3


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_closed_streams_are_no_files_of_a_run(tmp_path: Path, closed: str) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    words = ["bash", "-c", f'"$@" {closed}', "bash", *command(run, "--iterations", "1")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    train(whole, "--iterations", "1")
    assert fingerprint(run, 1) == fingerprint(whole, 1)
    again = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 2
    assert fingerprint(run, 1) == fingerprint(whole, 1)


def test_two_runs_cannot_share_a_directory(tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(command(run, "--iterations", "1000"), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: newest(run) >= 1, process)
    second = subprocess.run(
        command(run, "--iterations", "9", "--resume"), capture_output=True, text=True, check=False
    )
    process.kill()
    process.communicate()
    assert second.returncode == 2
    assert str(process.pid) in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, "--iterations", "3")
    before = fingerprint(run, 2)
    model = run / "checkpoints" / "000003" / "model.safetensors"
    flip_a_bit(model)
    result = subprocess.run(
        command(run, "--iterations", "3", "--resume"), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "going back to iteration 2" in result.stderr
    whole = tmp_path / "whole"
    train(whole, "--iterations", "3")
    assert fingerprint(run, 3) == fingerprint(whole, 3)
    assert before.keys() <= fingerprint(run, 2).keys() | fingerprint(run, 3).keys()


def test_a_damaged_shard_is_set_aside(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, "--iterations", "3")
    flip_a_bit(run / "replay" / "000002.parquet")
    result = subprocess.run(
        command(run, "--iterations", "4", "--resume"), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "000002.parquet" in result.stderr
    assert (run / "replay" / "quarantine" / "000002.parquet").exists()
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["replay/damaged_shards"] == 1


def test_an_unwritable_tensorboard_folder_does_not_stop_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(run, "--iterations", "1")
    for file in (run / "tb").iterdir():
        file.unlink()
    (run / "tb").rmdir()
    (run / "tb").write_text("in the way")
    result = subprocess.run(
        command(run, "--iterations", "2", "--resume"), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("TensorBoard is off") == 1


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def wait_for(holds: Any, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)
