"""What a run reads from outside is what it was when the run began, or the run does not go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_text_run import metrics
from trained_run import mistake, own, trained

from engine.cli.app import run as run_command
from engine.config.section import Section
from engine.errors import UserError
from engine.language import loop
from engine.language.method.registry import METHODS, build_text_config, load_method
from engine.language.problem.task_registry import load_task
from engine.language.record.source import Sources
from engine.language.settings import Named, TextConfig
from engine.run.settings_file import recorded_sources

__all__ = ["own"]


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def pairs(path: Path, *chosen: str) -> str:
    """A file of comparisons on the first problems."""
    prompts = [f"{a}+{b}=" for a in range(12) for b in range(12)]
    rows = [
        {"prompt": prompt, "chosen": text, "rejected": "77"}
        for prompt, text in zip(prompts, chosen * 40, strict=False)
    ]
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def words(method: str, task: str, run: Path, *more: str, **settings: Any) -> list[str]:
    return trained(task, run, *more, method=method, **settings)


@pytest.mark.parametrize(("method", "setting"), [("dpo", "preference.path"), ("reward", "reward.path")])
def test_a_file_that_changed_while_a_run_was_at_rest_is_refused_until_it_is_put_back(
    method: str,
    setting: str,
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "pairs.jsonl"
    named = {setting.replace(".", "__"): json.dumps(pairs(path, "1", "2"))}
    run, whole, task = tmp_path / "run", tmp_path / "whole", own("")
    assert run_command(words(method, task, whole, loop__iterations=2, **named)) == 0
    assert run_command(words(method, task, run, loop__iterations=1, **named)) == 0
    capsys.readouterr()
    pairs(path, "3")
    resume = ["text", method, task, "--run", str(run), "--resume", "--iterations", "2"]
    line = mistake(resume, capsys)
    assert f"{setting} '{path}' has changed since the run began" in line
    assert "put it back" in line
    path.unlink()
    assert str(path) in mistake(resume, capsys)
    pairs(path, "1", "2")
    os.utime(path, (1, 1))
    assert run_command(resume) == 0
    assert metrics(run) == metrics(whole)


def test_nothing_that_was_learnt_from_a_changed_file_is_committed(
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, run, practise = tmp_path / "pairs.jsonl", tmp_path / "run", loop._practise

    def meddled(parts: Any, turn: Any) -> Any:
        if turn.iteration == 2:
            pairs(path, "3")
        return practise(parts, turn)

    monkeypatch.setattr(loop, "_practise", meddled)
    named = {"preference__path": json.dumps(pairs(path, "1", "2"))}
    line = mistake(words("dpo", own(""), run, loop__iterations=3, **named), capsys)
    assert f"preference.path '{path}' has changed since the run began" in line
    assert [line["iteration"] for line in metrics(run)][-1] <= 2
    assert sorted(each.stem for each in (run / "manifest").glob("*.json"))[-1] == "000001"


def test_a_task_that_is_a_file_is_one_of_its_sources(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sums.jsonl"

    def rows(more: int) -> None:
        lines = [{"prompt": f"{a}+{b}=", "answer": str(a + b + more)} for a in range(20) for b in range(20)]
        write(path, "".join(json.dumps(line) + "\n" for line in lines))

    rows(0)
    run, small = tmp_path / "run", {"measure__test": 8, "measure__validation": 8}
    assert run_command(words("dpo", str(path), run, **small)) == 0
    capsys.readouterr()
    rows(1)
    resume = ["text", "dpo", str(path), "--run", str(run), "--resume", "--iterations", "2"]
    assert f"'{path}' has changed since the run began" in mistake(resume, capsys)


def test_code_that_was_mended_is_told(
    own: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, run = own(""), tmp_path / "run"
    assert run_command(words("dpo", task, run)) == 0
    assert "has changed" not in capsys.readouterr().err
    own("judge_prompts = ('new',)")
    assert run_command(["text", "dpo", task, "--run", str(run), "--resume", "--iterations", "1"]) == 0
    assert f"task '{task.removesuffix(':Own')}' has changed since the run began" in capsys.readouterr().err


def test_a_run_without_a_record_goes_on(tmp_path: Path) -> None:
    """As those do that earlier versions began."""
    path = Path(pairs(tmp_path / "pairs.jsonl", "1"))
    told: list[str] = []
    Sources({"preference.path": path}).resume({}, told.append)
    assert told == []


def path_settings(section: type[Section], prefix: str = "") -> list[str]:
    found = []
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found += path_settings(field.annotation, f"{prefix}{name}.")
        elif any(isinstance(kind, Named) for kind in field.metadata):
            found.append(prefix + name)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_every_path_of_a_method_is_a_source(method: str) -> None:
    settings: type[TextConfig] = load_method(method).settings()
    names = [name for name in path_settings(settings) if not name.startswith("model.")]
    changes = [{name.split(".")[0]: {name.split(".")[1]: f"/nowhere/{name}"}} for name in names]
    config = build_text_config(method, "countdown", *changes)
    found = load_method(method).sources(config, load_task("countdown"))
    assert {name: Path(f"/nowhere/{name}") for name in names}.items() <= found.items()


def test_the_first_model_is_a_source_where_an_adapter_over_it_is_trained() -> None:
    method, task = load_method("dpo"), load_task("countdown")
    plain = build_text_config("dpo", "countdown", {"model": {"path": "/nowhere"}})
    assert "model.path" not in method.sources(plain, task)
    adapted = plain.changed({"model": {"lora": {"rank": 4}}})
    assert method.sources(adapted, task)["model.path"] == Path("/nowhere")


def test_the_constitution_of_a_task_is_a_source() -> None:
    method, task = load_method("constitutional"), load_task("countdown")
    config = build_text_config("constitutional", "countdown")
    assert method.sources(config, task)["constitution"] == Path(task.constitution)
    other = config.changed({"constitution": {"path": "/nowhere"}})
    assert "constitution" not in method.sources(other, task)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    write(path / "config.json", "{}")
    write(path / "model.safetensors", "weights")
    write(path / "README.md", "a model")
    return path


def changed(sources: Sources, recorded: dict[str, str]) -> bool:
    try:
        sources.resume(recorded, lambda _: None)
    except UserError:
        return True
    return False


@pytest.mark.parametrize(
    ("name", "is_read"),
    [("model.safetensors", True), ("value_head.safetensors", True), ("README.md", False), ("log", False)],
)
def test_of_a_folder_what_a_model_is_read_from_counts(folder: Path, name: str, is_read: bool) -> None:
    sources = Sources({"judge.path": folder})
    recorded = sources.record()
    assert not changed(Sources({"judge.path": folder}), recorded)
    write(folder / name, "other")
    assert changed(Sources({"judge.path": folder}), recorded) == is_read
    if is_read:
        with pytest.raises(UserError, match=r"judge.path '.*' has changed"):
            sources.check()
    else:
        sources.check()


def test_a_file_that_is_renamed_within_a_folder_is_another(folder: Path) -> None:
    recorded = Sources({"judge.path": folder}).record()
    (folder / "config.json").rename(folder / "tokenizer.json")
    assert changed(Sources({"judge.path": folder}), recorded)


def test_a_file_that_is_only_touched_is_the_same(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "file", "a"))
    sources = Sources({"preference.path": path})
    sources.record()
    os.utime(path, (1, 1))
    sources.check()
    write(path, "b")
    with pytest.raises(UserError, match="has changed"):
        sources.check()


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"preference.path '.*/file' cannot be read"):
        Sources({"preference.path": tmp_path / "file"}).record()


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry"])
@pytest.mark.parametrize(
    ("method", "setting"),
    [
        ("dpo", "preference.path"),
        ("reward", "reward.path"),
        ("constitutional", "constitution.path"),
        ("self-rewarding", "teach.path"),
        ("self-rewarding", "judge.prompt"),
    ],
)
def test_a_pipe_is_not_waited_for(
    method: str,
    setting: str,
    more: list[str],
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is read more than once."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    line = words(
        method, own(""), tmp_path / "run", *more, **{setting.replace(".", "__"): json.dumps(str(path))}
    )
    assert f"{setting} '{path}' is no file" in mistake(line, capsys)
    assert not (tmp_path / "run").exists()


def test_a_run_keeps_the_digests_beside_its_versions(own: Callable[[str], str], tmp_path: Path) -> None:
    run, path = tmp_path / "run", pairs(tmp_path / "pairs.jsonl", "1")
    assert run_command(words("dpo", own(""), run, preference__path=json.dumps(path))) == 0
    assert recorded_sources(run).keys() == {"preference.path", "task"}
