"""What a terminal and a log show of work under way."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

import pytest

from engine.cli import progress
from engine.cli.progress import Reporter, told_if_slow

PHASES = """
import time
from engine.cli.progress import Reporter
reporter = Reporter()
with reporter.phase("building the model", 40, "steps") as move:
    reporter.message("a word")
    for step in range(40):
        move(step + 1)
        time.sleep(0.02)
reporter.start(None, 2)
with reporter.phase("sampling", 47600) as move:
    for done in range(0, 47600, 1000):
        move(done)
        time.sleep(0.02)
reporter.iteration({"iteration": 1})
reporter.finish([{"model": "first"}])
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the progress display sees."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_each_ten_seconds(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(quiet=True)
    for title in ("sampling", "training"):
        with reporter.phase(title, 47_600) as move:
            for second in range(25):
                clock[0] += 1
                move(1000 * (second + 1))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "sampling: 10,000/47,600, 1,000/s, 38 s left",
        "sampling: 20,000/47,600, 1,000/s, 28 s left",
        "training: 10,000/47,600, 1,000/s, 38 s left",
        "training: 20,000/47,600, 1,000/s, 28 s left",
    ]


def test_what_is_short_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter()
    for _ in range(100):
        with reporter.phase("sampling", 10) as move:
            clock[0] += 9
            move(10)
    assert capsys.readouterr().err == ""


def test_minutes_pass_within_a_part(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = Reporter()
    reporter.start(10, None, done=2)
    stood: list[float] = []
    monkeypatch.setattr(reporter._bar, "move", stood.append)
    with reporter.phase("playing", 100, "positions") as move:
        for count in (1, 2):
            clock[0] += 90
            move(count)
        clock[0] += 3600
        move(3)
    assert stood == [3.5, 5.0, 10.0]
    reporter = Reporter()
    reporter.start(None, 7)
    monkeypatch.setattr(reporter._bar, "move", stood.append)
    with reporter.phase("playing", 100, "positions") as move:
        move(1)
    assert len(stood) == 3


def test_a_start_that_takes_long_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with told_if_slow("quick", 3600):
        pass
    with told_if_slow("loading", 0.01):
        deadline = time.monotonic() + 30
        while not (said := capsys.readouterr().err) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said == "loading\n"
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_which_part_runs() -> None:
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PHASES],
        stderr=terminal,
        stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                block = os.read(controller, 4096)
            except OSError:
                break
            if not block:
                break
            shown += block
        assert process.stdout is not None
        assert b"first" in process.stdout.read()
    os.close(controller)
    text = shown.decode()
    assert "a word" in text
    assert "building the model" in text
    assert "/40 steps" in text
    assert "/47,600, " in text
    assert text.index("building the model") < text.index("training") < text.index("sampling")
    assert "sampling" not in text[text.rindex("1/2 iterations") :]
