"""What a method could not work with is refused before anything is built, by a run and by its forecast."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trained_run import own, trained

from engine.cli.app import run as run_command
from engine.language.method.constitution.constitution_file import PROSE
from engine.language.model.model_folder import save_model
from engine.language.model.tiny_model import build_model
from engine.language.problem.task_registry import load_task

__all__ = ["own"]

ROW = {"prompt": "3+4=", "completion": "7", "score": 1}
HELD = [{**ROW, "prompt": prompt, "chosen": "1", "rejected": "2"} for prompt in ("0+0=", "0+1=")]
DIGITS = """
form.critique = "{completion}+{critique_request}="
form.revision = "{completion}+{critique_request}="
form.choice = "{first}+{second}="
form.answers = ["1", "2"]
principle = [{name = "a", critique = "1", revision = "2"}]
"""
MODEL = {"judge__by": '"model"'}
REAL = {"mix__real": "true", "mix__real_fraction": 0.5}
PROGRAM = {"judge__by": '"program"'}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("constitutional", {"constitution__path": "prose"}, "the model cannot read constitution"),
    (
        "constitutional",
        {"constitution__path": "prose", "constitution__phases": '["prefer"]'},
        "cannot spell 'A', an answer",
    ),
    ("constitutional", {"constitution__path": "none"}, "none"),
    ("constitutional", {"constitution__path": "text"}, "is not valid TOML"),
    ("constitutional", {"constitution__path": "long"}, "the model cannot read constitution"),
    ("constitutional", {"constitution__path": "digits", "constitution__feedback": "none"}, "none"),
    ("constitutional", {"constitution__path": "digits", "constitution__feedback": "text"}, "text"),
    ("ppo", {**REAL, "ppo__reward_model": "none"}, "none"),
    ("ppo", {**REAL, "ppo__reward_model": "plain"}, "has no value head"),
    ("self-rewarding", {**MODEL, "judge__path": "none"}, "none"),
    ("self-rewarding", {**MODEL, "judge__path": "text"}, "text"),
    ("self-rewarding", {**PROGRAM, "judge__program": '"nowhere.at:all"'}, "nowhere"),
    ("self-rewarding", {**PROGRAM, "judge__program": "function"}, "missing"),
    ("self-rewarding", {**PROGRAM, "judge__program": '"no-such-program"'}, "no-such-program"),
    ("reward", {**MODEL, "judge__path": "none"}, "none"),
    ("reward", {**PROGRAM, "judge__program": '"no-such-program"'}, "no-such-program"),
    ("self-rewarding", {"judge__answers": '["é", "ü"]'}, "no two tokens"),
    ("self-rewarding", {"judge__prompt": "none"}, "none"),
    ("self-rewarding", {"teach__path": "none"}, "none"),
    ("self-rewarding", {"teach__path": "text"}, "text"),
    ("self-rewarding", {"teach__path": "held"}, "evaluation items"),
    ("reward", {"reward__path": "none"}, "none"),
    ("reward", {"reward__path": "text"}, "text"),
    ("reward", {"reward__path": "held"}, "evaluation items"),
    ("dpo", {"preference__path": "held"}, "evaluation items"),
    ("prm", {"value__labels": '"file"', "value__path": "none"}, "none"),
    ("prm", {"value__labels": '"file"', "value__path": "text"}, "text"),
]


@pytest.fixture
def places(own: Callable[[str], str], tmp_path: Path) -> dict[str, str]:
    """Files and folders by the word that stands for each above."""
    held = [each.text for each in load_task(own("")).prompts("test", 3, 0)]
    contents = {
        "text": "no = table = of any kind\n",
        "held": "".join(
            json.dumps({**row, "prompt": text}) + "\n" for row, text in zip(HELD, held[:2], strict=True)
        ),
        "function.py": "def other(prompt, completion):\n    return 1\n",
        "digits": DIGITS,
        "long": f'[[principle]]\nname = "a"\ncritique = "{"1" * 400}"\nrevision = "2"\n[form]\n'
        'critique = "{completion}+{critique_request}="\nrevision = "{completion}="\n',
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    save_model(build_model("0123456789+=", "0.1M", 1), tmp_path / "plain")
    named = {name: str(tmp_path / name) for name in ("none", "plain", *contents)}
    return named | {"prose": str(PROSE), "function": f"{tmp_path / 'function.py'}:missing"}


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The line that a command ends with, before anything is built."""
    assert run_command(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert not [line for line in said if "building" in line]
    assert said[-1].startswith("selfplay: error: ")
    return said[-1]


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry"])
@pytest.mark.parametrize(("method", "settings", "told"), CASES)
def test_it_is_refused_before_anything_is_built(
    method: str,
    settings: dict[str, Any],
    told: str,
    more: list[str],
    places: dict[str, str],
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = {key: json.dumps(places[value]) if value in places else value for key, value in settings.items()}
    words = trained(own(""), tmp_path / "run", *more, method=method, **named)
    assert told in refused(words, capsys)
    assert not (tmp_path / "run" / "config.toml").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]], ids=["run", "dry"])
@pytest.mark.parametrize("method", ["ppo", "reward", "constitutional", "self-rewarding", "dpo", "spin"])
def test_games_of_two_are_refused_before_anything_is_built(
    method: str,
    more: list[str],
    own: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "digits").write_text(DIGITS)
    file = {"constitution__path": json.dumps(str(tmp_path / "digits"))} if method == "constitutional" else {}
    words = trained(own("num_players = 2"), tmp_path / "run", *more, method=method, **file)
    assert "is a game of two" in refused(words, capsys)
