"""GoGui's analyze menu: every command that it lists works and has the format of its type."""

from __future__ import annotations

import re

import pytest
from gogui import Board, answer
from gtp_client import Client

POINT = r"(?:[A-HJ-Z][1-9][0-9]?|pass)"
GRAPHICS = re.compile(
    rf"(?:COLOR #[0-9a-f]{{6}}(?: {POINT})+|LABEL(?: {POINT} \S+)+|TEXT .+)"
)  # fmt: skip


def check(kind: str, text: str, board: Board) -> None:
    """As GoGui reads an answer of this type."""
    if kind == "dboard":
        rows = [[float(word) for word in line.split()] for line in text.strip().split("\n")]
        assert [len(row) for row in rows] == [board.size] * board.size
        assert all(-1 <= value <= 1 for row in rows for value in row)
    elif kind == "sboard":
        assert [len(line.split()) for line in text.strip().split("\n")] == [board.size] * board.size
    elif kind == "gfx":
        assert all(GRAPHICS.fullmatch(line) for line in text.split("\n")), text
    elif kind == "pspairs":
        words = text.split()
        assert len(words) % 2 == 0
        assert all(word in board.points for word in words[::2])
    elif kind == "var":
        assert re.fullmatch(rf"(?:[bw] {POINT} ?)+", text)
        assert text[0] == board.to_move()[0]
    elif kind == "param":
        assert all(re.fullmatch(r"\[(bool|string)\] \w+ \S+", line) for line in text.strip().split("\n"))
    elif kind == "string":
        assert "\n" not in text
        assert text.split()[0].lower() == board.to_move()
    else:
        assert (kind, text) == ("none", "")


@pytest.mark.parametrize(
    "game", ["go:size=5", "connect4", "chess", "othello", "tictactoe", "nim", "go:size=4x3"]
)
@pytest.mark.parametrize("begun", [False, True])
def test_every_command_of_the_menu_works(game: str, begun: bool) -> None:
    client = Client(game, "mcts:30")
    board = Board(client)
    if begun:
        board.click(board.legal()[0])
    known = client.ok("list_commands").split("\n")
    menu = [line.split("/") for line in answer(client, "gogui-analyze_commands").strip().split("\n")]
    assert len(menu) >= 8
    assert all(len(line) == 3 and line[2] in known for line in menu)
    assert any(line[2] == "gogui-ownership" for line in menu) == client.session.game.has_score
    steps = len(client.session.history.steps)
    for kind, _, command in menu:
        check(kind, answer(client, command), board)
    assert len(client.session.history.steps) == steps


def test_the_policy_is_drawn_where_moves_are_clicked_and_in_their_color() -> None:
    client = Client("connect4", "random")
    board = Board(client)

    def policy() -> list[list[float]]:
        text = answer(client, "gogui-policy").strip()
        return [[float(word) for word in line.split()] for line in text.split("\n")]

    assert policy()[-1] == pytest.approx([1 / 7] * 7, abs=1e-3)
    assert not any(map(any, policy()[:-1]))
    board.click("D1")
    assert policy()[-2] == pytest.approx([0, 0, 0, -1 / 7, 0, 0, 0], abs=1e-3)
    chess = Client("chess", "random")
    board = Board(chess)
    squares = answer(chess, "gogui-policy").strip().split("\n")
    assert float(squares[-1].split()[1]) == pytest.approx(-2 / 20, abs=1e-3)  # two moves of the knight on B1
    board.click("B1")
    squares = answer(chess, "gogui-policy").strip().split("\n")
    assert float(squares[5].split()[0]) == pytest.approx(-1 / 20, abs=1e-3)  # A3


def test_settings_are_changed_from_the_dialogue() -> None:
    client = Client("connect4", "mcts:30")
    client.ok("gogui-param maxVisits 7")
    assert "[string] maxVisits 7" in client.ok("gogui-param")
    client.ok("gogui-param ponderingEnabled 1")
    assert "[bool] ponderingEnabled 1" in client.ok("gogui-param")
    assert "maxVisits 'x'" in client.refused("gogui-param maxVisits x")


def test_nothing_is_drawn_of_a_finished_game() -> None:
    client = Client("tictactoe", "mcts:30")
    for color, move in zip("bwbwb", "14253", strict=True):
        client.ok(f"play {color} {move}")
    for name in ("best_moves", "visits", "policy", "principal_variation", "value"):
        assert client.refused(f"gogui-{name}") == "the game is over"
