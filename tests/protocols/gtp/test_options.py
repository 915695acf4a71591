"""Options of `selfplay gtp`, and a client that leaves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gtp_client import Engine

ENDLESS = ["gtp", "mcts:10000000", "--game", "go:size=9"]


@pytest.fixture
def engine() -> Iterator[Callable[..., Engine]]:
    started: list[Engine] = []

    def start(*words: str) -> Engine:
        started.append(Engine(sys.executable, "-m", "engine.cli", *words))
        return started[-1]

    yield start
    for each in started:
        each.end()


def test_options_choose_player_and_game(selfplay: Callable[..., Any]) -> None:
    moves = [
        selfplay("gtp", *words.split(), stdin="genmove b\n").stdout
        for words in (
            "connect4:pretrained --sims 1",
            "connect4:pretrained --sims 400 --threads 2",
            "random --game tictactoe",
        )
    ]
    assert moves[1] == "= 4\n\n"
    assert all(move.startswith("= ") for move in moves)


def test_options_of_time_and_memory(selfplay: Callable[..., Any]) -> None:
    """Ten million simulations end by the clock; what is found is told."""
    words = ["mcts:10000000", "--game", "go:size=5", "--time", "0.3/move", "--lag", "0.1", "--memory", "64"]
    said = selfplay("gtp", *words, stdin="genmove b\ngomill-explain_last_move\n").stdout
    seconds = float(said.split(" s,")[0].rsplit(" ", 1)[1])
    assert 0.1 < seconds < 100


def test_the_version_that_is_asked_for(selfplay: Callable[..., Any]) -> None:
    assert selfplay("gtp", "random", "--answer-version", "0.16", stdin="version\n").stdout == "= 0.16\n\n"


def test_records_are_of_one_folder(selfplay: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.sgf").write_text("(;SZ[5]KM[6.5];B[cc];W[dd])")
    lines = "loadsgf a.sgf\nget_komi\nprintsgf b.sgf\nloadsgf b.sgf 2\n"
    words = "gtp", "random", "--game", "go:size=9", "--records", str(tmp_path)
    assert selfplay(*words, stdin=lines).stdout == "= black\n\n= 6.5\n\n=\n\n= white\n\n"
    assert "no folder" in selfplay(*words[:4], stdin=lines).stdout


def test_pondering_ends_at_any_command(engine: Callable[..., Engine]) -> None:
    one = engine("gtp", "mcts:200", "--game", "go:size=5", "--ponder")
    assert one.ask("genmove b").startswith("= ")
    time.sleep(0.2)
    assert one.ask("name") == "= Selfplay"
    assert one.ask("genmove w").startswith("= ")
    assert one.ask("7 quit") == "=7"
    assert one.process.wait(60) == 0


@pytest.mark.parametrize("how", ["quit", "end", "quit at once", "end at once"])
def test_a_client_that_leaves_during_a_search(engine: Callable[..., Engine], how: str) -> None:
    """Ten million simulations would take minutes."""
    one = engine(*ENDLESS)
    assert one.ask("name") == "= Selfplay"
    one.send("genmove b\n")
    if "at once" not in how:
        time.sleep(0.3)
    if "quit" in how:
        one.send("quit\n")
    else:
        one.input.close()
    start = time.monotonic()
    assert one.process.wait(60) == 0
    assert time.monotonic() - start < 30
    assert one.answer().startswith("= ")


def test_an_interrupt_ends_a_search(engine: Callable[..., Engine]) -> None:
    one = engine(*ENDLESS)
    one.send("1 genmove b\n")
    one.send("# interrupt\n")
    assert one.answer().startswith("=1 ")
    assert one.ask("2 name") == "=2 Selfplay"


def test_a_file_of_commands_is_worked_through(tmp_path: Path) -> None:
    """Its end is no client that leaves."""
    path = tmp_path / "commands"
    path.write_text("genmove b\ngomill-explain_last_move\nquit\n")
    with path.open() as file:
        done = subprocess.run(
            [sys.executable, "-m", "engine.cli", "gtp", "mcts:3000", "--game", "go:size=9"],
            stdin=file, capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
    assert "3000 simulations" in done.stdout
