"""Verdicts from processes: a `verify` that hangs, dies, raises, prints, or returns what is no verdict."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confined import wait_for

from engine.errors import UserError
from engine.language.problem.verifier import InlineVerifier, VerifierPool, open_verifier
from engine.language.problem.verifier_worker import MAX_PRINTED
from engine.language.task import Prompt, Split, Task, VerifyResult

FILE = '''
import ctypes, os, re, subprocess, sys, time
from engine.language.task import Prompt, Task, VerifyResult

class Nasty(Task):
    """Does what the completion says."""
    name = "nasty"

    def __init__(self, fine: bool = True) -> None:
        if not fine:
            raise ValueError("not fine")

    def prompts(self, split, count, seed):
        return []

    def verify(self, prompt, completion):
        what, _, value = completion.partition(" ")
        if what == "hang":
            time.sleep(600)
        if what == "regex":
            re.match(r"(a+)+$", "a" * 64 + "b")
        if what == "crash":
            ctypes.string_at(0)
        if what == "exit":
            os._exit(5)
        if what == "child":
            subprocess.Popen(["sleep", "600", prompt.id])
            time.sleep(600)
        if what == "alarm" and (value == "always" or not os.path.exists(value)):
            open(os.devnull if value == "always" else value, "w").close()
            os.kill(os.getpid(), 14)
        if what == "raise":
            raise KeyError("no\\nwonder")
        if what == "leave":
            sys.exit(3)
        if what == "print":
            os.write(1, b'{"result": [1.0, "", "", [], "exact"]}' * 100); print(sys.stdin.read())
        if what == "flood":
            os.write(2, b"\\x1b[31mflood " * 1000)
        if what == "none":
            return None
        if what == "fields":
            return VerifyResult(1.0, **eval(value))
        return VerifyResult(
            eval(value or "1"), parsed=str(os.getpid()), reason=ascii(prompt.text), flags=("a", "b")
        )
'''

PROMPT = Prompt("id", "text \U0001f600 \ud800 \x00", "key", "stratum")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tasks") / "nasty_task.py"
    path.write_text(FILE)
    return f"{path}:Nasty"


@pytest.fixture(scope="module")
def shared(spec: str) -> Iterator[VerifierPool]:
    with VerifierPool(spec, deadline_s=1.5, workers=2, max_failures=1) as pool:
        yield pool


def judge(pool: VerifierPool, *completions: str) -> list[VerifyResult]:
    return pool([(PROMPT, completion) for completion in completions])


def test_verdicts_come_in_order_from_several_processes(shared: VerifierPool) -> None:
    results = judge(shared, *[f"score {i / 200}" for i in range(200)])
    assert [result.score for result in results] == [i / 200 for i in range(200)]
    assert {result.reason for result in results} == {ascii(PROMPT.text)}
    assert {result.flags for result in results} == {("a", "b")}
    assert len({result.parsed for result in results} - {str(os.getpid())}) == 2
    assert judge(shared) == []


@pytest.mark.parametrize("what", ["hang", "regex"])
def test_a_hang_costs_its_own_verdict(shared: VerifierPool, what: str) -> None:
    before = shared.counts["timeout"]
    started = time.monotonic()
    good, late, *others = judge(shared, "score 1", what, *["score 1"] * 40)
    assert time.monotonic() - started < 15
    assert (late.score, late.reason, late.flags) == (0, "no verdict within 1.5 s", ("timeout",))
    assert {result.score for result in (good, *others)} == {1}
    assert shared.counts["timeout"] == before + 1


@pytest.mark.parametrize(("what", "code"), [("crash", -11), ("exit", 5)])
def test_a_death_costs_its_own_verdict(shared: VerifierPool, what: str, code: int) -> None:
    results = judge(shared, *["score 1"] * 20, what, *["score 1"] * 20)
    assert results[20] == VerifyResult(0.0, reason=f"the verifier's process ended with code {code}")
    assert {result.score for result in results[:20] + results[21:]} == {1}


def test_a_worker_whose_alarm_a_pause_has_rung_judges_again(shared: VerifierPool, tmp_path: Path) -> None:
    before = shared.counts["failed"]
    results = judge(shared, "score 0.5", f"alarm {tmp_path / 'rung'}", "alarm always", "score 0.25")
    assert [result.reason for result in results[2:3]] == ["the verifier's process ended with code -14"]
    assert shared.counts["failed"] == before + 2, "a completion that is no score fails by itself"
    assert (results[0].score, results[3].score) == (0.5, 0.25)


PAUSED = """
import sys
from engine.language.problem.verifier import VerifierPool
from engine.language.task import Prompt

