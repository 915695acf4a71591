"""Positions that a client of UCI gives: how they are read, kept and refused, and moves in them spelled."""

from __future__ import annotations

import pytest
from uci_client import ScriptedClient, UciClient, count_moves

from engine.registry import load_game

MATED = "rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3"
STALEMATE = "7k/5Q2/6K1/8/8/8/8/8 b - - 0 1"
ONE_MOVE = "k7/8/8/8/8/8/6r1/7K w - - 0 1"
CASTLES = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"


def test_a_position_during_a_search_is_for_the_next(scripted: ScriptedClient) -> None:
    scripted.say("position startpos", "go infinite", f"position fen {CASTLES}")
    heard = scripted.ask("stop")
    assert heard[-1].split()[1][1] in "12"  # a move of the start
    assert scripted.fen == CASTLES
    assert scripted.best("go nodes 1")[0] in "aeh"


@pytest.mark.parametrize("fen", [MATED, STALEMATE])
def test_without_a_legal_move_there_is_none(client: UciClient, fen: str) -> None:
    for words in ("nodes 10", "movetime 10", "wtime 100 btime 100", "depth 3", "mate 1"):
        heard = client.ask(f"position fen {fen}", f"go {words}")
        assert heard[-1] == "bestmove (none)"
        assert heard[-2] == f"info depth 0 score {'mate 0' if fen == MATED else 'cp 0'}"
    assert client.say("go infinite").hear() == []
    assert client.ask("stop")[-1] == "bestmove (none)"
    assert " nodes 5 " in client.ask("position startpos", "go nodes 5")[-2]


def test_an_end_that_must_be_claimed_is_played_on_from(client: UciClient) -> None:
    knights = "g1f3 g8f6 f3g1 f6g8 " * 3
    assert client.best(f"position startpos moves {knights}"[:-1], "go nodes 20") != "(none)"
    client.ask(f"position startpos moves {knights}e2e4", "go nodes 20")
    assert client.fen == "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 7"
    assert client.best("position fen 8/8/8/8/8/k7/8/K6R w - - 100 90", "go nodes 5") != "(none)"


def test_moves_with_colour_and_promotion(client: UciClient) -> None:
    client.say("position fen 8/P6k/8/8/8/8/8/K7 w - - 0 1 moves a7a8q")
    assert client.fen.startswith("Q7/7k")


def test_moves_are_taken_back_and_others_played(client: UciClient) -> None:
    for moves in ("e2e4", "e2e4 e7e5", "e2e4 e7e5 g1f3", "e2e4", "d2d4 d7d5", "d2d4", "d2d4 g8f6"):
        client.say(f"position startpos moves {moves}")
        state = load_game("chess").initial()
        for move in moves.split():
            state.play(state.parse_action(move))
        assert client.session.state.position() == state.position()
        client.say(f"position startpos moves {moves} e7e4")
        assert client.session.state.position() == state.position()


def test_a_long_list_of_moves(client: UciClient) -> None:
    moves = "g1f3 g8f6 f3g1 f6g8 " * 300
    assert client.best(f"position startpos moves {moves.strip()} e2e4", "go nodes 3") != "(none)"


@pytest.mark.parametrize(
    "words",
    ["", "startpos moves e2e5", "startpos moves e2e4 e2e4", "startpos moves e2e4 xyz", "startpos moves e7e8k",
     "startpos e2e4", "fen", "fen moves e2e4", "fen 8/8/8 w - - 0 1", "here", "fen k7/8/8/8/8/8/8/K7",
     "moves e2e4", "fen rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR x KQkq - 0 1",
     "fen 8/8/8/8/8/8/8/8 w - - 0 1", "fen kk6/8/8/8/8/8/8/K7 w - - 0 1",
     "fen k7/8/8/8/8/8/8/K6P w - - 0 1", "startpos moves 0000",
     "fen 4k3/8/8/8/8/8/4R3/4K3 w - - 0 1", "fen P7/8/8/8/8/8/8/kK6 w - - 0 1"],
)  # fmt: skip
def test_what_is_no_position_is_refused_and_the_old_one_kept(client: UciClient, words: str) -> None:
    client.say("position startpos moves d2d4", "go nodes 1")
    before = client.fen
    client.hear()
    heard = client.say(f"position {words}").hear()
    refusals = [line for line in heard if line.startswith("info string position")]
    assert len(refusals) == 1, heard
    assert client.fen == before
    client.wait(lambda _: not client.session.is_busy)
    assert count_moves(client.ask("go nodes 2")) == 1


def test_castling_is_the_kings_own_step_in_chess(client: UciClient) -> None:
    heard = client.ask(f"position fen {CASTLES}", "go nodes 10 searchmoves e1g1")
    assert heard[-1].split()[1] == "e1g1"
    client.say(f"position fen {CASTLES} moves e1h1")  # what the other spelling means is understood
    assert client.fen.startswith("r3k2r/8/8/8/8/8/8/R4RK1")


def test_castling_takes_the_rook_under_chess960_alone(client: UciClient) -> None:
    heard = client.ask(
        "setoption name UCI_Chess960 value true", f"position fen {CASTLES}", "go nodes 10 searchmoves e1g1"
    )
    assert heard[-1].split()[1] == "e1h1"
    client.say(f"position fen {CASTLES} moves e1h1 e8a8")
    assert client.fen.startswith("2kr3r/8/8/8/8/8/8/R4RK1")
    client.say("setoption name UCI_Chess960 value false")
    assert client.ask(f"position fen {CASTLES}", "go nodes 10 searchmoves e1h1")[-1].split()[1] == "e1g1"


def test_a_shuffled_start_under_chess960(client: UciClient) -> None:
    start = "bqnb1rkr/pp3ppp/3ppn2/2p5/5P2/P2P4/NPP1P1PP/BQ1BNRKR w HFhf - 2 9"
    assert "info string" in client.say(f"position fen {start}").hear()[0]
    client.say("setoption name UCI_Chess960 value true", f"position fen {start}")
    assert client.hear() == []
    assert count_moves(client.ask("go nodes 20")) == 1


@pytest.mark.parametrize("game", ["chess", "gardner"])
def test_another_variant(game: str) -> None:
    client = UciClient(game=game)
    client.say("uci")
    other = "gardner" if game == "chess" else "chess"
    assert any(
        line.startswith(f"option name UCI_Variant type combo default {game} ") and f"var {other}" in line
        for line in client.hear()
    )
    client.say(f"setoption name UCI_Variant value {other}", "position startpos")
    files = {move[0] for move in (client.best("go nodes 5") for _ in range(3))}
    assert files <= set("abcde") if other == "gardner" else files <= set("abcdefgh")
    assert len(client.session.state.encode()[0]) == (5 if other == "gardner" else 8)
    client.close()


def test_one_legal_move_is_made_at_once_by_the_clock(client: UciClient) -> None:
    heard = client.ask(f"position fen {ONE_MOVE}", "go wtime 3600000 btime 3600000")
    assert " nodes 1 " in heard[-2]
