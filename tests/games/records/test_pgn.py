"""PGN in and out: moves, results and starts; python-chess as the judge of what is written."""

from __future__ import annotations

import io
import random
from typing import Any

import chess
import chess.pgn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_reading import Reader

from engine._core import ChessState
from engine.errors import UserError
from engine.registry import load_game
from games.records.pgn import reader as pgn
from games.records.pgn import writer as pgn_writer
from games.records.record import Record

READER = Reader(pgn)
read_all, read_one, answer = READER.all, READER.one, READER.answer


def random_game(spec: str, seed: int, plies: int) -> tuple[Any, ChessState]:
    game, source = load_game(spec), random.Random(seed)
    state = game.initial()
    while plies and (actions := state.legal_actions()):
        state.play(source.choice(actions))
        plies -= 1
    assert isinstance(state, ChessState)
    return game, state


@given(
    st.sampled_from(["chess", "chess960", "chess960:start=17", "chess960:start=900", "gardner"]),
    st.integers(0, 10_000),
    st.integers(0, 150),
)
@settings(max_examples=50)
def test_a_written_game_is_read_as_the_same(spec: str, seed: int, plies: int) -> None:
    game, state = random_game(spec, seed, plies)
    text = pgn_writer.write(game, state, {"White": 'a "b\\" c', "Opening": "é [x]"})
    record = read_one(text)
    found = record.answer()
    assert found["fen"] == state.fen()
    assert found["plies"] == state.ply()
    assert record.tags == {"White": 'a "b\\" c', "Opening": "é [x]"}
    assert pgn_writer.print_record(record) == text
    assert read_one(pgn_writer.print_record(record)) == record


@given(st.integers(0, 959), st.integers(0, 1000), st.integers(0, 200))
@settings(max_examples=30)
def test_python_chess_reads_what_is_written(number: int, seed: int, plies: int) -> None:
    game, state = random_game(f"chess960:start={number}", seed, plies)
    values = [None if ply % 3 == 0 else ply / 100 - 0.5 for ply in range(state.ply())]
    theirs = chess.pgn.read_game(io.StringIO(pgn_writer.write(game, state, evals=values)))
    assert theirs is not None
    assert not theirs.errors
    assert theirs.end().board().fen(en_passant="legal") == state.fen()
    assert theirs.headers["Result"] == {None: "*", 0: "1/2-1/2"}.get(
        state.outcome(), theirs.headers["Result"]
    )
    evals = [node.eval() for node in theirs.mainline()]
    assert [score and score.white().score() for score in evals] == [
        None if value is None else round(100 * value) for value in values
    ]


def test_the_text_of_a_game() -> None:
    game = load_game("chess")
    text = pgn_writer.write(game, game.parse("f3 e5 g4 Qh4"), {"Event": "x"}, [0.1, None, -12.345])
    assert text == (
        '[Event "x"]\n[Site "?"]\n'
        '[Date "????.??.??"]\n[Round "?"]\n[White "?"]\n[Black "?"]\n[Result "0-1"]\n'
        "\n1. f3 { [%eval 0.10] } 1... e5 2. g4 { [%eval -12.35] } 2... Qh4# 0-1\n"
    ).replace("-12.35", f"{-12.345:.2f}")


def test_a_game_as_people_write_it() -> None:
    record = read_one(
        "\ufeff% a line of the escape\r\n"
        '[Event "T"]\r\n[White "A \\"B\\" C"]\r\n[Result "1-0"]\r\n\r\n'
        "1.e4 {a comment\r\n\r\n[with] (odd) 1. things} e5 ; the rest 2. Ke2\r\n"
        "2.Ng1f3!? $14 (2.f4 exf4 (2... d5 {x}) 3.Nf3) 2...Nb8-c6 3. Bb5 a6\r\n"
        "% escaped 4. Ke2\r\n4. 0-0 Nge7 5. d4 exd4 1-0\r\n"
    )
    found = record.answer()
    assert " ".join(found["moves"]) == "e2e4 e7e5 g1f3 b8c6 f1b5 a7a6 e1g1 g8e7 d2d4 e5d4"
    assert found["written_result"] == "1-0"
    assert (found["outcome"], found["result"], found["ending"]) == (None, None, None)
    assert record.tags == {"Event": "T", "White": 'A "B" C'}
    assert len(found["legal_counts"]) == 11
    assert found["legal_counts"][0] == 20


