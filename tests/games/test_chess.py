"""Chess from Python: perft, positions and the rules service; the games are in test_python_chess.py."""

from __future__ import annotations

import re
from typing import Any

import chess
import pytest

from engine._core import ChessState
from engine.errors import InputError
from engine.registry import load_game


def state_of(game: str, position: str = "") -> ChessState:
    state = load_game(game).parse(position)
    assert isinstance(state, ChessState)
    return state


@pytest.mark.parametrize(
    ("position", "depth", "paths"),
    [
        ("", 4, 197_281),
        ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 3, 97_862),
        ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", 5, 674_624),
        ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", 3, 9_467),
    ],
)
def test_perft(position: str, depth: int, paths: int) -> None:
    assert state_of("chess", position).perft(depth) == paths


def test_moves_follow_a_fen() -> None:
    state = state_of("chess", f"{chess.STARTING_FEN} moves e2e4 e7e5 Nf3")
    board = chess.Board()
    for move in ("e4", "e5", "Nf3"):
        board.push_san(move)
    assert state.fen() == board.fen(en_passant="legal")


KINGS = "4k3/8/8/8/8/8/8/4K3"


@pytest.mark.parametrize(
    ("position", "field"),
    [
        ("8/8/8/8/8/8/8/8 w - - 0 1", "placement"),
        ("4k3/8/8/8/8/8/8/8 w - - 0 1", "placement"),
        ("4k3/8/8/8/8/8/8/4KK2 w - - 0 1", "placement"),
        ("4k2k/8/8/8/8/8/8/4K3 w - - 0 1", "placement"),
        ("kK6/8/8/8/8/8/8/8 w - - 0 1", "placement"),
        ("4k3/8/8/8/8/8/4R3/4K3 w - - 0 1", "placement"),
        ("4k3/8/8/8/8/8/4r3/4K3 b - - 0 1", "placement"),
        ("4k3/8/8/8/8/8/8/P3K3 w - - 0 1", "placement"),
        ("p3k3/8/8/8/8/8/8/4K3 w - - 0 1", "placement"),
        ("4k3/8/8/8/8/8/8/p3K3 w - - 0 1", "placement"),
        ("4k3/9/8/8/8/8/8/4K3 w - - 0 1", "placement"),
        ("4k3/44/8/8/8/8/8/4K3 w - - 0 1", "placement"),
        ("4k3/8/8/8/8/8/4K3 w - - 0 1", "placement"),
        ("4k3/PPPPPPPP/P7/8/8/8/8/4K3 w - - 0 1", "placement"),
        ("4k3/pppppppp/8/8/8/8/8/qq2K3 w - - 0 1", "placement"),
        (f"{KINGS} x - - 0 1", "side to move"),
        ("4k3/8/8/8/8/8/8/4K2R w Q - 0 1", "castling"),
        ("4k3/8/8/8/8/8/4K3/7R w K - 0 1", "castling"),
        ("4k3/8/8/8/8/8/8/4K2R w KK - 0 1", "castling"),
        ("4k3/8/8/8/8/8/8/4K2R w x - 0 1", "castling"),
        ("4k3/8/8/8/8/8/8/4K1R1 w K - 0 1", "castling"),
        ("4k3/8/8/8/8/8/8/4K2r w K - 0 1", "castling"),
        (f"{KINGS} w - e3 0 1", "en passant"),
        (f"{KINGS} w - e6 0 1", "en passant"),
        ("4k3/8/8/3Pp3/8/8/8/4K3 b - e6 0 1", "en passant"),
        ("4k3/4p3/8/3Pp3/8/8/8/4K3 w - e6 0 1", "en passant"),
        ("4k3/8/4n3/3Pp3/8/8/8/4K3 w - e6 0 1", "en passant"),
        (f"{KINGS} w - z9 0 1", "en passant"),
        (f"{KINGS} w - - a 1", "half-move clock"),
        (f"{KINGS} w - - 99999 1", "half-move clock"),
        (f"{KINGS} w - - 0 -1", "move number"),
        (f"{KINGS} w - - 0 1000000", "move number"),
        (f"{KINGS} w -", "4 to 6 fields"),
    ],
)
def test_wrong_positions_are_refused_by_their_field(position: str, field: str) -> None:
    for game in ("chess", "chess960"):
        if game == "chess960" and "4K1R1" in position:
            continue  # its K names any rook on the king's side
        with pytest.raises(InputError, match=rf"FEN '{re.escape(position[:20])}.*{field}"):
            state_of(game, position)


@pytest.mark.parametrize("position", ["e2e4 e2e4", "ß" * 5000, "moves Nf3 Nf3"])
def test_wrong_moves_are_refused(position: str) -> None:
    with pytest.raises(InputError, match=position[:5]):
        state_of("chess", position)


def count_replies(board: chess.Board, move: chess.Move) -> int:
    after = board.copy()
    after.push(move)
    return after.legal_moves.count()


def test_the_rules_service_answers_for_chess(ask: Any) -> None:
    answers = ask(
        "rules", "chess",
        requests=[
            {"id": 1, "position": "", "moves": ["e4", "e7e5"], "perft": 2},
            {"id": 2, "position": "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1"},
            {"id": 3, "position": "7k/8/8/8/8/8/8/8 b - - 0 1"},
        ],
    )  # fmt: skip
    board = chess.Board()
    board.push_san("e4")
    board.push_san("e5")
    assert answers[0]["nodes"] == sum(count_replies(board, move) for move in board.legal_moves)
    assert answers[0]["fen"] == "rnbqkbnr/pppp1ppp/8/4p3/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 2"
    assert (answers[1]["terminal"], answers[1]["outcome"]) == (True, 0)
    assert "error" in answers[2]