with VerifierPool(sys.argv[1], deadline_s=1.5, workers=1) as pool:
    prompt = Prompt("id", "text", "key", "stratum")
    pool([(prompt, "score 1")])
    print("up", flush=True)
    print(*(verdict.score for verdict in pool([(prompt, "score __import__('time').sleep(0.7) or 1")] * 6)))
"""


def test_a_pause_of_the_driver_is_no_lateness(spec: str) -> None:
    command = [sys.executable, "-c", PAUSED, spec]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "up\n"
        time.sleep(0.3)
        driver.send_signal(signal.SIGSTOP)
        time.sleep(3)
        driver.send_signal(signal.SIGCONT)
        out, _ = driver.communicate(timeout=120)
    assert out == "1.0 1.0 1.0 1.0 1.0 1.0\n"


def test_an_exception_costs_its_own_verdict(shared: VerifierPool) -> None:
    first, second = judge(shared, "raise", "score 0.5")
    assert first.score == 0
    assert first.reason.startswith("KeyError: 'no\\nwonder' in verify (nasty_task.py:")
    assert second.score == 0.5
    assert judge(shared, "leave")[0].reason.startswith("SystemExit: 3 in verify (nasty_task.py:")


def test_what_a_task_prints_is_no_verdict(shared: VerifierPool) -> None:
    assert [result.score for result in judge(shared, "print 0.25", "score 0.5")] == [0.25, 0.5]


def test_a_flood_is_cut_and_harmless(spec: str, capfd: pytest.CaptureFixture[str]) -> None:
    with VerifierPool(spec, workers=1) as pool:
        assert [result.score for result in judge(pool, *["flood 1"] * 50)] == [1] * 50
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "\x1b" not in shown.err
    assert shown.err.startswith("\\x1b[31mflood")
    assert shown.err.rstrip().endswith("[what else the task prints is left out]")
    assert len(shown.err) < 3 * MAX_PRINTED


def test_a_killed_worker_is_replaced(shared: VerifierPool) -> None:
    worker = int(judge(shared, "score 1")[0].parsed)
    os.kill(worker, 9)
    # Its socket closes with the last of its threads.
    os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)
    assert judge(shared, "score 1")[0].score == 1


def test_what_a_task_started_ends_with_it(spec: str) -> None:
    with VerifierPool(spec, deadline_s=0.5, workers=1, max_failures=1) as pool:
        pool([(Prompt("86400", "", ""), "child")])
        command = b"sleep\x00600\x0086400\x00"

        def alive() -> bool:
            found = []
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    found.append(path.read_bytes())
                except OSError:
                    continue
            return command in found

        assert wait_for(lambda: not alive())


@pytest.mark.parametrize(
    ("completion", "complaint"),
    [
        ("score float('nan')", "score nan returned; give a number in [0, 1]"),
        ("score 1.5", "score 1.5 returned"),
        ("score -1", "score -1 returned"),
        ("score 'x'", "score 'x' returned"),
        ("score None", "score None returned"),
        ("none", "NoneType returned; give a VerifyResult"),
        ("score '1'", "score '1' returned"),
        ("score 10**400", "score 1000"),
        ("fields {'flags': (1,)}", "parsed, path, reason and flags must be text"),
        ("fields {'flags': None}", "flags None returned; give a tuple"),
        ("fields {'kind': 'sure'}", "kind 'sure' returned; give exact, learned, self"),
        ("fields {'parsed': '\\ud800'}", "not '\\ud800'"),
        ("fields {'reason': 'x' * 2000000}", "of 1048576 valid characters at most, not 'xxx"),
    ],
)
def test_what_is_no_verdict_stops_the_run(spec: str, completion: str, complaint: str) -> None:
    with VerifierPool(spec, workers=1) as pool, pytest.raises(UserError) as caught:
        judge(pool, "score 1", completion)
    assert "`verify` of prompt 'id'" in str(caught.value)
    assert complaint in str(caught.value)
    assert spec in str(caught.value)


def test_too_many_failures_stop_the_run(spec: str) -> None:
    with VerifierPool(spec, workers=1, max_failures=0.05) as pool:
        judge(pool, *["score 1"] * 500, *["raise"] * 20)
        with pytest.raises(UserError, match=r"`verify` failed on 27 of 527 completions.*KeyError"):
            judge(pool, *["raise"] * 20)


def test_a_task_that_cannot_be_loaded_is_refused(spec: str) -> None:
    with VerifierPool("nosuch", workers=1) as pool, pytest.raises(UserError, match="unknown task 'nosuch'"):
        judge(pool, "x")
    with VerifierPool(spec, {"fine": False}, workers=1) as pool, pytest.raises(UserError, match="not fine"):
        judge(pool, "x")
    with VerifierPool(spec, {"fine": True}, workers=1) as pool:
        assert judge(pool, "x")[0].score == 1


class Here(Task):
    name = "here"
    inline = True

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        del split, count, seed
        return []

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        del prompt
        if completion == "raise":
            raise ZeroDivisionError
        if completion == "leave":
            raise SystemExit(3)
        if completion == "refuse":
            raise UserError("mend it")
        return VerifyResult(float(completion))


def test_a_quick_task_is_verified_here() -> None:
    verifier = open_verifier(Here(), "here", max_failures=0.5)
    assert isinstance(verifier, InlineVerifier)
    assert [result.score for result in verifier([(PROMPT, "1"), (PROMPT, "0.5")])] == [1, 0.5]
    first, left, second = verifier([(PROMPT, "raise"), (PROMPT, "leave"), (PROMPT, "1")])
    assert (first.score, left.score, second.score) == (0, 0, 1)
    assert left.reason.startswith("SystemExit: 3 in verify")
    assert first.reason.startswith("ZeroDivisionError: in verify (test_verifier.py:")
    assert verifier.counts == {"verified": 5, "failed": 2}
    for completion, complaint in (("nan", "score nan returned"), ("2", "score 2.0"), ("refuse", "mend it")):
        with pytest.raises(UserError, match=complaint):
            verifier([(PROMPT, completion)])
    with pytest.raises(UserError, match="failed on 11 of 14 completions"):
        verifier([(PROMPT, "raise")] * 20)


def test_other_tasks_are_verified_in_processes(spec: str) -> None:
    task = Here()
    task.inline = False
    with open_verifier(task, spec, deadline_s=3, workers=1) as verifier:
        assert isinstance(verifier, VerifierPool)
        assert verifier([(PROMPT, "score 0.5")])[0].score == 0.5


def test_what_a_task_needs_is_loaded_before_it_is_timed(tmp_path: Path) -> None:
    text = (
        "from engine.language.task import Task, VerifyResult\n"
        "class Slow(Task):\n"
        "    name = 'slow'\n"
        "    ready = False\n"
        "    def prompts(self, split, count, seed): return []\n"
        "    def prepare(self):\n"
        "        self.ready = True\n"
        "    def verify(self, prompt, completion): return VerifyResult(float(self.ready))\n"
        "class Broken(Slow):\n"
        "    def prepare(self): raise RuntimeError('no data')\n"
    )
    (tmp_path / "own.py").write_text(text)
    with VerifierPool(f"{tmp_path / 'own.py'}:Slow", workers=1) as pool:
        assert pool([(Prompt("", "", ""), "x")])[0].score == 1
    with (
        VerifierPool(f"{tmp_path / 'own.py'}:Broken", workers=1) as pool,
        pytest.raises(UserError, match="`prepare` raised RuntimeError: no data"),
    ):
        pool([(Prompt("", "", ""), "x")])
