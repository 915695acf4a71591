"""`selfplay uci` as a process: its streams, its end, and what else prints."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

END_S = 10.0
"""For a process to end once it is to; far more than the second that it takes, for a busy machine."""

Engine = subprocess.Popen[bytes]


def lines_until(engine: Engine, start: str) -> list[str]:
    assert engine.stdout is not None
    lines = []
    while not lines or not lines[-1].startswith(start):
        line = engine.stdout.readline()
        assert line, lines
        lines.append(line.decode().rstrip("\n"))
    return lines


def say(engine: Engine, *lines: str) -> None:
    assert engine.stdin is not None
    engine.stdin.write("".join(line + "\n" for line in lines).encode())
    engine.stdin.flush()


@pytest.fixture
def start() -> Iterator[Callable[..., Engine]]:
    engines = []

    def run(*words: str, **options: Any) -> Engine:
        engine = subprocess.Popen(
            [sys.executable, "-m", "engine.cli", "uci", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"}, **options,
        )  # fmt: skip
        engines.append(engine)
        return engine

    yield run
    for engine in engines:
        engine.kill()
        engine.communicate()


def test_options_choose_game_and_limits(selfplay: Callable[..., Any]) -> None:
    done = selfplay(
        "uci",
        "mcts:50",
        "--game",
        "gardner",
        "--sims",
        "7",
        "--threads",
        "2",
        stdin="uci\ngo depth 9\nquit\n",
    )
    assert done.returncode == 0, done.stderr
    for line in ("UCI_Variant type combo default gardner ", "Simulations type spin default 7 ",
                 "Threads type spin default 2 "):  # fmt: skip
        assert f"option name {line}" in done.stdout
    done = selfplay("uci", "mcts:50", stdin="uci\n")
    assert "option name Simulations type spin default 50 " in done.stdout
    assert "UCI_Variant type combo default chess " in done.stdout


@pytest.mark.parametrize("words", [("random", "--game", "go:size=5"), ("solver", "--game", "connect4")])
def test_a_game_that_is_not_written_so_is_refused(
    refused: Callable[..., str], words: tuple[str, ...]
) -> None:
    assert "is not written as UCI has it" in refused("uci", *words, stdin="uci\n")


@pytest.mark.parametrize("ending", ["quit", ""])
@pytest.mark.parametrize(
    "searching", ["", "go infinite", "go ponder wtime 100 btime 100", "go nodes 1000000000"]
)
def test_quit_and_the_end_of_input_end_it(start: Callable[..., Engine], ending: str, searching: str) -> None:
    engine = start("mcts:100")
    say(engine, "isready", *filter(None, [searching]))
    lines_until(engine, "readyok")
    began = time.monotonic()
    out, err = engine.communicate(f"{ending}\n".encode() if ending else b"", timeout=END_S)
    assert time.monotonic() - began < END_S
    assert engine.returncode == 0
    assert err == b""
    assert out.decode().count("bestmove ") == bool(searching)


def test_all_that_was_asked_is_answered_before_the_end(selfplay: Callable[..., Any]) -> None:
    done = selfplay("uci", "mcts:100", stdin="position startpos moves e2e4\ngo nodes 20\nisready")
    assert done.returncode == 0
    assert done.stdout.count("bestmove ") == 1
    assert done.stdout.count("readyok") == 1


def test_lines_end_as_the_client_likes(selfplay: Callable[..., Any]) -> None:
    done = selfplay("uci", "random", stdin="uci\r\nisready\r\nposition startpos\r\ngo nodes 1\r\nquit\r\n")
    assert done.stdout.count("uciok\n") == done.stdout.count("readyok\n") == 1
    assert "\r" not in done.stdout


def test_binary_input_is_survived(selfplay: Callable[..., Any]) -> None:
    rubbish = bytes(range(256)) * 40 + b"\n" + b"\xff\xfe\x00" * 1000 + b"\n"
    long = b"position startpos moves " + b"e2e4 " * 300_000 + b"\n"
    done = selfplay("uci", "random", stdin=rubbish + long + b"\nisready\ngo nodes 1\nquit\n")
    assert done.returncode == 0
    assert done.stdout.count("readyok\n") == 1
    assert done.stdout.count("bestmove ") == 1


LOUD = """
    import time

    import numpy as np

    from engine.game import PythonGame, PythonState


    class Line(PythonState):
        # Five cells, whoever fills the last has won.
        def __init__(self):
            self.left = list(range(5))

        def player(self):
            return len(self.left) % 2 == 0

        def legal_actions(self):
            print("thinking about my rules")
            time.sleep({pause})
            return self.left

        def play(self, action):
            self.left = [cell for cell in self.left if cell != action]

        def outcome(self):
            return None if self.left else -1.0

        def encode(self):
            return np.ones((1, 1, 5), np.float32)


    class Mine(PythonGame):
        uci_variant = "mine"

        def __init__(self):
            super().__init__(name="mine", num_actions=5, planes_shape=(1, 1, 5), max_plies=5)

        def start(self):
            return Line()
"""


@pytest.mark.parametrize("pause", ["0", "0.05"])
def test_a_game_of_ones_own_that_prints_and_dawdles(
    start: Callable[..., Engine], tmp_path: Path, pause: str
) -> None:
    (tmp_path / "own.py").write_text(textwrap.dedent(LOUD.format(pause=pause)))
    engine = start("mcts:1000000", "--game", f"{tmp_path / 'own.py'}:Mine")
    say(engine, "uci", "isready", "position startpos moves 0", "go movetime 100")
    heard = lines_until(engine, "bestmove")
    assert not any("rules" in line for line in heard)
    assert "option name UCI_Variant type combo default mine var mine" in heard
    assert heard[-1].split()[1] in "1234"
    say(engine, "go infinite", "isready")
    lines_until(engine, "readyok")
    out, err = engine.communicate(timeout=END_S)
    assert out.decode().count("bestmove") == 1
    assert b"thinking about my rules" in err
    assert engine.returncode == 0


def test_a_client_that_has_gone_ends_it(start: Callable[..., Engine]) -> None:
    engine = start("mcts:100")
    say(engine, "isready")
    lines_until(engine, "readyok")
    assert engine.stdout is not None
    engine.stdout.close()
    say(engine, "go nodes 10", "uci", "quit")
    engine.stdout = None
    engine.communicate(timeout=END_S)
    assert engine.returncode == 0


def test_a_player_that_does_not_exist_is_refused(refused: Callable[..., str]) -> None:
    assert "does not exist" in refused("uci", "/nowhere/run", stdin="uci\n")
