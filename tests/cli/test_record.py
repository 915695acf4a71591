"""The command `record`, in real processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GO = "(;GM[1]SZ[5]RU[Chinese]KM[0.5]RE[B+R]PB[\x1b];B[cc];W[];B[])"
BAD_GO = "(;SZ[5]RU[Chinese]KM[0];B[cc];W[cc])"


@pytest.fixture
def record_file(tmp_path: Path) -> Callable[..., str]:
    def make(content: str | bytes, name: str = "game.sgf") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return make


def test_a_go_game_is_answered(selfplay: Any, record_file: Any) -> None:
    file = record_file(GO)
    done = selfplay("record", file, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (found["file"], found["number"], found["warnings"]) == (file, 1, [])
    assert (found["score"], found["result"], found["written_result"]) == (24.5, "B+24.5", "B+R")
    shown = selfplay("record", file).stdout
    assert "3 . . X . ." in shown
    assert "\x1b" not in shown


def test_a_chess_game_is_answered(selfplay: Any, record_file: Any) -> None:
    done = selfplay("record", record_file("1. f3 e5 2. g4 Qh4# 0-1", "GAME.PGN"), "--json")
    found = json.loads(done.stdout)
    assert found["fen"] == "rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3"
    assert (found["result"], found["outcome"]) == ("0-1", -1)


def test_a_collection_is_answered_game_by_game(selfplay: Any, refused: Any, record_file: Any) -> None:
    file = record_file(GO + BAD_GO + "(;SZ[9])")
    done = selfplay("record", file, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert "ply 2 W[cc]" in lines[1]["error"]
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert "1 of 3 games are refused, game 2: ply 2" in done.stderr
    assert json.loads(selfplay("record", file, "--json", "--game", "1").stdout)["number"] == 1
    assert "game 2: ply 2" in refused("record", file, "--game", "2")
    assert "has no game 4; it has 3" in refused("record", file, "--game", "4")


def test_warnings_go_to_stderr(selfplay: Any, record_file: Any) -> None:
    done = selfplay("record", record_file("(;RU[Mine]KM[0])"), "--json")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: ")
    assert "unknown rules RU[Mine]" in done.stderr
    assert json.loads(done.stdout)["warnings"] == ["unknown rules RU[Mine]: read as japanese"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (BAD_GO, "a.sgf", "game 1: ply 2 W[cc]: move 'C3' is illegal: the point is occupied"),
        ("1. e4 e5 2. Ke3", "a.pgn", "game 1: line 1, ply 3 (2. Ke3): move 'Ke3' is illegal here"),
        ("", "a.sgf", "no game"),
        ("", "a.pgn", "no game"),
        (os.urandom(1000), "a.sgf", "a.sgf"),
        ("(;GM[2])", "a.sgf", "GM[2]"),
        ("(;C[\n\nx", "a.sgf", "has no end"),
        ("x", "a.txt", "known suffixes: .pgn, .sgf"),
    ],
)
def test_a_bad_file_is_one_line(
    refused: Any, record_file: Any, content: Any, name: str, message: str
) -> None:
    line = refused("record", record_file(content, name), "--json")
    assert message in line
    assert len(line) < 500


def test_what_is_no_file_is_one_line(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "folder.sgf").mkdir()
    os.mkfifo(tmp_path / "pipe.sgf")
    with open(tmp_path / "large.pgn", "wb") as file:
        file.truncate(100 << 20)
    assert "is not a file" in refused("record", str(tmp_path / "folder.sgf"))
    assert "is not a file" in refused("record", str(tmp_path / "pipe.sgf"))
    assert "No such file" in refused("record", str(tmp_path / "missing.sgf"))
    assert "more than 16 MiB" in refused("record", str(tmp_path / "large.pgn"))
