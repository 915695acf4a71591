"""The experiments in their smallest sizes: they run and resume; only what is huge is asserted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from experiments.__main__ import EXPERIMENTS, ROOT, choose, experiment_of
from experiments.experiment import Cell
from experiments.program import main, with_runs
from experiments.result import Items, Measured, Results
from experiments.text.cures import undone
from experiments.text.methods import budgeted, planned
from experiments.text.product import ever_accepted, first_model, measure
from experiments.text.rationalization import by_length

from engine.errors import UserError
from engine.language.method.registry import METHODS as REGISTERED
from engine.language.method.registry import build_text_config
from engine.run.layout import checkpoint_folder
from engine.run.metrics import read_metrics

NOT_EXPERIMENTS = {"__init__", "product"}


def test_every_file_is_one_that_the_entrance_knows(capsys: pytest.CaptureFixture[str]) -> None:
    files = {path.stem: path.parent.name for path in ROOT.glob("*/*.py") if path.stem not in NOT_EXPERIMENTS}
    assert files == EXPERIMENTS
    assert choose([]) == 0
    listed = capsys.readouterr().out
    assert all(experiment_of(name).claim in listed for name in EXPERIMENTS)
    assert choose(["colapse"]) == 2
    assert "no experiment 'colapse'" in capsys.readouterr().err


def test_the_entrance_starts_an_experiment_from_any_folder(tmp_path: Path) -> None:
    entrance = ROOT.parent / "experiment"
    done = subprocess.run(
        [entrance, "contamination", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert experiment_of("contamination").claim in " ".join(done.stdout.split())
    assert "--runs" not in done.stdout


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_is_whole(name: str) -> None:
    experiment = experiment_of(name)
    assert experiment.name == name
    assert "band" in experiment.lines[0].text or name in ("contamination", "rationalization")
    assert len({line.text for line in experiment.lines}) == len(experiment.lines)
    assert set(experiment.core_arms) <= set(experiment.arms)
    for line in experiment.lines:
        assert line.judge(Results({}))[0] == "not measured"


@pytest.mark.parametrize(
    "method",
    [name if name == "rest-em" else pytest.param(name, marks=pytest.mark.slow) for name in REGISTERED],
)
def test_a_method_comes_to_the_budget(method: str) -> None:
    full = experiment_of("methods").full
    tokens, wanted = full["budget"]["tokens"], full["budget"]["steps"]
    own = budgeted(method, "countdown", tokens, wanted, full["settings"])
    written, steps = planned(build_text_config(method, "countdown", full["settings"], own))
    assert method in ("sft", "spin") or written == pytest.approx(tokens, rel=0.1)
    assert steps == pytest.approx(wanted, rel=0.1)


def test_the_best_method_is_told_beside_rest_em() -> None:
    def cell(right: int) -> Measured:
        return Measured(
            {"greedy": Items([str(i) for i in range(200)], [float(i < right) for i in range(200)])}
        )

    line = experiment_of("methods").lines[-1]
    found = {("rest-em", 1): cell(60), ("sft", 1): cell(40), ("rft", 1): cell(90)}
    verdict, text = line.judge(Results(found))
    assert verdict == "reached"
    assert text.startswith("rft: +15.0 points")
    assert line.judge(Results(found | {("rft", 1): cell(61)}))[0] == "missed"
    refused = Measured(notes={"refused": "no steps"})
    assert line.judge(Results(found | {("rft", 1): refused}))[1].startswith("sft: -10.0 points")


def test_a_cure_is_told_by_the_damage_that_it_spares() -> None:
    def cell(loss: float) -> Measured:
        return Measured(values={"loss": loss, "nll_rise": loss})

    found = Results(
        {(f"{task}-{cure}", 1): cell(loss) for task in ("grammar", "countdown")
         for cure, loss in (("replace", 0.4), ("half", 0.02), ("cap", 0.5), ("base", 0.1))}
    )  # fmt: skip
    assert undone(found, "grammar", "half") == pytest.approx(0.95)
    assert undone(found, "countdown", "cap") == pytest.approx(-0.25)
    table = experiment_of("cures").details
    assert table is not None
    listed = [line.split("|")[1].strip() for line in table(found).splitlines()[2:]]
    assert listed == ["half", "base", "replace", "cap"]


def contamination_of(shares: dict[str, float]) -> Results:
    from experiments.text.contamination import TASKS

    def cell(task: str) -> Measured:
        share = shares.get(task, 0.0)
        return Measured(
            {"clean": Items([str(i) for i in range(100)], [float(i < 100 * share) for i in range(100)])}
        )

    return Results({(task, 1): cell(task) for task in TASKS})


def test_the_worst_task_decides() -> None:
    line = experiment_of("contamination").lines[1]
    assert line.judge(contamination_of({"nim": 0.01}))[0] == "reached"
    assert line.judge(contamination_of({"nim": 0.02})) == ("missed", "the worst is nim with 2.0 %")


def test_false_alarms_are_those_of_models_that_are_no_worse() -> None:
    def run(alarmed: int, false: int) -> Measured:
        steps = [
            {"alerts": ["gate"] if i < alarmed else [], "worse": false <= i < alarmed} for i in range(30)
        ]
        values = {"iterations": 30.0, "alarmed": float(alarmed), "false": float(false), "worse": 0.0}
        return Measured(values=values, notes={"iterations": steps})

    line = experiment_of("alarms").lines[1]
    assert line.judge(Results({("own", 1): run(0, 0)}))[0] == "not measured"
    verdict, text = line.judge(Results({("own", 1): run(3, 2), ("own", 2): run(1, 1)}))
    assert verdict == "reached"
    assert text.startswith("3 of 60 false: 5.0 % (1.0 to 13.9); 4 with an alert in all")
    assert line.judge(Results({("own", 1): run(3, 2), ("own", 2): run(2, 2)}))[0] == "missed"
    table = experiment_of("alarms").details
    assert table is not None
    assert "| gate | 3 | 1 |" in table(Results({("own", 1): run(3, 2), ("own", 2): run(1, 1)}))


def test_guards_are_judged_by_the_worst_model_of_all_seeds() -> None:
    line = experiment_of("collapse").lines[8]
    arms = ("countdown-replace-guarded", "countdown-verified-guarded")

    def of(worst: float) -> Results:
        found = {(arm, seed): Measured(values={"worst_accepted": 0.0}) for arm in arms for seed in (1, 2, 3)}
        return Results({**found, (arms[0], 2): Measured(values={"worst_accepted": worst})})

    assert line.judge(of(-0.03))[0] == "reached"
    assert line.judge(of(-0.031)) == ("missed", "the worst is -3.1 points")


def test_accuracy_by_length_weighs_lengths_alike() -> None:
    items = Items(["1+2", "3+4", "5+9", "10+22", "100+999"], [1.0, 1.0, 0.0, 0.5, 0.0])
    assert by_length(items) == {1: pytest.approx(2 / 3), 2: 0.5, 3: 0.0}


TINY = {
    "model": {"size": "0.1M", "steps": 20, "demonstrations": 100},
    "sample": {"prompts": 10, "samples": 2},
    "measure": {"validation": 10, "test": 20, "holdout": 10, "control": False},
    "monitor": {"prompts": 8, "samples": 4},
}


def test_cells_of_a_seed_share_their_first_model(tmp_path: Path) -> None:
    cells = [Cell(arm, 1, tmp_path, {}) for arm in ("a", "b")]
    first, second = (first_model(cell, "countdown", TINY) for cell in cells)
    assert first == second
    weights = Path(first["model"]["path"]) / "model.safetensors"
    written = weights.stat().st_mtime_ns
    first_model(cells[0], "countdown", TINY)
    assert weights.stat().st_mtime_ns == written
    other = first_model(Cell("a", 2, tmp_path, {}), "countdown", TINY)
    assert (Path(other["model"]["path"]) / "model.safetensors").read_bytes() != weights.read_bytes()


def test_a_run_is_measured_without_being_written(tmp_path: Path) -> None:
    first_model(Cell("a", 1, tmp_path, {}), "countdown", TINY)
    run = Cell("a", 1, tmp_path, {}).shared / "base"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    items = measure(run, 0, 20, samples=2)
    assert set(items) == {"greedy", "pass@1", "pass@2", "majority@2"}
    assert len(set(items["greedy"].keys)) > 10
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert ever_accepted(run) == [0]
    assert checkpoint_folder(run, 0).is_dir()


def test_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    alarms = experiment_of("alarms")
    assert with_runs(alarms, []) is alarms
    over = with_runs(alarms, [tmp_path / "a"])
    assert set(over.arms) == {"own", "run a"}
    assert over.cells(list(over.arms), over.seeds) == [("run a", 0)]
    with pytest.raises(UserError, match="one name"):
        with_runs(alarms, [tmp_path / "a", tmp_path / "b" / "a"])


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_smoke_run_ends_and_is_not_run_again(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = experiment_of(name)
    words = ["--smoke", "--seeds", "1", "--out", str(tmp_path)]
    assert main(experiment, tmp_path, words) == 0
    text = capsys.readouterr().out
    assert all(f"| {arm} | " in text for arm in experiment.arms)
    verdicts = [text.count(f" | {verdict} | ") for verdict in ("reached", "missed", "not measured")]
    assert sum(verdicts) == len(experiment.lines)
    assert len(list((tmp_path / "cells").glob("*.json"))) == len(experiment.arms)
    shutil.rmtree(tmp_path / "runs", ignore_errors=True)
    assert main(experiment, tmp_path, words) == 0
    again = capsys.readouterr()
    assert again.out == text
    assert again.err.count("done before") == len(experiment.arms)


@pytest.mark.slow
def test_collapse_is_seen_and_guards_prevent_it(tmp_path: Path) -> None:
    arms = ["countdown-replace", "countdown-replace-guarded", "countdown-verified", "grammar-replace"]
    words = ["--smoke", "--seeds", "1", "--out", str(tmp_path), "--arms", *arms]
    assert main(experiment_of("collapse"), tmp_path, words) == 0
    lines = {arm: read_metrics(tmp_path / "runs" / f"{arm}-1" / "metrics.jsonl") for arm in arms}
    rise = {
        arm: found[-1]["drift/bits_per_character"] / found[0]["drift/bits_per_character"] - 1
        for arm, found in lines.items()
    }
    assert rise["countdown-replace"] > 0.5
    assert rise["countdown-replace"] > rise["countdown-verified"] + 0.2
    assert rise["grammar-replace"] > 0.1
    assert lines["countdown-replace"][-1]["accepted"] == 2
    assert lines["countdown-replace-guarded"][-1]["accepted"] == 0
