"""`text verify` in a process of its own: requests as JSON lines, answers in their order."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[..., list[dict[str, Any]]]

SLOW = '''
import os, time
from engine.language.task import Task, VerifyResult

class Slow(Task):
    """Takes as long as the completion says, and tells which process worked when."""

    def prompts(self, split, count, seed):
        return []

    def verify(self, prompt, completion):
        if completion == "no verdict":
            return "no verdict"
        if completion == "raise":
            raise KeyError("oops")
        started = time.monotonic()
        time.sleep(float(completion))
        return VerifyResult(1.0, prompt.text, f"{os.getpid()} {started} {time.monotonic()}")
'''


@pytest.fixture
def slow(tmp_path: Path) -> str:
    (tmp_path / "slow.py").write_text(SLOW)
    return f"{tmp_path}/slow.py:Slow"


def request(number: int, completion: str) -> dict[str, Any]:
    return {"id": number, "prompt": str(number), "completion": completion}


def test_what_waits_is_judged_side_by_side_in_order(ask: Ask, slow: str) -> None:
    answers = ask("text", "verify", slow, requests=[request(n, "0.5" if n % 2 else "0.3") for n in range(8)])
    assert [answer["id"] for answer in answers] == list(range(8))
    assert [answer["parsed"] for answer in answers] == [str(n) for n in range(8)]
    spans = [answer["reason"].split() for answer in answers]
    assert len({process for process, *_ in spans}) > 1
    times = sorted((float(start), float(end), process) for process, start, end in spans)
    assert any(b[0] < a[1] for a, b in itertools.pairwise(times) if a[2] != b[2])


def test_a_bad_request_costs_its_own_line(ask: Ask, slow: str) -> None:
    good, raised = request(0, "0"), request(5, "raise")
    bad = [
        {"id": 1, "prompt": "p"},
        {"id": 2, "prompt": 3, "completion": "c"},
        {**request(3, "0"), "promt": "p"},
        request(4, "no verdict"),
    ]
    answers = ask("text", "verify", slow, requests=[good, *bad, raised, good])
    assert [answer["id"] for answer in answers] == [0, 1, 2, 3, 4, 5, 0]
    assert [answer.get("score") for answer in answers] == [1, None, None, None, None, 0, 1]
    assert answers[1]["error"] == 'give "completion" as a text, not null'
    assert "did you mean 'prompt'" in answers[3]["error"]
    assert "str returned; give a VerifyResult" in answers[4]["error"]
    assert answers[5]["reason"].startswith("KeyError: 'oops' in verify (slow.py:")


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    line = json.dumps({"id": 1, "prompt": "1 2 3=6:", "completion": "x"}) + "\n"
    command = [sys.executable, "-m", "engine.cli", "text", "verify", "countdown"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(line.encode())
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(line.encode() * 1000)
            process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_failures_do_not_end_the_service(ask: Ask, slow: str) -> None:
    answers = ask("text", "verify", slow, requests=[request(n, "raise") for n in range(30)])
    assert [answer["score"] for answer in answers] == [0] * 30


def test_a_file_of_answers_is_asked_by_prompt(ask: Ask, tmp_path: Path) -> None:
    rows = [{"prompt": f"{n}+1=", "answer": str(n + 1)} for n in range(5)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    right = {"id": "a", "prompt": "2+1=", "completion": "3", "score": 0.0, "tokens": 4}
    unknown = {"id": "b", "prompt": "7+1=", "completion": "8"}
    first, second = ask("text", "verify", f"{tmp_path}/sums.jsonl", requests=[right, unknown])
    assert first == {
        "id": "a", "score": 1.0, "parsed": "3", "reason": "", "flags": [], "kind": "exact",
    }  # fmt: skip
    assert "has no prompt" in second["error"]


def test_a_closed_stdin_is_one_line() -> None:
    command = [sys.executable, "-m", "engine.cli", "text", "verify", "countdown"]
    closed = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, text=True)
    assert closed.returncode == 2
    assert closed.stderr == "selfplay: error: stdin is closed; give JSON lines on it\n"