def test_uci_moves_and_missing_tags() -> None:
    found = answer("g1f3 c7c5 e2e4")
    assert found["moves"] == ["g1f3", "c7c5", "e2e4"]
    assert found["written_result"] is None


def test_several_games_of_a_file() -> None:
    text = '[Event "1"]\n\n1. e4 *\n\n[Event "2"]\n\n1. e5 *\n\n[Event "3"]\n\n1. d4 d5 0-1\n'
    first, bad, last = read_all(text)
    assert isinstance(first, Record)
    assert isinstance(bad, UserError)
    assert "ply 1 (1. e5): move 'e5' is illegal" in str(bad)
    assert isinstance(last, Record)
    assert (last.tags["Event"], last.result) == ("3", "0-1")


def test_starts_and_variants() -> None:
    fen = "4k3/P7/8/8/8/8/8/4K2R w K - 3 40"
    found = answer(f'[FEN "{fen}"]\n\n40. a8=Q+ Kd7 41. O-O *')
    assert found["fen"] == "Q7/3k4/8/8/8/8/8/5RK1 b - - 2 41"
    nine = '[Variant "fischerandom"]\n'
    nine += '[FEN "nbbrknrq/pppppppp/8/8/8/8/PPPPPPPP/NBBRKNRQ w KQkq - 0 1"]\n\n1. d4 d5'
    assert answer(nine)["game"] == "chess960:draws=fide"
    unnamed = read_one(nine.replace('[Variant "fischerandom"]\n', ""))
    assert unnamed.name == "chess960:draws=fide"
    assert "Chess960" in unnamed.warnings[0]
    found = answer('[Variant "Gardner"]\n\n1. b3 *')
    assert (found["game"], found["fen"].split()[1]) == ("gardner:draws=fide", "b")


KNIGHTS = "Nf3 Nf6 Ng1 Ng8 "


def test_claims_do_not_end_a_game_and_fivefold_repetition_does() -> None:
    found = answer(KNIGHTS * 3 + "e4 1/2-1/2")
    assert found["first_claim"] == {"ply": 8, "rule": "threefold repetition"}
    assert (found["terminal"], found["ending"]) == (False, None)
    found = answer(KNIGHTS * 4)
    assert (found["result"], found["ending"]) == ("1/2-1/2", "fivefold repetition")
    with pytest.raises(
        UserError, match=r"ply 17 \(9\. e4\): move 'e4' comes after .* by fivefold repetition"
    ):
        read_one(KNIGHTS * 4 + "e4")


@pytest.mark.parametrize(
    ("text", "ending", "result"),
    [
        ("1. f3 e5 2. g4 Qh4#", "checkmate", "0-1"),
        ('[FEN "7k/8/8/8/8/8/5q2/K7 b - - 0 1"]\n\n1... Qc2', "stalemate", "1/2-1/2"),
        ('[FEN "7k/8/8/8/8/8/5q2/6K1 w - - 0 1"]\n\n1. Kxf2', "material that cannot mate", "1/2-1/2"),
        ('[FEN "7k/8/8/8/8/8/5r2/K7 b - - 149 99"]\n\n99... Kg7',
         "75 moves without capture or pawn move", "1/2-1/2"),
    ],
)  # fmt: skip
def test_how_games_end(text: str, ending: str, result: str) -> None:
    found = answer(text)
    assert (found["ending"], found["result"]) == (ending, result)


