"""Chess from Python: python-chess as the judge of legal moves, draws and notation on random games."""

from __future__ import annotations

import random
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


def judged_outcome(board: chess.Board, draws: str) -> float | None:
    """For the player to move, by the rules that the game is under."""
    if board.is_checkmate():
        return -1.0
    repeated, moves = (
        (board.is_fivefold_repetition(), 150) if draws == "fide" else (board.is_repetition(3), 100)
    )
    drawn = repeated or board.halfmove_clock >= moves or board.is_insufficient_material()
    return 0.0 if drawn or board.is_stalemate() else None


def walk(game: str, board: chess.Board, start: str, draws: str, source: random.Random, plies: int) -> int:
    """Play random moves, comparing at every ply; the plies played."""
    state = state_of(game, start)
    for ply in range(plies):
        outcome = state.outcome()
        where = (board.fen(), ply)
        assert outcome == judged_outcome(board, draws), where
        assert state.fen() == board.fen(en_passant="legal"), where
        if outcome is not None:
            return ply
        texts = {state.action_text(action): action for action in state.legal_actions()}
        moves = {board.uci(move): move for move in board.legal_moves}
        assert texts.keys() == moves.keys(), where
        text = source.choice(sorted(texts))
        assert state.san(texts[text]) == board.san(moves[text]), where
        assert state.parse_action(board.san(moves[text])) == texts[text], where
        state.play(texts[text])
        board.push(moves[text])
    return plies


@pytest.mark.parametrize("draws", ["threefold", "fide"])
def test_random_games(draws: str) -> None:
    source = random.Random(1)
    plies = sum(walk(f"chess:draws={draws}", chess.Board(), "", draws, source, 500) for _ in range(8))
    assert plies > 1000


def test_random_games_of_chess960() -> None:
    source = random.Random(2)
    for _ in range(8):
        number = source.randrange(960)
        board = chess.Board.from_chess960_pos(number)
        walk(f"chess960:start={number}", board, "", "threefold", source, 200)


@pytest.mark.slow
def test_many_random_games() -> None:
    source = random.Random(3)
    for _ in range(1500):
        walk("chess", chess.Board(), "", "threefold", source, 500)
        number = source.randrange(960)
        walk(f"chess960:start={number}", chess.Board.from_chess960_pos(number), "", "threefold", source, 300)


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


@pytest.mark.parametrize(
    "position",
    [
        "8/8/8/8/8/8/8/8 w - - 0 1",
        "kK6/8/8/8/8/8/8/8 w - - 0 1",
        "4k3/8/8/8/8/8/4R3/4K3 w - - 0 1",
        "4k3/8/8/8/8/8/8/4K2R w Q - 0 1",
        "4k3/8/8/8/8/8/8/4K3 w - e3 0 1",
        "4k3/8/8/8/8/8/8/4K3 x - - 0 1",
        "4k3/8/8/8/8/8/8/4K3 w - - a 1",
        "4k3/9/8/8/8/8/8/4K3 w - - 0 1",
        "e2e4 e2e4",
        "ß" * 5000,
    ],
)
def test_wrong_positions_are_refused(position: str) -> None:
    with pytest.raises(InputError, match=r"\S"):
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
