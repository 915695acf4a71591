"""The commands arena, analyze and play, in real processes; players that need no training."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interrupt import interrupt
from terminal import terminal

Run = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., list[dict[str, Any]]]


def test_a_match_as_json(selfplay: Run) -> None:
    words = ["arena", "mcts:200", "random", "--games", "40", "--seed", "3", "--threads", "2", "--json"]
    done = selfplay(*words)
    assert done.returncode == 0
    document = json.loads(done.stdout)
    match = document["matches"][0]
    assert (match["first"], match["second"], match["games"]) == ("mcts:200", "random", 40)
    assert match["wins"] + match["draws"] + match["losses"] == 40
    assert match["wins"] >= 38
    assert sum(match["pentanomial"]) == 20
    assert match["distinct_games"] >= 30
    assert match["elo_low"] > 200
    assert document["game"] == "connect4"
    assert selfplay(*words).stdout == done.stdout


def test_a_round_robin_as_tables(selfplay: Run) -> None:
    done = selfplay("arena", "mcts:100", "random", "mcts:10", "--games", "20")
    assert done.returncode == 0
    assert "mcts:100 - random" in done.stdout
    ratings = done.stdout[done.stdout.index("player") :]
    assert ratings.index("mcts:100") < ratings.index("mcts:10 ") < ratings.index("random")


def test_openings_from_a_file(selfplay: Run, refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "openings.txt"
    path.write_text("44\n45\n4453\n")
    document = json.loads(
        selfplay("arena", "random", "mcts:10", "--games", "6", "--openings", str(path), "--json").stdout
    )
    assert document["openings"] == 3
    assert "--games 6 or fewer" in refused("arena", "random", "mcts:10", "--openings", str(path))


def test_sprt_stops_and_says_why(selfplay: Run) -> None:
    done = selfplay("arena", "mcts:200", "random", "--games", "2000", "--sprt", "0,100", "--json")
    match = json.loads(done.stdout)["matches"][0]
    assert match["sprt"]["state"] == "accept elo1"
    assert match["games"] < 2000


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["random"], ["'random'", "two players"]),
        (["random", "nosuch"], ["'nosuch' does not exist", "mcts:SIMS"]),
        (["random", "mcts:x"], ["'mcts:x'"]),
        (["random", "uci:nosuch --fast"], ["no program 'nosuch'", "PATH"]),
        (["random", "gtp:"], ["gtp:PROGRAM"]),
        (["random", "mcts:5; time=x"], ["time control 'x'"]),
        (["random", "random", "--games", "7"], ["--games 7 is odd"]),
        (["random", "random", "--games", "0"], ["--games", "'0'"]),
        (["random", "random", "--sims", "0"], ["--sims", "'0'"]),
        (["random", "random", "mcts:3"], ["each player once"]),
        (["random", "mcts:3", "--opening-plies", "x-3"], ["'x-3'", "A-B"]),
        (["random", "mcts:3", "--opening-plies", "5-3"], ["5 is above 3"]),
        (["random", "mcts:3", "--opening-plies", "4000"], ["'4000'"]),
        (["random", "mcts:3", "--sprt", "5"], ["'5'", "0,10"]),
        (["random", "mcts:3", "--sprt", "nan,10"], ["nan,10", "finite"]),
        (["random", "mcts:3", "--sprt", "10,0"], ["lower one first"]),
        (["random", "mcts:3", "mcts:4", "--sprt", "0,10"], ["two players"]),
        (["random", "mcts:3", "--openings", "nosuch.txt"], ["nosuch.txt"]),
        (["random", "mcts:3", "--game", "chss"], ["unknown game 'chss'"]),
    ],
)
def test_a_bad_match_is_refused(refused: Callable[..., str], words: list[str], wanted: list[str]) -> None:
    line = refused("arena", *words)
    for text in wanted:
        assert text in line


def test_ctrl_c_ends_a_match_cleanly() -> None:
    interrupt("arena", "mcts:100000", "mcts:100000", "--games", "100")


def test_analyze_answers_in_order(ask: Ask) -> None:
    requests = [
        {"id": 1, "simulations": 50},
        {"id": 2, "position": "121212", "simulations": 300},
        {"id": 3, "position": "1212121"},
        {"id": 4, "position": "9"},
        {"id": 5, "simulations": 0},
        {"id": 6, "sims": 3},
        {"id": 7, "position": "12", "moves": ["1", "2"]},
    ]
    empty, winning, over, bad, none, unknown, default = ask("analyze", "mcts:100", requests=requests)
    assert set(empty) == {"id", "best", "value", "wdl", "visits", "prior", "pv", "simulations"}
    assert (empty["id"], empty["simulations"]) == (1, 50)
    assert sum(empty["visits"].values()) == 49
    assert sum(empty["prior"].values()) == pytest.approx(1)
    assert sum(winning["wdl"]) == pytest.approx(1)
    assert winning["best"] == winning["pv"][0] == "1"
    assert winning["value"] > 0.5
    assert "over" in over["error"]
    assert "'9'" in bad["error"]
    assert "simulations 0" in none["error"]
    assert "unknown field 'sims'" in unknown["error"]
    assert (default["id"], default["simulations"]) == (7, 100)


def test_analyze_asks_whoever_plays(ask: Ask) -> None:
    (exact,) = ask("analyze", "solver", requests=[{"id": 1, "position": "121212"}])
    assert (exact["best"], exact["value"], exact["simulations"]) == ("1", 1.0, 0)
    (drawn,) = ask("analyze", "random", "--game", "tictactoe", requests=[{"id": 1, "moves": "1 2 3"}])
    assert drawn["best"] in {"4", "5", "6", "7", "8", "9"}


def test_analyze_answers_each_line_as_it_comes() -> None:
    words = [sys.executable, "-m", "engine.cli", "analyze", "mcts:10"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        for number in range(3):
            service.stdin.write(b'{"id": %d}\n' % number)
            service.stdin.flush()
            assert json.loads(service.stdout.readline())["id"] == number
        service.stdin.close()
        assert service.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["analyze", "radnom"], "'radnom' does not exist"),
        (["analyze", "nosuch"], "'nosuch' does not exist"),
        (["analyze", "mcts:5", "--sims", "0"], "'0'"),
        (["play", "solver", "--game", "chess"], "'chess' has no exact solver"),
        (["play", "gtp:nosuch"], "no program 'nosuch'"),
        (["play", "mcts:5", "--position", "8"], "'8'"),
        (["play", "mcts:5", "--position", "1212121"], "over"),
    ],
)
def test_a_bad_player_is_refused(refused: Callable[..., str], words: list[str], wanted: str) -> None:
    assert wanted in refused(*words)


def test_play_in_a_terminal() -> None:
    with terminal("play", "mcts:500", "--show", "--position", "121212") as shown:
        screen = shown.screen
        screen.expect("your move")
        screen.sendline("8")
        screen.expect("'8' is not a column from 1 to 7; a move, or: show")
        screen.sendline("undo")
        screen.expect("nothing to take back")
        screen.sendline("show")
        screen.expect("500 simulations, value .* for the player to move")
        screen.expect("line: 1")
        screen.sendline("7")
        screen.expect("plays 2")
        screen.expect("you lose")
        shown.end()
        assert shown.process.returncode == 0


def test_play_can_be_won_undone_and_left(selfplay: Run) -> None:
    won = selfplay("play", "mcts:5", "--position", "121212", stdin="1\n")
    assert "you win" in won.stdout
    left = selfplay("play", "mcts:5", "--second", stdin="quit\n")
    assert "plays" in left.stdout
    assert left.stdout.rstrip().endswith("bye")
    undone = selfplay("play", "mcts:5", stdin="4\nundo\nquit\n")
    empty = ". . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n. . . . . . .\n"
    assert undone.stdout.count(empty) == 2


def test_ctrl_c_at_the_prompt() -> None:
    with terminal("play", "mcts:5") as shown:
        shown.screen.expect("your move")
        shown.process.send_signal(signal.SIGINT)
        assert "Traceback" not in shown.end()
        assert shown.process.returncode == 130


def test_a_match_shows_a_bar_on_a_terminal() -> None:
    with terminal("arena", "mcts:300", "random", "--games", "200") as shown:
        shown.screen.expect("arena")
        shown.screen.expect("200/200 games")
        shown.screen.expect("LOS")
        shown.end()
        assert shown.process.returncode == 0
