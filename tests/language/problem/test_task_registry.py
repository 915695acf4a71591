from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.language.problem.task_registry import load_task, task_names, task_option_names
from engine.language.task import Task
from games.text.countdown import Countdown

OWN = '''
from engine.language.task import Prompt, Task, VerifyResult, split_of
from neighbour import ANSWER


class Answer(Task):
    """The shortest task."""

    name = "answer"

    def __init__(self, count: int = 3) -> None:
        self.count = 12 // count

    def prompts(self, split, count, seed):
        keys = [str(n) for n in range(100) if split_of(str(n)) == split]
        return [Prompt(id=key, text=f"{key}?", key=key) for key in keys[:count]]

    def verify(self, prompt, completion):
        return VerifyResult(float(completion == ANSWER), completion)


class NoTask:
    pass


class Leaves(Answer):
    def __init__(self):
        raise SystemExit(7)


print("told while it is imported")
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "neighbour", raising=False)
    (tmp_path / "neighbour.py").write_text("ANSWER = '42'\n")
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path / "own.py"


def test_registered_tasks_are_listed_and_load_with_options() -> None:
    assert "countdown" in task_names()
    task = load_task("countdown:numbers=4,max_number=20", max_target=99)
    assert isinstance(task, Countdown)
    assert task.name == "countdown:numbers=4,max_number=20,max_target=99"
    assert task_option_names("countdown")[:2] == ["numbers", "max_number"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("countdwn", ["unknown task 'countdwn'", "did you mean 'countdown'", "file.py:Name"]),
        ("", ["unknown task ''", "countdown"]),
        ("countdown:number=3", ["no option 'number'; did you mean 'numbers'"]),
        ("countdown:numbers", ["'numbers'", "name=value"]),
        ("countdown:numbers=2", ["numbers is 2", "from 3 to 6"]),
        ("countdown:numbers=3.5", ["numbers is 3.5"]),
        ("countdown:numbers=true", ["numbers is True"]),
        ("countdown:graded=1", ["graded is 1", "true or false"]),
        ("countdown:demonstrations=best", ["'best'", "hindsight or solver"]),
        ("missing.py:Own", ["there is no file", "missing.py"]),
        ("missing.py", ["names no class", "missing.py:Name"]),
        ("pathlib:Path", ["gives a P", "subclass of engine.language.task.Task"]),
        ("os; rm:Name", ["package.module:Name"]),
    ],
)
def test_a_bad_name_is_one_line_with_the_value_and_the_remedy(spec: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load_task(spec)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_users_file_is_loaded_with_its_neighbours_and_options(own: Path) -> None:
    task = load_task(f"{own}:Answer:count=4")
    assert isinstance(task, Task)
    assert task.count == 3  # type: ignore[attr-defined]
    assert task.verify(task.prompts("train", 1, 0)[0], "42").score == 1
    assert type(load_task(f"{own}:Answer")) is type(task)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Answr", "has no 'Answr'; did you mean 'Answer'"),
        ("NoTask", "gives a NoTask"),
        ("Leaves", r"SystemExit: 7 in __init__ \(own.py:"),
        ("Answer:count=0", r"ZeroDivisionError: .* in __init__ \(own.py:12\)"),
        ("Answer:cont=1", "did you mean 'count'"),
        ("not a name", "not of the form"),
    ],
)
def test_a_fault_of_a_users_file_leads_to_it(own: Path, name: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        load_task(f"{own}:{name}")


@pytest.mark.parametrize(
    ("source", "reason"),
    [("1 / 0", r"ZeroDivisionError: division by zero in <module> \(bad.py:1\)"), ("def", "SyntaxError")],
)
def test_a_file_that_does_not_import_leads_to_its_line(tmp_path: Path, source: str, reason: str) -> None:
    (tmp_path / "bad.py").write_text(source + "\n")
    for _ in range(2):
        with pytest.raises(UserError, match=reason):
            load_task(f"{tmp_path / 'bad.py'}:Task")


def test_code_in_a_run_or_beside_a_model_is_never_run(own: Path) -> None:
    model = own.parent / "model"
    model.mkdir()
    (model / "model.safetensors").touch()
    run = own.parent / "run"
    (run / "manifest").mkdir(parents=True)
    (run / "replay").mkdir()
    for folder in (model, run, run / "replay"):
        (folder / "task.py").write_text("raise SystemExit")
        with pytest.raises(UserError, match="run or model folder"):
            load_task(f"{folder / 'task.py'}:Task")


def test_what_a_file_prints_when_it_is_imported_is_no_output(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load_task(f"{own}:Answer")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "told while it is imported\n")
    (own.parent / "leaving.py").write_text("raise SystemExit(7)")
    with pytest.raises(UserError, match=r"cannot import '.*leaving.py': SystemExit: 7"):
        load_task(f"{own.parent}/leaving.py:Answer")
