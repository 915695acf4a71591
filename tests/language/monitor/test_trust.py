"""What a run measures of a verifier that may be fooled: truth, a second verifier, asking again, echoes."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_text_run import command

from engine.cli.app import run as run_command
from engine.language.measure.watch import instruments
from engine.language.problem.task_registry import load_task
from engine.report.report import SECTIONS
from engine.run.metrics import read_metrics
from engine.run.tensorboard import SECTIONS as SHOWN

TASK = """
from dataclasses import replace
from engine.language.task import Prompt
from games.text.countdown import Countdown

class Biased(Countdown):
    kind, inline, asked = "learned", True, 0
    judge_prompts = ("Is this the right way to reach the target?",)

    def verify(self, prompt, completion):
        # It says right to three of four whatever they are, and never the same ones.
        self.asked += 1
        score = float(self.asked % 7 != 0)
        return replace(super().verify(prompt, completion), score=score, kind="learned")

    def gold(self, prompt, completion):
        return GOLD

    def second_score(self, prompt, completion):
        return 0.0
"""
QUICK = {"model__steps": 2, "loop__iterations": 0, "measure__control": "false", "measure__test": 4}


def written(path: Path, gold: str) -> str:
    (path / "biased.py").write_text(TASK.replace("GOLD", gold))
    return f"{path / 'biased.py'}:Biased"


def first_line(task: str, path: Path) -> dict[str, float]:
    assert run_command(command("rest-em", path / "run", "--json", task=task, **QUICK)) == 0
    return read_metrics(path / "run" / "metrics.jsonl")[0]


def test_a_learned_verifier_is_held_against_truth_another_and_itself(tmp_path: Path) -> None:
    line = first_line(written(tmp_path, "0.25"), tmp_path)
    assert line["hacking/gold"] == 0.25
    assert 0.5 < line["hacking/proxy"] < 1
    assert line["hacking/gap"] == pytest.approx(line["hacking/proxy"] - 0.25)
    assert line["hacking/disagreement"] == pytest.approx(line["hacking/proxy"])
    assert 0.5 < line["judge/agreement"] < 1
    assert line["judge/calibration_error"] == pytest.approx(line["hacking/proxy"])
    assert instruments(load_task(written(tmp_path, "0.25"))).judge_prompts[0].startswith("Is this the right")


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    line = first_line(written(tmp_path, "None"), tmp_path)
    assert not {"hacking/gold", "hacking/gap", "judge/calibration_error"} & line.keys()
    assert {"judge/agreement", "hacking/disagreement"} <= line.keys()
    every = {name.partition("/")[0] for name in line if "/" in name}
    assert every <= SHOWN.keys()
    assert every - {group for group, *_ in SECTIONS} <= {"loss", "speed", "machine", "alarm", "guard"}


@pytest.mark.parametrize("gold", ["1.5", "'right'", "float('nan')"])
def test_what_is_no_score_is_refused(gold: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = command("rest-em", tmp_path / "run", "--json", task=written(tmp_path, gold), **QUICK)
    assert run_command(words) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "`gold` returned" in error
    assert "give a score from 0 to 1, or None" in error
