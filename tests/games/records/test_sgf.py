"""SGF in and out; sgfmill's board as the judge of where stones stand and of the area."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_reading import Reader
from sgfmill import sgf as mill
from sgfmill import sgf_moves

from engine._core import GoState
from engine.errors import UserError
from engine.registry import load_game
from games.records.record import Record
from games.records.sgf import reader as sgf
from games.records.sgf import writer as sgf_writer

READER = Reader(sgf)
read_all, read_one, answer = READER.all, READER.one, READER.answer


def random_game(spec: str, seed: int, plies: int) -> tuple[Any, GoState]:
    game, source = load_game(spec), random.Random(seed)
    state = game.initial()
    plies = min(plies, game.max_plies - 1)  # SGF does not say why a game was scored
    while plies and (actions := state.legal_actions()):
        # Passes are rare, so that games last.
        state.play(source.choice(actions[:-1] or actions) if source.random() < 0.95 else actions[-1])
        plies -= 1
    assert isinstance(state, GoState)
    return game, state


SPECS = [
    "go:size=9,rules=chinese", "go:size=5,rules=tromp-taylor,komi=0.5", "go:size=7x5,rules=aga,komi=-3",
    "go:size=25,rules=japanese", "go:size=13,rules=new-zealand,handicap=4", "go:size=19,rules=chinese-ogs",
    "go:size=6,ko=situational,suicide=false,handicap=B2+C3,handicap_bonus=stones-1",
    "go:size=2,rules=japanese",
]  # fmt: skip


@given(st.sampled_from(SPECS), st.integers(0, 10_000), st.integers(0, 120))
@settings(max_examples=60)
def test_a_written_game_is_read_as_the_same(spec: str, seed: int, plies: int) -> None:
    game, state = random_game(spec, seed, plies)
    text = sgf_writer.write(game, state, {"EV": "a [b\\] c", "PB": "é 本"})
    record = read_one(text)
    again = record.game.parse(record.start)
    for move in record.moves:
        again.play(move.action)
    assert record.name == game.name.partition(",handicap=")[0]
    assert again.key() == state.key()
    assert again.position() == state.position()
    assert record.tags == {"EV": "a [b\\] c", "PB": "é 本"}
    found = record.answer()
    assert found["written_result"] == (found["result"] or "?")
    assert sgf_writer.print_record(record) == text
    assert read_one(sgf_writer.print_record(record)) == record


@given(st.sampled_from([5, 9, 19]), st.integers(0, 1000))
@settings(max_examples=25)
def test_sgfmill_sees_the_same_board_and_area(size: int, seed: int) -> None:
    game, state = random_game(f"go:size={size},rules=chinese,komi=0", seed, 150)
    theirs = mill.Sgf_game.from_string(sgf_writer.write(game, state))
    assert theirs.get_komi() == 0
    board, plays = sgf_moves.get_setup_and_moves(theirs)
    for color, move in plays:
        if move is not None:
            board.play(*move, color)
    marks = {"b": "X", "w": "O", None: "."}
    drawing = [
        " ".join(marks[board.get(row, column)] for column in range(size)) for row in reversed(range(size))
    ]
    assert [line[2:].strip() for line in state.text().splitlines()[:-1]] == drawing
    assert answer(sgf_writer.write(game, state))["score"] == board.area_score()


def test_the_answer_of_a_small_game() -> None:
    found = answer("(;GM[1]SZ[5]RU[Chinese]KM[0.5]RE[B+24.5]PB[X];B[cc];W[];B[tt])")
    assert found["game"] == "go:size=5,rules=chinese,komi=0.5"
    assert found["moves"] == ["C3", "pass", "pass"]
    assert found["legal_counts"] == [26, 25, 25, 0]
    assert (found["result"], found["written_result"]) == ("B+24.5", "B+24.5")
    assert (found["score"], found["komi"], found["outcome"]) == (24.5, 0.5, 1)
    assert found["owner"] == [1] * 25
    assert found["captures"] == {"black": 0, "white": 0}
    assert found["superko"] is None
    assert found["position"] == "C3 pass pass"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Japanese", "japanese"), ("japanese rules", "japanese"), ("JP", "japanese"),
        ("日本ルール", "japanese"),
        ("Korean", "japanese"), ("Chinese", "chinese"), ("cn", "chinese"), ("中国规则", "chinese"),
        ("chinese-ogs", "chinese-ogs"), ("AGA", "aga"), ("NZ", "new-zealand"), ("New Zealand", "new-zealand"),
        ("Tromp-Taylor", ""), ("TT", ""), ("GOE", ""), ("Ing Rules", ""), ("Ing GOE", ""),
    ],
)  # fmt: skip
def test_rules_by_their_spellings(written: str, name: str) -> None:
    record = read_one(f"(;RU[{written}]KM[7])")
    assert record.name == f"go:size=19,{f'rules={name},' if name else ''}komi=7"
    assert record.warnings == ()


def test_rules_by_their_parts() -> None:
    record = read_one("(;SZ[9]KM[7.5]RU[koSITUATIONALscoreAREAtaxNONEsui0whbN-1])")
    assert record.name == "go:size=9,rules=aga"


def test_unknown_rules_fall_back_with_a_warning() -> None:
    record = read_one("(;RU[My Own]KM[6.5])")
    assert record.name == "go:size=19,rules=japanese"
    assert record.warnings == ("unknown rules RU[My Own]: read as japanese",)
    assert read_one("(;)").warnings == ("no rules (RU): read as japanese", "no komi (KM): read as 0")


@pytest.mark.parametrize(
    ("written", "komi"),
    [("6.5", 6.5), ("-3", -3), ("6,5", 6.5), ("7.5 points", 7.5), ("375", 7.5), ("650", 6.5), ("3.75", 7.5),
     ("325", 6.5), ("150.0", 150), ("+0", 0)],
)  # fmt: skip
def test_komi(written: str, komi: float) -> None:
    assert answer(f"(;RU[Chinese]KM[{written}])")["komi"] == komi


def test_rectangles_and_the_largest_board() -> None:
    found = answer("(;SZ[7:5]RU[AGA]KM[0];B[ga];W[ae])")
    assert found["game"] == "go:size=7x5,rules=aga,komi=0"
    assert found["moves"] == ["G5", "A1"]
    # On a board with a twentieth line, tt is a point.
    assert answer("(;SZ[25]RU[AGA]KM[0];B[tt];W[yy])")["moves"] == ["U6", "Z1"]


def test_setup_stones() -> None:
    found = answer("(;SZ[9]RU[AGA]KM[0]AB[aa:ba][ii][ee]AW[bb];AE[ee]PL[W];W[cc])")
    assert found["position"] == "B:A9,B9,J1 W:B8 turn:W; C7"
    assert found["legal_counts"][0] == 82 - 4


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("(;SZ[9]HA[2]AB[cg][gc];W[ee])", "handicap:G7,C3;"),
        ("(;SZ[9]HA[2];AB[cg][gc];W[ee])", "handicap:G7,C3;"),
        ("(;SZ[9]HA[2];W[ee])", "handicap:G7,C3;"),
        ("(;SZ[9]HA[2]AB[cg][gc])", "handicap:G7,C3;"),
        ("(;SZ[9]AB[cg][gc];W[ee])", "B:G7,C3 turn:W;"),
        ("(;SZ[9]HA[2];B[cg];B[gc];W[ee])", ""),
        ("(;SZ[9]HA[0];B[cg])", ""),
        (
            "(;GM[1]FF[4] SZ[19] GN[] KM[325]HA[2]RU[Chinese]RE[draw];AB[pd][dp];W[dc];B[ce];)",
            "handicap:Q16,D4;",
        ),
    ],
)
def test_handicaps(text: str, start: str) -> None:
    assert read_one(text).start == start


def test_two_moves_of_one_color_have_a_pass_between_them() -> None:
    record = read_one("(;SZ[9]RU[Japanese]KM[0];B[cc];B[gg];W[ee];W[dd])")
    found = record.answer()
    assert found["moves"] == ["C7", "G3", "E5", "D6"]
    assert found["position"] == "C7 pass G3 E5 pass D6"
    assert len(found["legal_counts"]) == 5
    assert found["to_play"] == 0
    assert read_one(sgf_writer.print_record(record)) == record


def test_moves_after_two_passes_resume_the_game() -> None:
    found = answer("(;SZ[5]RU[Chinese]KM[0];B[cc];W[];B[];W[dd];B[];W[])")
    assert found["game"] == "go:size=5,rules=chinese,komi=0,resumptions=1"
    assert (found["plies"], found["terminal"]) == (6, True)
    assert found["legal_counts"] == [26, 25, 25, 25, 24, 24, 0]


@pytest.mark.parametrize("rules", ["AGA", "Chinese", "Japanese", "NZ", "Tromp-Taylor"])
@pytest.mark.parametrize(
    ("moves", "resumptions", "terminal"),
    [
        ("W[];B[]", 0, True),
        ("W[];B[];W[]", 1, True),  # White passes last under the AGA's rules
        ("W[];B[];W[];B[]", 2, True),
        ("W[];B[];W[];B[];W[]", 3, True),
        ("W[];B[];W[];B[dd];W[]", 2, False),
        ("W[];B[];W[dd]", 1, False),
        ("W[];B[];W[dd];B[];W[];B[]", 2, True),
        ("W[];W[]", 1, True),  # with Black's between them
    ],
)
def test_passes_after_two_do_not_resume_the_game(
    rules: str, moves: str, resumptions: int, terminal: bool
) -> None:
    record = read_one(f"(;SZ[5]RU[{rules}]KM[0];B[cc];{moves})")
    found = record.answer()
    assert found["terminal"] == terminal
    assert (found["result"] is not None) == terminal
    assert (f"resumptions={resumptions}" in record.name) == (resumptions > 0)
    assert found["moves"].count("pass") == moves.count("[]")
    assert read_one(sgf_writer.print_record(record)) == record


def test_a_long_game_is_no_longer_than_it_may_be() -> None:
    moves = ";B[];W[aa];B[];W[bb]" + ";B[];W[]" * 40
    found = answer(f"(;SZ[3]RU[Chinese]KM[0]{moves})")
    assert found["plies"] == 84
    assert "max_plies=85" in found["game"]


def test_the_main_line_alone_is_read() -> None:
    found = answer("(;SZ[9];B[cc](;W[dd](;B[ee])(;B[ff]))(;W[gg];B[bad value \\] )])(;W[zz]))")
    assert found["moves"] == ["C7", "D6", "E5"]


SENDING_TWO = "(;SZ[5]RU[{}]KM[0]AB[cc][dc][cd][be][de]AW[ac][bc][ad][bd]PL[B];B[ae];W[ce];B[be]{})"
"""Black sends two stones and takes one back: the board of the start, White to move."""


@pytest.mark.parametrize("rules", ["Japanese", "Chinese", "AGA"])
def test_the_first_superko_violation_is_reported(rules: str) -> None:
    found = answer(SENDING_TWO.format(rules, ";W[ee]"))
    assert found["superko"] == {"ply": 3, "move": "B1", "rule": "positional"}
    assert found["situational_superko"] is None


def test_situational_superko_is_broken_later() -> None:
    found = answer(SENDING_TWO.format("Japanese", ";W[];B[ae]"))
    assert found["superko"]["ply"] == 3
    assert found["situational_superko"] == {"ply": 5, "move": "A1", "rule": "situational"}


def test_superko_refuses_where_it_is_in_force() -> None:
    with pytest.raises(UserError, match=r"ply 3 B\[be\]: move 'B1' is illegal: superko, .* of the start"):
        read_one(SENDING_TWO.format("Tromp-Taylor", ""))


def test_a_ply_is_counted_as_in_the_file() -> None:
    found = answer(
        "(;SZ[5]RU[Japanese]KM[0]AB[cc][dc][cd][be][de]AW[ac][bc][ad][bd];B[ee];B[ae];W[ce];B[be])"
    )
    assert found["superko"]["ply"] == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(;GM[2])", r"GM\[2\] is not Go"),
        ("(;SZ[26])", r"SZ\[26\].*2 to 25"),
        ("(;SZ[1])", r"SZ\[1\]"),
        ("(;SZ[9:])", r"SZ\[9:\]"),
        ("(;SZ[9];B[cc];W[cc])", r"ply 2 W\[cc\]: move 'C7' is illegal: the point is occupied"),
        ("(;SZ[9];B[cc];W[jj])", r"ply 2: move 'jj' is off the 9x9 board"),
        ("(;SZ[9];B[C3])", r"ply 1: move 'C3'"),
        ("(;SZ[9];B[cc][dd])", "move 1: B has 2 values"),
        ("(;SZ[9];B[cc];AB[dd])", "set up after move 1"),
        ("(;SZ[9]AB[zz])", r"AB\[zz\] is not a point"),
        ("(;SZ[9]AB[aa:zz])", r"AB\[aa:zz\]"),
        ("(;SZ[2]AB[aa][ab]AW[ba][bb])", "no liberty"),
        ("(;SZ[9]AB[aa]AW[aa])", r"AW\[aa\]: the point has a stone of the other color"),
        ("(;SZ[9]PL[x])", r"PL\[X\]"),
        ("(;KM[six])", r"KM\[six\]"),
        ("(;KM[6.3])", "komi"),
        ("(;SZ[5]RU[Japanese];B[ba];W[ee];B[ab];W[aa])", "suicide"),
        ("(;SZ[5]RU[Japanese]AB[ba][ab][bc]AW[ca][bb][db][cc];B[cb];W[bb])", "ply 2 W.*illegal: ko"),
        ("(;C[x;B[aa)", r"line 1: the value .* has no end"),
        ("(;\n;B[aa]\n;C[never", r"line 3: the value '\[never' has no end"),
        ("(;PB[" + "x" * 20_000 + "])", "a value of PB has more than 10000 bytes"),
        ("(;" + ";" * 600_000 + ")", "more than 500000"),
        ("(;" + ";B[]" * 20_001 + ")", "more than 20000 moves"),
    ],
)
def test_what_is_no_game_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_one(text)
    assert len(str(caught.value)) < 300


def test_depth_and_length_are_no_matter() -> None:
    deep = "(;SZ[9]" + "(;B[aa]" + "(;C[x]" * 5000 + ")" * 5002
    assert answer(deep)["plies"] == 1
    wide = "(;SZ[9];B[aa]" + "(;W[bb])" * 5000 + "(;W[cc]" * 5000 + ")" * 5001
    assert answer(wide)["moves"] == ["A9", "B8"]
    assert answer("(;SZ[9]C[" + "x\\]" * 500_000 + "];B[aa])")["plies"] == 1


def test_a_collection_goes_on_after_a_bad_game() -> None:
    first, bad, last = read_all("junk (;SZ[9];B[aa]) between (;SZ[9];B[zz]) (;SZ[7]) after")
    assert isinstance(first, Record)
    assert isinstance(bad, UserError)
    assert isinstance(last, Record)
    assert last.name.startswith("go:size=7,")


@given(
    st.lists(st.sampled_from(["pass", "pass", "A1", "B2", "C3", "C1"]), max_size=12), st.integers(-200, 200)
)
def test_games_with_many_passes_are_read_as_the_same(texts: list[str], komi: int) -> None:
    game = load_game(f"go:size=3,rules=aga,resumptions=20,komi={komi / 2}")
    state = game.initial()
    for text in texts:
        if (action := game.parse("").parse_action(text)) in state.legal_actions():
            state.play(action)
    record = read_one(sgf_writer.write(game, state))
    assert [move.action for move in record.moves] == list(state.position()[1])
    assert record.answer()["komi"] == komi / 2
    passes = [text == "pass" for text in record.answer()["moves"][-2:]]
    assert record.answer()["terminal"] == (passes == [True, True])


def test_a_rectangle_may_be_named_by_any_two_corners() -> None:
    wanted = answer("(;SZ[9]RU[NZ]KM[0]AB[aa:cc];W[ee])")["position"]
    assert "A9" in wanted
    assert all(
        answer(f"(;SZ[9]RU[NZ]KM[0]AB[{ends}];W[ee])")["position"] == wanted for ends in ("cc:aa", "ca:ac")
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("HA[2]AB[cg][gc];B[ee]", "HA[2] with Black to move first: no bonus for White"),
        ("HA[2];B[cg];B[gc];W[ee]", "HA[2] with Black to move first: no bonus for White"),
        ("HA[4]AB[cg][gc];W[ee]", "HA[4] with 2 stones (AB): read as 2"),
    ],
)
def test_a_handicap_that_is_not_taken_as_written_is_told(text: str, wanted: str) -> None:
    assert wanted in read_one(f"(;SZ[9]RU[Chinese]KM[0.5]{text})").warnings


@pytest.mark.parametrize("value", ["KM[1e2]", "KM[1e999]", "KM[6.5x]", "HA[x]", "HA[-2]"])
def test_numbers_are_read_whole_or_refused(value: str) -> None:
    with pytest.raises(UserError, match="is not a number of"):
        read_one(f"(;SZ[9]RU[Chinese]{value};B[ee])")
