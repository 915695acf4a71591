"""What guards do to a run: patches, roll-backs, verdicts asked for, and a record where they only observe."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from small_text_run import command, metrics
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from engine.cli.app import run as run_command
from engine.language import loop
from engine.language.monitor.levels import Alert, Level, Response
from engine.language.monitor.metric.observation import Observation
from engine.language.monitor.monitor import Monitor
from engine.language.record.text_run import TextRun, read_text_config
from engine.report import text_run
from engine.report.verdict_request import Request
from engine.run import folder, settings_file
from engine.run.metrics import read_metrics

QUICK = {
    "guards__force": "false",
    "model__steps": 2,
    "update__steps": 2,
    "update__start": '"last"',
    "sample__prompts": 8,
    "sample__samples": 2,
    "measure__validation": 8,
    "measure__test": 8,
    "measure__control": "false",
    "monitor__prompts": 8,
    "monitor__samples": 2,
}
OLD_GUARDS = {"kl_factor": 2.0, "kl_start": 0.01, "kl_max": 1.0}


def alarm(
    iteration: int, *responses: Response, level: Level = Level.ALERT, about_model: bool = False
) -> Alert:
    text = f"the alarm of iteration {iteration}"
    return Alert(iteration, "accuracy/greedy", level, 0.1, 0.2, (0.0, 0.2), text, responses, about_model)


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[Alert]]:
    """The alarms of each iteration, in place of those that the monitor finds."""
    given: dict[int, list[Alert]] = {}
    update = Monitor.update

    def updated(monitor: Monitor, observation: Observation) -> list[Alert]:
        before = list(monitor.alerts)
        update(monitor, observation)
        found = given.get(observation.iteration, [])
        monitor.alerts = before + found
        return found

    monkeypatch.setattr(Monitor, "update", updated)
    return given


def run(path: Path, *words: str, method: str = "rest-em", **settings: object) -> int:
    return run_command(command(method, path, *words, shared=QUICK, **settings))


def resume(path: Path, iterations: int) -> int:
    words = ["--run", str(path), "--resume", "--iterations", str(iterations), "--json"]
    return run_command(["text", "rest-em", "countdown", *words])


def states(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What was carried at each commit, and the digest of each model."""
    with TextRun.open(path) as opened:
        newest = opened.latest()
        assert newest is not None
        numbers = range(newest.iteration + 1)
        return [opened.progress(n) for n in numbers], [opened.model(n).digest() for n in numbers]


def test_an_alarm_patches_settings_and_no_more(tmp_path: Path, alarms: dict[int, list[Alert]]) -> None:
    alarms[1] = [alarm(1, "cap", "steps", "real-fraction", "accumulate", "temperature", "curriculum")]
    assert run(tmp_path / "run", "--json", update__steps=20, sample__band="[0.1, 0.9]") == 0
    carried, _ = states(tmp_path / "run")
    share = read_metrics(tmp_path / "run" / "metrics.jsonl")[1]["data/real_fraction"]
    assert carried[0]["patch"] == {}
    assert (
        carried[1]["patch"]
        == carried[2]["patch"]
        == {
            "filter.per_prompt": 2,
            "update.steps": 10,
            "mix.keep": "accumulate",
            "sample.temperature": pytest.approx(1.15),
            "sample.band": [0.0, 1.0],
        }
        | ({"mix.real_fraction": pytest.approx(min(0.5, share + 0.1))} if share < 0.5 else {})
    )
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [line.get("loss/steps") for line in lines] == [None, 20, 10]
    with TextRun.open(tmp_path / "run") as opened:
        opened.latest()
        heat = {each.iteration: each.temperature for each in opened.episodes()}
    assert heat == {1: 1.0, 2: pytest.approx(1.15)}


