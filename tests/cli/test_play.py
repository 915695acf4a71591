"""The moves that `play` shows and names, and where `analyze` says that a game is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from terminal import terminal

from engine.cli.game.move_list import move_columns, near_moves, order_moves
from engine.registry import load_game


def moves_of(game: str, position: str = "") -> list[str]:
    state = load_game(game).parse(position)
    return [state.action_text(action) for action in state.legal_actions()]


@pytest.mark.parametrize(
    "game", ["go", "go:size=9", "go:size=25", "chess", "othello", "tictactoe", "gardner"]
)
@pytest.mark.parametrize("width", [1, 10, 79, 80, 200])
def test_every_move_is_in_the_columns(game: str, width: int) -> None:
    moves = moves_of(game)
    lines = move_columns(moves, width)
    shown = [move for line in lines for move in line.split()]
    assert sorted(shown) == sorted(moves)
    assert max(map(len, lines)) <= max(width, max(map(len, moves)))
    if "pass" in moves:
        assert lines[0] == "pass"


def test_rows_of_a_board_are_lines() -> None:
    lines = move_columns(moves_of("go:size=5"), 80)
    assert lines == [
        "pass",
        "A5  B5  C5  D5  E5",
        "A4  B4  C4  D4  E4",
        "A3  B3  C3  D3  E3",
        "A2  B2  C2  D2  E2",
        "A1  B1  C1  D1  E1",
    ]


def test_words_come_first_where_there_are_places() -> None:
    assert order_moves(["a1", "b1", "pass"]) == ["pass", "a1", "b1"]
    assert order_moves(["rock", "paper"]) == ["rock", "paper"]
    assert move_columns(["rock", "paper"], 80) == ["rock   paper"]


@pytest.mark.parametrize(
    ("game", "text", "near"),
    [
        ("go:size=9", "pas", ["pass"]),
        ("go:size=9", "PASS", ["pass"]),
        ("go:size=9", "E", ["E9", "E8", "E7", "E6", "E5", "E4"]),
        ("chess", "e2e5", ["e2e4", "e2e3"]),
        ("chess", "E2E4", ["e2e4"]),
        ("connect4", "9", []),
        ("othello", "d3x", ["d3"]),
    ],
)
def test_near_moves(game: str, text: str, near: list[str]) -> None:
    assert near_moves(text, moves_of(game)) == near


def test_play_shows_all_moves_of_go() -> None:
    with terminal("play", "mcts:5", "--game", "go:size=9") as shown:
        screen = shown.screen
        screen.expect("pass\r\n")
        screen.expect(r"your move \(one of 82\): ")
        assert {f"{column}{row}" for column in "ABCDEFGHJ" for row in range(1, 10)} == set(
            screen.before.split()
        )
        screen.sendline("pas")
        screen.expect("near it: pass; a move, or: show")
        screen.expect(r"your move \(one of 82\): ")
        assert "A9" not in screen.before
        screen.sendline("moves")
        screen.expect("A9  B9")
        screen.expect("your move")
        screen.sendline("pass")
        screen.expect("plays")
        screen.expect("pass\r\n|you |a draw")
        screen.sendline("quit")
        shown.end()
        assert shown.process.returncode == 0


@pytest.mark.parametrize(
    ("game", "request_", "wanted"),
    [
        ("connect4", {"moves": "1 2 1 2 1 2 1"}, "over after the 7 moves 1 2 1 2 1 2 1; there"),
        ("connect4", {"moves": list("1212121")}, "over after the 7 moves 1 2 1 2 1 2 1; there"),
        ("connect4", {"position": "1212121"}, "over in position '1212121'; there"),
        (
            "connect4",
            {"position": "12121", "moves": "2 1"},
            "over after the 2 moves 2 1 from position '12121'; ",
        ),
        (
            "connect4",
            {"position": "121212", "moves": "1"},
            "over after the move 1 from position '121212'; there",
        ),
        ("chess", {"moves": "f3 e5 g4 Qh4#"}, "over after the 4 moves f3 e5 g4 Qh4#; there"),
        ("go:size=5", {"moves": ["pass", "pass"]}, "over after the 2 moves pass pass; there"),
        ("tictactoe", {"moves": "1 2 4 5 7"}, "over after the 5 moves 1 2 4 5 7; there"),
        ("connect4", {"moves": "7 " * 6 + "6 " * 6 + "1 3 1 3 1 3 1"}, "19 moves … "),
    ],
)
def test_analyze_names_what_ended_the_game(
    ask: Callable[..., list[dict[str, Any]]], game: str, request_: dict[str, Any], wanted: str
) -> None:
    (answer,) = ask("analyze", "mcts:5", "--game", game, requests=[request_])
    assert wanted in answer["error"]