def test_results_that_differ() -> None:
    odd = read_one('[Result "white"]\n\n1. e4 0-1')
    assert odd.result == "0-1"
    assert "'white'" in odd.warnings[0]
    record = read_one('[Result "1-0"]\n\n1. e4 0-1')
    assert record.result == "1-0"
    assert "differ" in record.warnings[0]
    assert read_one('[Result "*"]\n\n1. e4 0-1').result == "0-1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no game"),
        ("\n\n% only an escape\n", "no game"),
        ("1. e4 e5 2. Zf3", r"line 1, ply 3 \(2\. Zf3\): move 'Zf3' is neither UCI \(e2e4\) nor SAN"),
        ("1. e4\n1... e9", r"line 2, ply 2 \(1\.\.\. e9\): move 'e9'"),
        ("1. e24", "'e24'"),
        ("1. e4 O-0", "'O-0' is illegal here"),
        ("1. e4 $99999999", r"\$99999999"),
        ("1. e4 {never", r"line 1: the comment '\{never' has no end"),
        ("1. e4 (1. d4", "variation has no end"),
        ("1. e4 ) e5", r"'\)' ends no variation"),
        ('[White "x]\n\n1. e4', "line 1: .* is not a tag"),
        ("1. e4 e5 2. Ke3", r"line 1, ply 3 \(2\. Ke3\): move 'Ke3' is illegal here"),
        ("Sf3 d5 *", "no game: line 1: 'Sf3 d5 \\*' is neither a tag nor a move"),
        ("(1. d4) 1. e4", "a variation stands before the first move"),
        ('[White "' + "x" * 20_000 + '"]', "a tag of more than 10000"),
        ("1. e4 --", r"ply 2 \(1\.\.\. --\): move '--' is a null move"),
        ("1. e4 Z0", "'Z0' is a null move"),
        ("1. e4 0000", "'0000' is a null move"),
        ("1. e4 1:0", "line 1: '1:0' is none of the results 1-0"),
        ("1. e4 e5 1-0-0", "'1-0-0' is none of the results"),
        ("1. e4 } e5", "'}' is not part of a move"),
        ("1. e4 [%clk 0:01] e5", "'\\[' is not part of"),
        ("1. d4 e5 2. d5 c6 3. dxc6 e.p.", r"\(3\. dxc6e\.p\.\): move .* is no capture en passant"),
        ('[FEN "4k3/8/8/8/8/8/8/R3K2R w - - 0 1"]\n\n1. Rd1 Kf7 2. Rf1 Kg7 3. Rf1', "ply 5"),
        ('[FEN "7k/8/8/8/8/R7/8/R3K3 w - - 0 1"]\n\n1. Ra2', "ambiguous"),
        ('[FEN "8/8 w"]\n\n1. e4', "'8/8 w'"),
        ('[FEN "x"]\n\n1. e4', "FEN 'x' is not one"),
        ('[Variant "Atomic"]\n\n1. e4', "variant 'Atomic' is none of"),
        ("Nf3 Nf6 Ng1 Ng8 " * 6000, "a game of more than 20000 moves"),
        (b"\x00\x01\xff\xfe\x89PNG\r\n", "line 1"),
    ],
)
def test_what_is_no_game_is_named(text: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_one(text)
    assert len(str(caught.value)) < 300


def test_depth_and_length_are_no_matter() -> None:
    deep = "1. e4 " + "(1. d4 " * 5000 + ")" * 5000 + " e5"
    assert answer(deep)["moves"] == ["e2e4", "e7e5"]
    assert answer("1. e4 {" + "x " * 500_000 + "} e5")["plies"] == 2
    assert answer("1. e4 " + "{}" * 300_000 + " e5")["plies"] == 2


WORDS = "1. 1... e4 e5 Nf3 O-O 0-0 ( ) { } ; % $1 $ ! [ ] * 1-0 1/2 e8=Q Ke2 -- \n \n\n x \ufeff"
PIECES = st.sampled_from([*WORDS.split(" "), '[FEN "', '"]\n', '[Result "', " "])
FILES = st.lists(PIECES, max_size=60).map(lambda pieces: " ".join(pieces).encode())
MESSY = '[White "A \\"B"]\n[Result "1-0"]\n\n'
MESSY += "1. e4 e5 (1... c5) 2. Nf3 {x} Nc6 3. Bb5 a6 4. O-O 1-0\n\n1. d4 d5 *\n"


def check_fixed_points(data: bytes) -> None:
    try:
        found = read_all(data)
    except UserError:
        return
    for record in found:
        if isinstance(record, Record):
            assert read_one(pgn_writer.print_record(record)) == record
            record.answer()


@given(st.one_of(st.binary(max_size=300), FILES))
@settings(max_examples=300)
def test_junk_gives_only_the_typed_error(data: bytes) -> None:
    check_fixed_points(data)


@given(st.integers(0, len(MESSY) - 1), st.sampled_from('()[]{}";\\aNe41-\n '), st.booleans())
@settings(max_examples=300)
def test_a_mutated_file_is_read_alike_when_it_is_printed(at: int, letter: str, inserted: bool) -> None:
    check_fixed_points((MESSY[:at] + letter + MESSY[at + (not inserted) :]).encode())