def test_what_guards_would_have_done_is_recorded(
    tmp_path: Path, alarms: dict[int, list[Alert]], capsys: pytest.CaptureFixture[str]
) -> None:
    alarms[1] = [alarm(1, "cap", "stop", about_model=True)]
    assert run(tmp_path / "run", guards__mode='"observe"', guards__labels=7) == 0
    said = " ".join(" ".join(capsys.readouterr()).split())
    assert "guard, not acting: reject: the alarm of iteration 1" in said
    carried, _ = states(tmp_path / "run")
    assert [state["accepted"] for state in carried] == [0, 1, 2]
    assert [state["patch"] for state in carried] == [{}, {}, {}]
    assert carried[2]["stopped"] == ""
    assert carried[2]["request"] == {}
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    would = [{key: value for key, value in line.items() if key.startswith("guard/")} for line in lines]
    names = ("reject", "roll_back", "stop", "ask", "turn")
    assert would[0] == {}
    assert would[1] == {f"guard/would_{n}": v for n, v in zip(names, (1, 0, 1, 7, 1), strict=True)}
    assert set(would[2].values()) == {0.0}
    events = EventAccumulator(str(tmp_path / "run" / "tb"), size_guidance={"tensors": 0}).Reload()
    assert [each.step for each in events.Tensors("5 alarms/guard/would_reject")] == [1, 2]
    (journal,) = events.Tensors("5 alarms/guard/journal")
    assert "- guard, not acting: reject: the alarm" in journal.tensor_proto.string_val[0].decode()
    page = (tmp_path / "run" / "report.html").read_text()
    assert "they only observe: nothing of this was done" in page
    assert page.count("would have</td>") == len(carried[2]["guards"][0]["withheld"]) + 3
    for line in ("reject: the alarm", "stop: the alarm", "filter.per_prompt 4 -&gt; 2: the alarm"):
        assert line in page, line
    assert "guards only observe: alarms are recorded" in page
    before = page
    assert run_command(["text", "report", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "report.html").read_text().count("would have</td>") == before.count(
        "would have</td>"
    )


def test_what_guards_did_is_on_the_page(tmp_path: Path, alarms: dict[int, list[Alert]]) -> None:
    alarms[1] = [alarm(1, "cap", about_model=True)]
    assert run(tmp_path / "run", "--json", loop__iterations=1) == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "what they did, and why" in page
    assert "<td>done</td><td>reject: the alarm of iteration 1</td>" in page
    line = read_metrics(tmp_path / "run" / "metrics.jsonl")[1]
    assert line["accepted"] == 0
    assert not [key for key in line if key.startswith("guard/")]


def test_a_roll_back_brings_the_model_accepted_before_and_goes_on_from_it(
    tmp_path: Path, alarms: dict[int, list[Alert]]
) -> None:
    alarms[2] = [alarm(2, about_model=True)]
    alarms[4] = [alarm(4, "roll-back", about_model=True)]
    settings = {"loop__iterations": 5, "monitor__drift_from": '"trained"'}
    assert run(tmp_path / "run", "--json", **settings) == 0
    carried, digests = states(tmp_path / "run")
    assert [state["accepted"] for state in carried] == [0, 1, 1, 3, 1, 5]
    back, earlier = carried[4], carried[1]
    assert back["steps"] == earlier["steps"] == 2
    assert back["accuracy"] == earlier["accuracy"]
    for name in ("past", "best", "trained", "parted"):
        assert back["monitor"][name] == earlier["monitor"][name], name
    assert back["monitor"]["last_iteration"] == 4
    assert len(back["monitor"]["history"]["accuracy/greedy"]) == 5, "what was measured stays"
    assert carried[5]["steps"] == 4, "the next one starts from what came back"
    with TextRun.open(tmp_path / "run") as opened:
        opened.latest()
        writers = {each.iteration: each.model for each in opened.episodes()}
    assert writers[4] == digests[3]
    assert writers[5] == digests[1]
    # A second one goes on from the state of the first, as a resumed run does.
    alarms[5] = [alarm(5, "roll-back", about_model=True)]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(whole, "--json", **settings) == 0
    assert run(parts, "--json", **(settings | {"loop__iterations": 4})) == 0
    assert resume(parts, 5) == 0
    assert states(parts)[1] == states(whole)[1]
    # A run that was planned shorter draws from fewer problems: its samples have other lengths.
    one, two = ([line | {"data/tokens": 0} for line in metrics(path)] for path in (parts, whole))
    assert one == two
    assert states(whole)[0][5]["accepted"] == 0
    assert states(whole)[0][5]["drift_base"] == 0, "nothing trained is accepted any more"


def test_only_accepted_models_share_the_samples(tmp_path: Path, alarms: dict[int, list[Alert]]) -> None:
    alarms[2] = [alarm(2, about_model=True)]
    alarms[4] = [alarm(4, "roll-back", about_model=True)]
    assert run(tmp_path / "run", "--json", loop__iterations=6, sample__policies=2) == 0
    carried, digests = states(tmp_path / "run")
    assert [state["accepted"] for state in carried] == [0, 1, 1, 3, 1, 5, 6]
    with TextRun.open(tmp_path / "run") as opened:
        opened.latest()
        wrote = {
            (each.iteration, digests.index(each.model)) for each in opened.episodes() if each.iteration > 1
        }
    assert wrote == {(2, 1), (2, 0), (3, 1), (3, 0), (4, 3), (4, 1), (5, 1), (5, 0), (6, 5), (6, 1)}


def test_a_roll_back_from_the_first_model_is_a_reject(
    tmp_path: Path, alarms: dict[int, list[Alert]], capsys: pytest.CaptureFixture[str]
) -> None:
    alarms[1] = [alarm(1, "roll-back")]
    assert run(tmp_path / "run", loop__iterations=1) == 0
    said = " ".join(" ".join(capsys.readouterr()).split())
    assert "guard: reject, as no model was accepted before the present one to roll back to" in said
    assert states(tmp_path / "run")[0][1]["accepted"] == 0


@pytest.mark.parametrize("method", ["rest-em", "sft"])
def test_verdicts_that_guards_ask_for_are_shown_and_taken_back(
    method: str, tmp_path: Path, alarms: dict[int, list[Alert]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, sheet = tmp_path / "run", tmp_path / "run" / "inspect.csv"
    alarms[1] = [alarm(1, "label")]
    samples = {} if method == "rest-em" else {"sample__samples": 0}
    assert run(path, method=method, loop__iterations=1, guards__labels=5, **samples) == 0
    assert "5 completions are to be judged: 'selfplay text inspect" in " ".join(
        " ".join(capsys.readouterr()).split()
    )
    assert run_command(["text", "inspect", str(path)]) == 0
    rows = list(csv.DictReader(sheet.read_text().splitlines()))
    assert len(rows) == len({row["id"] for row in rows}) == 5
    assert {row["id"] for row in rows} == ids_asked(path)
    for row in rows[:3]:
        row["verdict"] = "right"
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    capsys.readouterr()
    assert run_command(["text", "inspect", str(path), "--verdicts", str(sheet)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "right": 3, "wrong": 0, "unsure": 0, "asked": 5, "answered": 3,
    }  # fmt: skip
    assert run_command(["text", "inspect", str(path)]) == 0
    assert {row["id"] for row in csv.DictReader(sheet.read_text().splitlines())} != ids_asked(path)


def ids_asked(path: Path) -> set[str]:
    return {sample.id for sample in Request.from_json(states(path)[0][-1]["request"]).samples}


def test_what_is_asked_is_committed_with_the_alarm_that_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alarms: dict[int, list[Alert]]
) -> None:
    """A run that is killed behind a commit, before its page is written, still has its request."""
    alarms[1] = [alarm(1, "label")]

    def killed(committed: loop.Committed) -> None:
        if committed.asked:
            raise KeyboardInterrupt

    monkeypatch.setattr(text_run, "VIEWER", replace(text_run.VIEWER, show=killed))
    assert run(tmp_path / "run", "--json", guards__labels=3) != 0
    assert len(ids_asked(tmp_path / "run")) == 3
    assert run_command(["text", "inspect", str(tmp_path / "run")]) == 0
    rows = csv.DictReader((tmp_path / "run" / "inspect.csv").read_text().splitlines())
    assert {row["id"] for row in rows} == ids_asked(tmp_path / "run")


def test_a_stop_asks_for_verdicts(tmp_path: Path, alarms: dict[int, list[Alert]]) -> None:
    alarms[1] = [alarm(1, level=Level.STOP)]
    assert run(tmp_path / "run", "--json", guards__labels=4) == 0
    assert states(tmp_path / "run")[0][-1]["stopped"] == "the alarm of iteration 1"
    assert len(ids_asked(tmp_path / "run")) == 4


def test_what_is_met_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alarms: dict[int, list[Alert]]
) -> None:
    del alarms
    monkeypatch.setattr(loop, "without_items", lambda episodes, _: (list(episodes), 2))
    thresholds = {"filter__thresholds": "[0.0, 0.0, 0.0]", "loop__iterations": 1}
    assert run(tmp_path / "run", "--json", method="rest", **thresholds) == 0
    assert read_metrics(tmp_path / "run" / "metrics.jsonl")[1]["data/overlap"] == 2


def as_older(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What was carried before guards patched settings: the value of each that they may turn."""
    kept = {name: value for name, value in fields.items() if name not in ("patch", "guards")}
    patch = fields["patch"]
    knobs = {
        "real_fraction": patch.get("mix.real_fraction", 0.0),
        "accumulate": patch.get("mix.keep") == "accumulate",
        "temperature": patch.get("sample.temperature", 1.0),
        "cap": patch.get("filter.per_prompt", 4),
        "band": list(patch.get("sample.band", (0.1, 0.9))),
        "kl_weight": None,
        "steps": patch.get("update.steps", 20),
    }
    return kept | {"knobs": knobs}


@pytest.mark.parametrize("turned", [(), ("cap", "steps", "accumulate", "temperature", "curriculum")])
def test_an_older_run_goes_on_to_the_same_bytes(
    turned: Sequence[Response],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    alarms: dict[int, list[Alert]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    alarms[1] = [alarm(1, *turned)]
    settings = {"update__steps": 20, "sample__band": "[0.1, 0.9]"}
    whole, older = tmp_path / "whole", tmp_path / "older"
    assert run(whole, "--json", **settings) == 0
    with monkeypatch.context() as past:
        past.setattr(
            loop, "asdict", lambda row: as_older(asdict(row)) if hasattr(row, "patch") else asdict(row)
        )
        past.setattr(folder, "write_config", write_older)
        assert run(older, "--json", **settings, loop__iterations=1) == 0
        capsys.readouterr()
        assert "kl_factor" in (older / "config.toml").read_text()
    assert resume(older, 2) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "settings that are gone" in line]
    assert len(told) == 1
    assert told[0].endswith("are left out: guards.kl_factor, guards.kl_start, guards.kl_max")
    assert states(older)[1] == states(whole)[1]
    assert metrics(older) == metrics(whole)
    assert states(older)[0][2]["patch"] == states(whole)[0][2]["patch"]
    assert read_text_config(older).guards == read_text_config(whole).guards
    # Its settings are those of a new run, too.
    words = ["--config", str(older / "config.toml"), "--run", str(tmp_path / "new"), "--iterations", "0"]
    assert run_command(["text", "rest-em", "countdown", *words, "--json"]) == 0
    assert "config.toml': settings that are gone" in capsys.readouterr().err


def write_older(path: Path, config: Any, sources: object) -> None:
    del sources
    content = {**config.model_dump(mode="json"), "versions": settings_file.versions() | {"format": 1}}
    content["guards"] |= OLD_GUARDS
    (path / settings_file.CONFIG).write_bytes(settings_file.toml_text(content).encode())
    settings_file.write_copy(path, content)
