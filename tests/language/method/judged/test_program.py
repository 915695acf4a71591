"""A program as a judge: limits, restarts, and what is no answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.language.method.judged.assessor.assessor import Asked, Versus
from engine.language.method.judged.assessor.program import ProgramAssessor
from engine.language.method.judged.config import JudgeConfig
from engine.language.task import Prompt

READING = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    number, text = asked["id"], asked.get("completion", "")
"""


@contextmanager
def judge(program: str, **settings: Any) -> Iterator[ProgramAssessor]:
    made = ProgramAssessor(JudgeConfig(by="program", program=program, **settings))
    try:
        yield made
    finally:
        made.close()


def script(folder: Path, body: str) -> str:
    path = folder / "judge.py"
    path.write_text(READING + "".join(f"    {line}\n" for line in body.strip().splitlines()))
    return f"{sys.executable} -u {path}"


def asked(*texts: str) -> list[Asked]:
    return [Asked(Prompt(text, "task", text), text) for text in texts]


def scores(found: Any) -> list[float | None]:
    return [each.score for each in found]


def test_scores_are_those_of_each_question_whatever_their_order(tmp_path: Path) -> None:
    body = """
seen = globals().setdefault("seen", [])
seen.append((number, len(text) / 200))
if len(seen) == 4:
    for number, score in reversed(seen):
        print(json.dumps({"id": number, "score": score}))
    seen.clear()
"""
    with judge(script(tmp_path, body)) as program:
        texts = ["a" * length for length in range(1, 101)]
        assert scores(program.scores(asked(*texts), 0)) == [length / 200 for length in range(1, 101)]
        assert scores(program.scores(asked("a", "", "b", "c"), 0)) == [0.005, 0.0, 0.005, 0.005]


def test_what_is_no_score_is_missing_and_never_zero(tmp_path: Path) -> None:
    said = {
        "nan": '{"id": %d, "score": NaN}',
        "infinite": '{"id": %d, "score": 1e999}',
        "large": '{"id": %d, "score": 5}',
        "below": '{"id": %d, "score": -0.1}',
        "text": '{"id": %d, "score": "1"}',
        "true": '{"id": %d, "score": true}',
        "null": '{"id": %d, "score": null}',
        "none": '{"id": %d}',
        "error": '{"id": %d, "error": "no idea"}',
        "plain": "1",
        "words": "I like %d",
        "list": "[%d]",
        "zero": '{"id": %d, "score": 0}',
        "right": '{"id": %d, "score": 1}',
    }
    body = f"said = {said!r}[text]\nprint(said % number if '%' in said else said)"
    with judge(script(tmp_path, body)) as program:
        found = program.scores(asked(*said), 0)
    assert scores(found) == [None] * (len(said) - 2) + [0.0, 1.0]
    assert all(0 < len(each.reason) < 130 for each in found if each.score is None)


def test_a_program_that_dies_or_hangs_is_started_again_and_loses_one_question(tmp_path: Path) -> None:
    body = """
if text == "die":
    os._exit(3)
if text == "hang":
    time.sleep(600)
print(json.dumps({"id": number, "score": 1}))
"""
    with judge(script(tmp_path, body), timeout_s=2.0) as program:
        found = program.scores(asked("a", "die", "b", "hang", "c"), 0)
    assert scores(found) == [1.0, None, 1.0, None, 1.0]
    assert "exit code 3" in found[1].reason
    assert found[3].reason.startswith("hang")


def test_a_program_that_always_fails_ends_the_run_with_what_it_said(tmp_path: Path) -> None:
    program = script(tmp_path, "sys.exit('no licence for the judge')")
    with judge(program, restarts=2) as failing, pytest.raises(UserError, match=r"3 times in a row") as caught:
        failing.scores(asked("a", "b", "c", "d", "e"), 0)
    assert "no licence for the judge" in str(caught.value)


def test_a_program_that_floods_is_ended(tmp_path: Path) -> None:
    with (
        judge(script(tmp_path, "while True: sys.stdout.write('x' * 65536)"), restarts=0) as flooding,
        pytest.raises(UserError, match="more than"),
    ):
        flooding.scores(asked("a"), 0)


def test_a_line_before_the_first_answer_costs_no_more_than_one_question(tmp_path: Path) -> None:
    body = """
if number == 0:
    print("loading the judge ...")
print(json.dumps({"id": number, "score": 0.5}))
"""
    with judge(script(tmp_path, body)) as program:
        assert scores(program.scores(asked("a", "b", "c"), 0))[1:] == [0.5, 0.5]
        assert scores(program.scores(asked("d", "e"), 0)) == [0.5, 0.5]


@pytest.mark.parametrize("line", ["", json.dumps({"id": 0, "score": 0.5})], ids=["blank", "answered"])
def test_lines_that_answer_nothing_give_no_more_time(tmp_path: Path, line: str) -> None:
    body = f"""
if number == 0:
    print(json.dumps({{"id": 0, "score": 0.5}}))
while number:
    print({line!r})
    time.sleep(0.05)
"""
    with (
        judge(script(tmp_path, body), timeout_s=1.0, restarts=0) as babbling,
        pytest.raises(UserError, match="no answer"),
    ):
        babbling.scores(asked("a", "b"), 0)


def test_of_several_scores_the_first_stands(tmp_path: Path) -> None:
    body = """
for score in ("none", 0.25, 0.75):
    print(json.dumps({"id": number, "score": score}))
"""
    with judge(script(tmp_path, body)) as program:
        assert scores(program.scores(asked("a", "b", "c"), 0))[:2] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("", "is empty"),
        ("no-such-judge --fast", "no program 'no-such-judge'"),
        ("judge 'open", "is no command"),
    ],
)
def test_what_cannot_be_run_is_refused_at_once(program: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        ProgramAssessor(JudgeConfig(by="program", program=program))


FUNCTION = """
def long(prompt, completion):
    print("judging", prompt)
    if completion == "bad":
        raise ValueError("cannot read it")
    return None if not completion else min(1, len(completion) / 10)

def longer(prompt, first, second):
    return 0.5 + 0.5 * ((len(first) > len(second)) - (len(first) < len(second)))
"""


def test_a_function_is_a_judge(tmp_path: Path) -> None:
    path = tmp_path / "taste.py"
    path.write_text(FUNCTION)
    with judge(f"{path}:long") as program:
        found = program.scores(asked("abc", "bad", ""), 0)
    assert scores(found) == [0.3, None, None]
    assert "cannot read it" in found[1].reason
    with judge(f"{path}:longer", ask="comparison") as program:
        two = [Versus(Prompt("a", "a", "a"), "long one", "short"), Versus(Prompt("a", "a", "a"), "b", "ccc")]
        assert scores(program.comparisons(two, 0)) == [1.0, 0.0]


def test_a_function_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "taste.py"
    path.write_text(FUNCTION)
    with judge(f"{path}:lang", restarts=0) as program, pytest.raises(UserError, match="has no 'lang'"):
        program.scores(asked("abc"), 0)
