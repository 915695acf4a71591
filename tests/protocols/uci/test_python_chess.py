"""python-chess's client plays, analyzes and ponders with it."""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Callable, Iterator

import chess
import chess.engine
import pytest

Start = Callable[..., chess.engine.SimpleEngine]


@pytest.fixture(scope="module")
def engine() -> Iterator[chess.engine.SimpleEngine]:
    with open_engine("mcts:30") as engine:
        yield engine


def open_engine(*words: str) -> chess.engine.SimpleEngine:
    command = [sys.executable, "-m", "engine.cli", "uci", *words]
    return chess.engine.SimpleEngine.popen_uci(
        command, timeout=60, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )


@pytest.fixture(autouse=True)
def complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The client logs illegal moves, lines that it cannot read and engines that answer late; none may."""
    with caplog.at_level(logging.WARNING, logger="chess.engine"):
        yield
    assert [record.getMessage() for record in caplog.records] == []


def play_game(
    engine: chess.engine.SimpleEngine, board: chess.Board, limit: chess.engine.Limit, **words: bool
) -> int:
    game = object()
    while not board.is_game_over() and board.ply() < 400:
        result = engine.play(board, limit, game=game, info=chess.engine.INFO_ALL, **words)
        assert result.move in board.legal_moves
        assert "score" in result.info
        assert "pv" in result.info
        if result.ponder is not None:
            after = board.copy(stack=False)
            after.push(result.move)
            assert result.ponder in after.legal_moves
        board.push(result.move)
    return board.ply()


@pytest.mark.parametrize(
    "limit",
    [chess.engine.Limit(nodes=4), chess.engine.Limit(time=0.002),
     chess.engine.Limit(white_clock=2, black_clock=2, white_inc=0.01, black_inc=0.01)],
)  # fmt: skip
def test_a_complete_game(engine: chess.engine.SimpleEngine, limit: chess.engine.Limit) -> None:
    assert play_game(engine, chess.Board(), limit) > 5


def test_a_game_goes_on_past_the_third_occurrence(engine: chess.engine.SimpleEngine) -> None:
    board = chess.Board()
    for _ in range(3):
        for move in ("g1f3", "g8f6", "f3g1", "f6g8"):
            board.push_uci(move)
    assert not board.is_game_over()
    result = engine.play(board, chess.engine.Limit(nodes=10))
    assert result.move in board.legal_moves


def test_games_of_chess960(engine: chess.engine.SimpleEngine) -> None:
    drawn = random.Random(3)
    for _ in range(3):
        board = chess.Board.from_chess960_pos(drawn.randrange(960))
        play_game(engine, board, chess.engine.Limit(nodes=2))
    board = chess.Board("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", chess960=True)
    castles = [move for move in board.legal_moves if board.is_castling(move)]
    assert engine.play(board, chess.engine.Limit(nodes=2), root_moves=castles).move in castles


def test_pondering(engine: chess.engine.SimpleEngine) -> None:
    board, game = chess.Board(), object()
    limit = chess.engine.Limit(white_clock=5, black_clock=5)
    for number in range(12):
        result = engine.play(board, limit, game=game, ponder=True)
        assert result.move is not None
        board.push(result.move)
        hits = result.ponder is not None and number % 2
        board.push(result.ponder if hits and result.ponder else next(iter(board.legal_moves)))


def test_analysis_with_several_lines(engine: chess.engine.SimpleEngine) -> None:
    board = chess.Board()
    infos = engine.analyse(board, chess.engine.Limit(nodes=200), multipv=4)
    assert [info["multipv"] for info in infos] == [1, 2, 3, 4]
    assert len({info["pv"][0] for info in infos}) == 4
    for info in infos:
        line = board.copy()
        for move in info["pv"]:
            assert move in line.legal_moves
            line.push(move)


def test_analysis_without_an_end_is_stopped(engine: chess.engine.SimpleEngine) -> None:
    with engine.analysis(chess.Board(), multipv=2) as analysis:
        for info in analysis:
            if info.get("nodes", 0) > 300:
                break
    assert analysis.wait().move in chess.Board().legal_moves


def test_win_draw_and_loss_where_they_are_asked_for(engine: chess.engine.SimpleEngine) -> None:
    limit = chess.engine.Limit(nodes=50)
    assert "wdl" not in engine.analyse(chess.Board(), limit)
    engine.configure({"UCI_ShowWDL": True})
    wdl = engine.analyse(chess.Board(), limit)["wdl"].white()
    assert wdl.wins + wdl.draws + wdl.losses == 1000
    engine.configure({"UCI_ShowWDL": False})


@pytest.mark.parametrize("limit", [chess.engine.Limit(depth=2), chess.engine.Limit(mate=1)])
def test_depth_and_mate(engine: chess.engine.SimpleEngine, limit: chess.engine.Limit) -> None:
    board = chess.Board("6k1/5ppp/8/8/8/8/5PPP/4R1K1 w - - 0 1")
    assert engine.play(board, limit).move in board.legal_moves


def test_the_opponent_is_told(engine: chess.engine.SimpleEngine) -> None:
    opponent = chess.engine.Opponent("Someone", "GM", 2800, False)
    engine.play(chess.Board(), chess.engine.Limit(nodes=2), game="one", opponent=opponent)


def test_every_option_may_be_set(engine: chess.engine.SimpleEngine) -> None:
    for option in engine.options.values():
        if not option.is_managed() and option.type != "button":
            engine.configure({option.name: option.default})
            value = {"spin": option.max, "check": True}.get(option.type, option.default)
            if option.name != "Hash":
                engine.configure({option.name: value})
            engine.configure({option.name: option.default})
    engine.ping()
