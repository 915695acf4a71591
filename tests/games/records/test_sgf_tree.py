"""SGF files as people and programs write them: brackets, nodes and properties; sgfmill as the judge."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_reading import Reader
from sgfmill import sgf_grammar

from engine.errors import UserError
from games.records.record import Record
from games.records.sgf import reader as sgf
from games.records.sgf.tree import READ, MainLine, main_lines

READER = Reader(sgf)
read_all, read_one = READER.all, READER.one
HEAD = "GM[1]SZ[9]RU[AGA]KM[0]"


def moves_of(found: Any) -> list[str]:
    assert isinstance(found, Record), found
    return list(found.answer()["moves"])


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (f"(;{HEAD};B[cc];W[dd]", "line 1: the game has no end, 1 times ')' is missing"),
        (f"(;{HEAD};B[cc](;W[dd]", "line 1: the game has no end, 2 times ')' is missing"),
        (f"\n;{HEAD};B[cc];W[dd])", "line 2: the game has no '(' before it"),
        (f"Subject: a game\n\n(;{HEAD};B[cc];W[dd])", ""),
        (
            f"(;{HEAD};B[cc](;W[dd])(;W[ee](;B[ff])))",
            "line 1: the main line is read, variations are left out",
        ),
        (f"(;{HEAD};B[cc];W[dd]);B[ee])", "line 1: moves after the end of the game are left out"),
        (f"(;{HEAD};B[cc]W[dd])", "moves 1 and 2 share a node: played in its order"),
        (f"(;{HEAD};Black[cc];White[dd])", ""),
        ("(;GaMe[1]SiZe[9]RUles[AGA]KoMi[0];Black[cc];White[dd])", ""),
        (f"\ufeff( ;\0{HEAD};B[cc]\r\n;W[dd]\n)", ""),
        (rf"(;\r\n{HEAD}\r\nGN[]\r\n;B[cc];W[dd]\n)", ""),
        (f"(;{HEAD};B[cc];W[dd]\x1a", "line 1: the game has no end, 1 times ')' is missing"),
        (
            f"(;{HEAD}C[x;PB[y];B[cc];W[dd])",
            "line 1: a value of C ends in 'PB[y]': is a ']' missing before it?",
        ),
        (f"(;{HEAD}KGSB[x]LT[]C[\\]];B[cc]BL[1]OB[];W[ dd ])", ""),
    ],
)
def test_files_of_the_field(text: str, warning: str) -> None:
    record = read_one(text)
    assert moves_of(record) == ["C7", "D6"]
    assert record.warnings == ((warning,) if warning else ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"(;{HEAD};b[cc])", "line 1: the property 'b' has no capital letter"),
        (f"(;{HEAD};B[cc]x];W[dd])", "line 1: the property X has no value|no capital letter"),
        (f"(;{HEAD};\nB[cc]];W[dd])", r"line 2: '\]' stands outside a value, within which .* '\\\]'"),
        (f"(;{HEAD};B[cc](W[dd]))", "'W' stands before the ';' of its node"),
        (f"(;{HEAD};[cc])", r"the value '\[cc\]' belongs to no property"),
        (f"(;{HEAD};B;W[dd])", "the property B has no value"),
        (f"(;{HEAD};B[cc];W[dd", r"line 1: the value '\[dd' has no end"),
        (f"(;{HEAD};B[cc]B[dd])", "move 1: B has 2 values"),
        (f"(;{HEAD};B[cc];W[dd];AB[ee])", r"AB\[ee\]: stones are set up after move 2"),
        (f"(;{HEAD};B[cc];W[dd];AE[cc])", r"AE\[cc\]: stones are set up after move 2"),
        (f"(;{HEAD};B[cc];W[cc]KO[])", "the point is occupied; a move that KO forces is not replayed"),
        (f"(;{HEAD};B[CC])", "'CC' is off the 9x9 board"),
        (f"(;{HEAD};B[C7])", "'C7' is off the 9x9 board"),
        (f"(;{HEAD};B[pass])", "'pass' is off the 9x9 board"),
        ("(;GM[1]SZ[21]RU[AGA]KM[0];B[tt];W[zz])", "ply 2: move 'zz' is off the 21x21 board"),
        ("(;GM[1]SZ[27];B[aA])", r"SZ\[27\]"),
        ("(;GM[Go]SZ[9])", r"GM\[Go\] is not Go"),
        ("(;SZ[9];GM[3];B[aa])", r"GM\[3\] is not Go"),
    ],
)
def test_what_is_no_game_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_one(text)


@pytest.mark.parametrize(
    "bad",
    [
        "(;GM[1]SZ[9];B[cc]", "(;GM[1]SZ[9];B[cc](;W[dd](;B[ee]",
        "(;GM[1]SZ[9]C[never;B[cc])",
        "(;GM[1]SZ[9];B[cc]C[never", "(;GM[1]SZ[9];B[cc];W[d",
        "(;GM[1]SZ[9];B[cc]];W[dd])", "(;GM[1]SZ[9];b[cc])", "(;GM[1]SZ[9];B[zz])", "(;GM[1]SZ[99];B[cc])",
        "(;GM[2])", "(;GM[1]SZ[9];B[cc];W[cc])", "(;GM[1]SZ[9]KM[x];B[cc])",
        "(;GM[1]SZ[9]RU[koSPIGHTscoreAREA])",
    ],
)  # fmt: skip
@pytest.mark.parametrize("head", ["GM[1]FF[4]", "PB[x]EV[y]", "RU[AGA]"])
def test_a_bad_game_costs_no_other(bad: str, head: str) -> None:
    good = f"(;{head}SZ[9]RU[AGA]KM[0];B[aa];W[bb])"
    found = read_all("\n".join([good, bad, good, bad, bad, good]))
    assert len(found) == 6
    for number in (0, 2, 5):
        assert moves_of(found[number]) == ["A9", "B8"]
    for number in (1, 3, 4):
        game = found[number]
        line = f"line {number + 1}:"
        assert isinstance(game, UserError) or any(warning.startswith(line) for warning in game.warnings)


@pytest.mark.parametrize(
    ("text", "name", "start"),
    [
        (
            "(;GM[1];SZ[9];HA[2]KM[0.5];RU[Chinese];AB[cg][gc];W[ee])",
            "go:size=9,rules=chinese,komi=0.5",
            "handicap:G7,C3;",
        ),
        (
            "(;GM[1]SZ[9]RU[Chinese]KM[0]AB[cg];AB[gc]HA[2];W[ee])",
            "go:size=9,rules=chinese,komi=0",
            "handicap:G7,C3;",
        ),
        ("(;GM[1]SZ[9]RU[Japanese]KM[]KM[6.5];B[ee])", "go:size=9,rules=japanese", ""),
    ],
)
def test_properties_of_the_game_in_any_node(text: str, name: str, start: str) -> None:
    record = read_one(text)
    assert (record.name, record.start, record.warnings) == (name, start, ())


@pytest.mark.parametrize(
    ("rest", "warning"),
    [
        (";B[cc];KM[6.5]", "KM[6.5] differs from KM[0], which is taken"),
        ("KM[6.5];B[cc]", "KM[6.5] differs from KM[0], which is taken"),
        (";B[cc];HA[2]", "HA[2] stands after move 1: taken for the whole game"),
        (";B[cc]RE[W+R];W[dd]RE[B+R]", "RE[B+R] differs from RE[W+R], which is taken"),
        (";B[cc];PL[B]", "PL[B] after move 1 is left out: W moves next"),
        (";B[cc];PL[B];W[dd]", "PL[B] after move 1 is left out: W moves next"),
        (";B[cc];B[dd]", "moves of one color in a row: 1 times the other's pass is put between"),
        ("HA[7]PL[W]AB[cc];W[dd]", "HA[7] with 1 black and 0 white stones set up: no handicap, and"),
        ("HA[2]AB[cc][dd]AW[ee];W[ff]", "HA[2] with 2 black and 1 white stones set up: no handicap"),
        ("HA[7]PL[B];B[cc]", "HA[7] with Black to move first: no bonus for White"),
        ("HA[3]AB[cc][gg];W[dd]", "HA[3] with 2 stones (AB): read as 2"),
        ("AB[cc][gg];W[dd]", "black stones set up without HA: White gets no bonus of 1 points"),
        ("PL[W];B[cc]", "B moves first where W is to: a pass is put before"),
        (";B[cc](;W[dd]);B[ee]", "line 1: the main line is read, variations are left out"),
        (";B[cc]();W[dd]", "line 1: the main line is read, variations are left out"),
    ],
)  # fmt: skip
def test_what_is_not_taken_as_written_is_told(rest: str, warning: str) -> None:
    record = read_one(f"(;{HEAD}{rest})")
    assert any(told.startswith(warning) for told in record.warnings), record.warnings


@pytest.mark.parametrize(
    "rest",
    [
        ";B[cc];PL[W];W[dd]",
        ";B[cc];AB[cc];W[dd]",
        "AB[aa]PL[1];B[cc];AE[dd]AB[aa];PL[2]",
        ";B[cc]PL[white]",
        "AB[]PL[]AE[];B[cc];AW[]PL[];W[dd]",
        "AB[aa][aa]AB[aa];B[cc]",
    ],
)
def test_what_stands_as_the_moves_left_it_is_no_change(rest: str) -> None:
    assert read_one(f"(;{HEAD}{rest})").warnings == ()


def test_a_captured_stone_may_be_taken_off_beside_the_capture() -> None:
    record = read_one(f"(;{HEAD}AW[aa];B[ab];W[ii];B[ba]AE[aa];W[hh])")
    assert moves_of(record) == ["A8", "J1", "B9", "H2"]
    with pytest.raises(UserError, match=r"AW\[aa\]: stones are set up after move 3"):
        read_one(f"(;{HEAD}AW[aa];B[ab];W[ii];B[ba];AW[aa])")


def test_the_node_of_the_first_move_may_set_up_stones() -> None:
    record = read_one(f"(;{HEAD};AW[aa]AB[ba]B[ab];W[cc])")
    assert record.answer()["position"] == "B:B9 W:A9; A8 C7"
    assert record.answer()["captures"] == {"black": 1, "white": 0}
    assert moves_of(read_one(f"(;{HEAD}AB[dd];AE[dd]B[dd];W[cc])")) == ["D6", "C7"]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("AB[cc]AE[cc];W[dd]", r"AE\[cc\]: the point has a stone, and is to be empty"),
        ("AE[aa:ii]AB[cc];W[dd]", r"AE\[aa:ii\]: the point has a stone"),
        ("PL[W][B];B[cc]", r"PL\[B\]\[W\]: one player moves next"),
        (";B[cc];PL[W]PL[B]", r"PL\[B\]\[W\]: one player moves next"),
        ("HA[10];W[dd]", "HA, AB and AW: handicap of 10 on a 9x9 board: give 2 to 9 "),
        (";B[D4]", "ply 1: move 'D4' is off the 9x9 board, whose points are aa to ii; a pass is empty"),
    ],
)
def test_what_cannot_be_set_up_or_played_is_told_with_the_remedy(rest: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"^{message}.*\(the game of line 2\)$"):
        read_one(f"\n(;{HEAD}{rest})")


def test_many_rectangles_take_no_longer_than_one() -> None:
    # Seconds; minutes if each set up its points one by one.
    assert len(read_one(f"(;{HEAD}AB[aa:hi]{'[aa:hi]' * 300_000};W[ii])").moves) == 1


@pytest.mark.parametrize("lost", ["(GM[1]SZ[9];B[cc];W[dd])", "B[aa];W[bb]"])
def test_moves_before_the_first_game_are_a_bad_game(lost: str) -> None:
    bad, good = read_all(f"\n{lost}\n(;{HEAD};B[cc])")
    assert str(bad) == "line 2: moves before the first '(;' are of no game"
    assert moves_of(good) == ["C7"]
    with pytest.raises(UserError, match=r"no game: there is no '\(;'"):
        read_all(lost)


def test_one_warning_tells_of_a_property_with_many_values() -> None:
    many = "".join(f"KM[{komi}]" for komi in range(1, 1000))
    assert read_one(f"(;{HEAD}{many};B[cc])").warnings == ("KM[1] differs from KM[0], which is taken",)


def test_a_later_player_to_move_does_not_begin() -> None:
    assert read_one(f"(;{HEAD};B[cc];W[dd];PL[B];B[ee])").start == ""
    assert read_one(f"(;{HEAD};B[cc];PL[W];W[dd])").start == ""


LONG = 20_000


@pytest.mark.parametrize(
    "text",
    [
        "(;GM[1]" * LONG, "(;PB[x]" * LONG, "(;B[aa]" * LONG, "(;" * LONG, ";GM[1]" * LONG,
        "(;GM[1]C[" * LONG, "(;PB[x]C[" * LONG, "(;C[x)" * LONG, "(;C[" + "(;PB[" * LONG,
        "(;SZ[" + "a" * LONG, "(;" + "a" * LONG, "(;GM[1])" * 2000 + "(" * LONG, "(;" + "B[aa]" * LONG,
        "(;C[" + "\\" * LONG, "(;]" * LONG, "(;GM[1]x]" * LONG, "(;PB[x]x]" * LONG,
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_files_of_one_thing_many_times_take_linear_time(text: str) -> None:
    # Seconds in all; minutes if each looked at the rest of the file.
    assert all(isinstance(found, MainLine | UserError) for found in main_lines(text.encode()))


NAMES = st.sampled_from(["B", "W", "AB", "TB", "PB", "KM", "C", "LB", "XX"])
TEXTS = st.text(st.sampled_from("abc é本\\][();:\t\n"), max_size=8)


@st.composite
def trees(draw: st.DrawFn) -> str:
    """A well-formed collection of one game."""
    text, depth = "(;", 1
    for kind in draw(st.lists(st.sampled_from("ppppn()"), max_size=30)):
        if kind == "n":
            text += ";"
        elif kind == "p" and not text.endswith(")"):
            values = draw(st.lists(TEXTS, min_size=1, max_size=3))
            # A name that sgfmill would find twice in a node it refuses.
            name = draw(NAMES)
            if name + "[" not in text.rpartition(";")[2]:
                escaped = [value.replace("\\", "\\\\").replace("]", "\\]") for value in values]
                text += name + "".join(f"[{value}]" for value in escaped)
        elif kind == "(":
            text, depth = text + "(;", depth + 1
        elif kind == ")" and depth > 1:
            text, depth = text + ")", depth - 1
    return text + ")" * depth


@given(trees())
@settings(max_examples=200)
def test_sgfmill_reads_the_same_main_line(text: str) -> None:
    try:
        game = sgf_grammar.parse_sgf_game(text.encode())
    except ValueError:
        return
    theirs = []
    while True:
        theirs += game.sequence
        if not game.children:
            break
        game = game.children[0]
    (ours,) = main_lines(text.encode())
    assert isinstance(ours, MainLine)
    wanted = [
        {
            name: [sgf_grammar.simpletext_value(value).decode() for value in values]
            for name, values in node.items()
            if name in READ
        }
        for node in theirs
    ]
    assert [dict(node) for node in ours.nodes] == wanted
