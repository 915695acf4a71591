"""The loop on text: methods run, resume exactly, keep what they were told, and end well on bad input."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from small_text_run import LAYER, command, metrics
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.cli.app import run as run_command
from engine.language.method.registry import METHODS, build_text_config
from engine.language.method.trainer import Texts
from engine.language.model.model_folder import load_model
from engine.language.monitor.config import GuardConfig
from engine.language.monitor.guard import respond
from engine.language.monitor.levels import Alert, Level
from engine.language.parts import turnable
from engine.language.record.text_run import TextRun, read_text_config
from engine.language.settings import TextConfig
from engine.run.metrics import read_metrics


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_runs(method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command(method, tmp_path / "run", "--json", loop__iterations=1)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["result"][0]["model"].startswith("first")
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line["iteration"] for line in lines] == [0, 1]
    page = (tmp_path / "run" / "report.html").read_text()
    assert "<script" not in page


def test_a_model_of_the_run_is_a_folder_of_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    assert run_command(command("rest-em", tmp_path / "run", "--json", loop__iterations=0)) == 0
    folder = tmp_path / "run" / "checkpoints" / "000000"
    network = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    assert sum(weight.numel() for weight in network.parameters()) > 50_000


def test_a_killed_run_resumes_to_the_same_numbers(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run_command(command("rest-em", whole, "--json")) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *command("rest-em", broken, "--json")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not list((broken / "manifest").glob("000001.json")) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert run_command(command("rest-em", broken, "--resume", "--json")) == 0
    assert metrics(whole) == metrics(broken)
    with TextRun.open(whole) as one, TextRun.open(broken) as two:
        assert one.episodes() == two.episodes()
        first, second = one.latest(), two.latest()
    assert first is not None
    assert second is not None
    weights = [checkpoint.folder / "model.safetensors" for checkpoint in (first, second)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize("distinct", ["false", "true"])
def test_what_was_kept_is_right_and_distinct(distinct: str, tmp_path: Path) -> None:
    settings = {"loop__iterations": 1, "model__steps": 300, "sample__prompts": 150, "sample__samples": 8}
    words = command("rest-em", tmp_path / "run", "--json", sample__distinct=distinct, **settings)
    assert run_command(words) == 0
    with TextRun.open(tmp_path / "run") as run:
        run.latest()
        episodes = run.episodes()
        kept = [episode for episode in episodes if episode.kept]
    written = [(episode.prompt.id, episode.completion, episode.logprob) for episode in episodes]
    assert (len(set(written)) == len(written)) == (distinct == "true")
    assert all(episode.result.score == 1 and episode.ended for episode in kept)
    solutions = [(episode.prompt.id, episode.result.parsed) for episode in kept]
    assert len(set(solutions)) == len(solutions)
    assert max((sum(p == q for p, _ in solutions) for q, _ in solutions), default=0) <= 4


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--set", "update.stepz=3"], ["update.stepz", "steps"]),
        (["--set", "sample.temperature=-1"], ["sample.temperature"]),
        (["--model", "/nowhere"], ["/nowhere"]),
        (["--resume"], ["no run directory"]),
        (["--set", 'model.adapter="a"'], ["error: model.adapter is 'a', but there is no model.path"]),
        (
            ["--set", 'update.start="fresh"', "--set", 'model.adapter="a"', "--set", 'model.path="m"'],
            ['error: update.start is "fresh", but model.adapter is set'],
        ),
    ],
)
def test_a_users_mistake_is_one_line(
    words: Sequence[str], names: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(command("rest-em", tmp_path / "run", *words, loop__iterations=0)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert all(name in error for name in names), error


def test_a_fresh_start_forgets_the_first_model(tmp_path: Path) -> None:
    runs = {"base": tmp_path / "base", "fresh": tmp_path / "fresh", "again": tmp_path / "again"}
    for name, run in runs.items():
        start = "base" if name == "base" else "fresh"
        sets = ["--set", f'update.start="{start}"', "--set", "learner.learning_rate=1e-6"]
        assert run_command(command("rest-em", run, "--json", *sets, update__steps=1)) == 0
    weights = {
        name: [load_model(run / "checkpoints" / f"00000{n}").weights()[LAYER] for n in (0, 1, 2)]
        for name, run in runs.items()
    }
    moved = {
        name: [float((new - old).abs().max()) for old, new in pairwise(layers)]
        for name, layers in weights.items()
    }
    assert max(moved["base"]) < 1e-4
    assert min(moved["fresh"]) > 1e-2
    assert all(bool((a == b).all()) for a, b in zip(weights["fresh"], weights["again"], strict=True))


def test_the_first_model_and_the_control_learn_real_data_where_later_ones_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--set", "filter.thresholds=[0.0]", "--set", "mix.real=false"]
    assert run_command(command("rest-em", tmp_path / "run", "--json", *words, loop__iterations=1)) == 0
    models = [row["model"] for row in json.loads(capsys.readouterr().out)["result"]]
    assert models == ["first", "control", "iteration 1"]


def test_a_forecast_makes_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command("rest-em", tmp_path / "run", "--dry-run", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["forecast"]
    assert rows[-1]["stage"] == "all"
    for column in ("tokens", "steps"):
        assert rows[-1][column] == sum(row[column] for row in rows[:-1])
    assert all(row["minutes_from"] <= row["minutes_to"] for row in rows)
    assert "tokens written a second" in found["assumptions"][1]
    assert not (tmp_path / "run").exists()


def test_the_verbs_read_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    assert run_command(command("rest-em", tmp_path / "run", "--json", loop__iterations=1)) == 0
    capsys.readouterr()
    assert run_command(["text", "generate", run, "countdown", "--count", "3", "--samples", "2"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 6
    assert {"prompt", "completion", "score"} <= set(lines[0])
    assert run_command(["text", "search", run, "countdown", "--count", "2", "--simulations", "8"]) == 0
    searched = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(searched) == 2
    assert run_command(["text", "search", run, "countdown", "--count", "2", "--prior", "exact"]) == 0
    by_token = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(len(step["text"]) <= 1 for line in by_token for step in line["steps"])
    assert run_command(["text", "eval", run, "--count", "20", "--json"]) == 0
    assert 0 <= json.loads(capsys.readouterr().out)["greedy"] <= 1
    out = tmp_path / "out.jsonl"
    assert run_command(["text", "export", run, "--format", "unpaired", "--out", str(out)]) == 0
    assert {"prompt", "completion", "label"} <= set(json.loads(out.read_text().splitlines()[0]))
    assert run_command(["text", "report", run]) == 0
    assert run_command(["text", "inspect", run]) == 0
    assert (tmp_path / "run" / "inspect.csv").exists()
    assert "<h1>" in (tmp_path / "run" / "inspect.html").read_text()


def test_settings_of_a_run_are_kept(tmp_path: Path) -> None:
    assert run_command(command("star", tmp_path / "run", "--json", loop__iterations=0)) == 0
    config = read_text_config(tmp_path / "run")
    assert (config.method, config.task, config.sample.rationalize) == ("star", "countdown", True)


@pytest.mark.parametrize("task", ["nim", "python", "program", "tictactoe", "addition"])
def test_every_task_with_demonstrations_can_be_learnt(task: str, tmp_path: Path) -> None:
    words = command("rest-em", tmp_path / "run", "--json", loop__iterations=1, sample__prompts=10)
    words[2] = task
    assert run_command(words) == 0


def test_a_file_of_prompts_and_answers_is_a_task(tmp_path: Path) -> None:
    path = tmp_path / "sums.jsonl"
    rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in range(20) for b in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = command("rest-em", tmp_path / "run", "--json", loop__iterations=1)
    words[2] = f"{path}:verifier=numeric"
    assert run_command(words) == 0
    assert run_command(["text", "eval", str(tmp_path / "run"), "--count", "10", "--json"]) == 0


def test_entropy_is_among_what_is_watched(tmp_path: Path) -> None:
    assert run_command(command("rest-em", tmp_path / "run", "--json", loop__iterations=0)) == 0
    line = read_metrics(tmp_path / "run" / "metrics.jsonl")[0]
    assert 0 < line["diversity/entropy"] < 4


def test_tensorboard_shows_a_run_in_ordered_sections(tmp_path: Path) -> None:
    assert run_command(command("rest-em", tmp_path / "run", "--json", loop__iterations=1)) == 0
    events = EventAccumulator(str(tmp_path / "run" / "tb"), size_guidance={"tensors": 0})
    tags = sorted(events.Reload().Tags()["tensors"])
    sections = list(dict.fromkeys(tag.partition("/")[0] for tag in tags))
    assert sections == [
        "0 result", "1 learning", "2 data", "3 diversity", "3 drift", "4 speed", "5 alarms", "7 machine",
    ]  # fmt: skip
    assert {"0 result/gold", "0 result/accuracy/greedy", "0 result/result/table"} <= set(tags)
    assert {each.step for each in events.Tensors("0 result/gold")} == {0, 1}
    (table,) = events.Tensors("0 result/result/table")
    lines = table.tensor_proto.string_val[0].decode().splitlines()
    names = [line.split("|")[1].strip() for line in lines]
    assert names == ["model", "---", "first", "control", "iteration 1"]


def test_a_stopped_run_goes_on_once_a_person_has_judged(tmp_path: Path) -> None:
    run, sheet = tmp_path / "run", tmp_path / "run" / "inspect.csv"
    assert run_command(command("rest-em", run, "--json", loop__iterations=1)) == 0
    with TextRun.open(run) as opened:
        newest = opened.latest()
        assert newest is not None
        stopped = {**newest.progress, "iteration": 1, "stopped": "for a test"}
        model, episodes = load_model(newest.folder), opened.episodes()
        assert opened.manifest is not None
        opened.manifest = replace(opened.manifest, iteration=0, shards=())
        opened.commit(1, model, stopped, episodes)
    resume = ["text", "rest-em", "countdown", "--run", str(run), "--resume", "--iterations", "2", "--json"]
    assert run_command(resume) == 0
    assert [line["iteration"] for line in read_metrics(run / "metrics.jsonl")] == [0, 1]
    assert run_command(["text", "inspect", run.as_posix(), "--count", "2"]) == 0
    rows = list(csv.DictReader(sheet.read_text().splitlines()))
    rows[0]["verdict"] = "wrong"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert run_command(["text", "inspect", run.as_posix(), "--verdicts", str(sheet)]) == 0
    assert run_command(resume) == 0
    assert [line["iteration"] for line in read_metrics(run / "metrics.jsonl")] == [0, 1, 2]


def test_more_real_data_is_more_than_there_was() -> None:
    alarm = Alert(1, "drift/bits_per_character", Level.ALERT, 1.2, 1.0, (1.1, 1.3), "", ("real-fraction",))
    config = build_text_config("rest-em", "countdown")
    own = build_text_config("rest-em", "countdown", {"mix": {"real_fraction": 0.2}})
    none = build_text_config("rest-em", "countdown", {"mix": {"real": False}})

    def more(config: TextConfig, share: float) -> Mapping[str, Any]:
        return respond([alarm], turnable(config, Texts(config), share), GuardConfig()).patch

    assert more(config, 0.3) == {"mix.real_fraction": pytest.approx(0.4)}
    assert more(config, 0.7) == {}
    assert more(own, 0.2) == {"mix.real_fraction": 0.3}
    assert more(none, 0.0) == {}, "there is none to add"


def test_text_alone_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["text"]) == 0
    assert "generate" in capsys.readouterr().out
