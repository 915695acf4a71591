"""Lines, numbers, comments and control characters of GTP 2, sections 2.5 and 2.6; whole processes."""

from __future__ import annotations

import fcntl
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import pytest
from gtp_client import Client

from engine.protocols.line_reader import MAX_LINE


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("protocol_version", "= 2"),
        ("17 protocol_version", "=17 2"),
        ("0 protocol_version", "=0 2"),
        ("  1\tprotocol_version  ", "=1 2"),
        ("1 protocol_version # 3 name", "=1 2"),
        ("protocol_\x07version\x00", "= 2"),
        ("protocol_version\r", "= 2"),
        ("", ""),
        ("   \t ", ""),
        ("# a comment", ""),
        ("12 # a number alone", "?12 unknown command"),
        ("9 no_such_command", "?9 unknown command"),
        ("-1 name", "? unknown command"),
        ("99999999999 name", "? unknown command"),
        ("NAME", "? unknown command"),
        ("\ufffd\ufffd", "? unknown command"),
        ("known_command genmove", "= true"),
        ("known_command no_such_command", "= false"),
        ("known_command", "= false"),
        ("5 known_command name", "=5 true"),
        ("name", "= Selfplay"),
        ("version", "= 1.0"),
        ("version with arguments that nobody reads", "= 1.0"),
    ],
)
def test_a_line_is_answered(line: str, answer: str) -> None:
    assert Client().ask(line) == answer


def test_every_command_that_is_listed_is_known() -> None:
    client = Client()
    names = client.ok("list_commands").split("\n")
    assert {"play", "genmove", "undo", "quit"} <= set(names)
    assert all(client.ok(f"known_command {name}") == "true" for name in names)


def test_an_oversized_line_is_refused_and_the_position_stays() -> None:
    client = Client()
    client.ok("play b C3")
    before = client.ok("showboard")
    for line in ("x" * MAX_LINE, "7 play w " + "D4" * 100_000, "7 play q " + "D4 " * 100_000):
        assert client.ask(line).startswith("?")
    assert client.ok("showboard") == before


def test_a_dialogue_of_a_process(selfplay: Callable[..., Any]) -> None:
    lines = "1 name\n\n# nothing\nplay b 1\n2 genmove w\nfoo\nshowboard\n3 quit\nname\n"
    done = selfplay("gtp", "mcts:30", "--game", "connect4", stdin=lines)
    assert (done.returncode, done.stderr) == (0, "")
    first, played, chosen, unknown, drawn, ended, rest = done.stdout.split("\n\n")
    assert (first, played, unknown, ended, rest) == ("=1 Selfplay", "=", "? unknown command", "=3", "")
    assert chosen.removeprefix("=2 ") in list("1234567")
    assert "X" in drawn


def test_binary_and_a_line_without_end(selfplay: Callable[..., Any]) -> None:
    data = bytes(range(256)) + b"\n" + b"\xff\xfe\n1 name\n" + b"z" * (MAX_LINE + 9) + b"\n2 name"
    done = selfplay("gtp", "random", "--game", "go:size=5", stdin=data)
    assert done.returncode == 0
    answers = done.stdout.split("\n\n")
    assert "=1 Selfplay" in answers
    assert answers[-2:] == ["=2 Selfplay", ""]
    assert any("longer than" in answer for answer in answers)


def test_a_reader_that_has_gone_ends_it() -> None:
    command = f"yes name | head -n 200000 | '{sys.executable}' -m engine.cli gtp random | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "= Selfplay\n"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["kata-analyze b 1", "kata-genmove_analyze b 1"])
@pytest.mark.parametrize("end", ["quit\n", ""])
def test_a_client_that_reads_nothing_can_still_end_it(command: str, end: str) -> None:
    """Reports have filled the pipe, so the thread that writes them waits for ever."""
    words = ["-m", "engine.cli", "gtp", "mcts:1000000", "--game", "go:size=9"]
    process = subprocess.Popen([sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin, process.stdout:
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        process.stdin.write(f"{command}\n".encode())
        process.stdin.flush()
        try:
            before = 0
            while not before or _unread(process.stdout.fileno()) > before:
                assert process.poll() is None
                before = _unread(process.stdout.fileno())
                time.sleep(0.5)
            process.stdin.write(end.encode())
            process.stdin.close()
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def _unread(descriptor: int) -> int:
    """Bytes that wait in a pipe."""
    waiting: int = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0]
    return waiting
