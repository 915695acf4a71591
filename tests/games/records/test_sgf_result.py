"""Who won a recorded game of Go: RE in the spellings of the field, and the territory that was agreed on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_reading import Reader

from games.records.sgf import reader as sgf
from games.records.sgf import writer as sgf_writer
from games.records.sgf.result import parse_result, score_text

READER = Reader(sgf)
read_one = READER.one


@pytest.mark.parametrize(
    ("written", "winner", "points"),
    [
        ("B+3.5", "B", 3.5), ("W+3.50", "W", 3.5), ("w+12", "W", 12), ("B+0.5", "B", 0.5),
        ("B + 2,5", "B", 2.5), ("Black+3", "B", 3), ("White wins by 2.5 points", "W", 2.5),
        ("W+7.5pts", "W", 7.5), ("B+R", "B", None), ("W+Resign", "W", None), ("W+res", "W", None),
        ("B+T", "B", None), ("b+time", "B", None), ("W+F", "W", None), ("B+Forfeit", "B", None),
        ("B+", "B", None), ("W+?", "W", None), ("0", "", 0), ("Draw", "", 0), ("Jigo", "", 0),
        ("持碁", "", 0), ("和棋", "", 0), ("Void", None, None), ("?", None, None), ("", None, None),
        ("打掛", None, None), ("黑中盘胜", "B", None), ("白中盤勝ち", "W", None),
        ("黒中押し勝ち", "B", None), ("白番中押し勝ち", "W", None), ("흑 불계승", "B", None),
        ("白超时胜", "W", None), ("黑胜", "B", None), ("黑胜3.5目", "B", 3.5), ("白2目半勝ち", "W", 2.5),
        ("黒半目勝ち", "B", 0.5), ("白半目勝", "W", 0.5), ("黑胜1又3/4子", "B", 3.5),
        ("白胜四分之三子", "W", 1.5), ("黑胜3/4子", "B", 1.5), ("백 2집반승", "W", 2.5),
    ],
)  # fmt: skip
def test_results(written: str, winner: str | None, points: float | None) -> None:
    found = parse_result(written)
    assert found is not None
    assert (found.winner, found.points) == (winner, points)


@pytest.mark.parametrize("written", ["mine", "B-3", "Z+R", "B+x", "3.5", "B+3.5+4", "Both lose"])
def test_results_that_are_not_understood(written: str) -> None:
    assert parse_result(written) is None
    (warning,) = read_one(f"(;SZ[5]RU[AGA]KM[0]RE[{written}];B[cc])").warnings
    assert warning == f"RE[{written}] is not understood"


@given(st.integers(-1000, 1000))
def test_our_results_are_understood(half_points: int) -> None:
    found = parse_result(score_text(half_points / 2))
    assert found is not None
    assert found.agrees_with(half_points / 2)
    assert not found.agrees_with(half_points / 2 + 1)
    assert not found.agrees_with(-half_points / 2 or 1)


def test_quarters_are_of_stones() -> None:
    found = parse_result("B+1.75")
    assert found is not None
    assert found.agrees_with(3.5)
    assert not found.agrees_with(1.5)


WALLS = "AB[ba:be]AW[da:de]"
"""A wall of Black on the second column of a 5x5 board and one of White on the fourth, dame between them."""


def walls(rules: str, rest: str, root: str = "") -> Any:
    return read_one(f"(;SZ[5]RU[{rules}]KM[0.5]{WALLS}{root};B[];W[]{rest})")


def test_territory_without_marks_takes_all_stones_for_alive() -> None:
    found = walls("Japanese", "").answer()
    assert (found["result"], found["agreement"]) == ("W+0.5", None)


@pytest.mark.parametrize(
    "where", ["TB[aa:ae]TW[ea:ee]", ";TB[aa:ae]TW[ea:ee]", ";C[x];TB[aa:ae]TW[ea:ee]C[x]"]
)
def test_marks_are_the_territory(where: str) -> None:
    found = walls("Japanese", where).answer()
    assert found["agreement"] == {"dead": [], "result": "W+0.5"}
    assert (found["result"], found["outcome"]) == ("W+0.5", -1)


def test_a_dead_stone_is_a_prisoner_on_territory() -> None:
    # A white stone in Black's corner: one point of territory that it stands on, and one for the stone.
    record = read_one(
        "(;SZ[5]RU[Japanese]KM[0.5]AB[ba:be]AW[da:de][aa]PL[B]RE[B+1.5];B[];W[];TB[aa:ae]TW[ea:ee])"
    )
    found = record.answer()
    assert found["agreement"] == {"dead": ["A5"], "result": "B+0.5"}
    assert (found["result"], found["outcome"]) == ("B+0.5", 1)
    assert record.warnings == ("RE[B+1.5]: the count is B+0.5 by TB and TW",)
    assert read_one(sgf_writer.print_record(record)).answer() == found


def test_a_mark_on_one_stone_takes_its_string() -> None:
    found = read_one(
        "(;SZ[5]RU[Japanese]KM[0]AB[ba:be]AW[da:de][aa:ab];B[];W[];TB[aa][ac:ae]TW[ea:ee])"
    ).answer()
    assert found["agreement"]["dead"] == ["A4", "A5"]


def test_marks_leave_out_eyes_in_a_seki() -> None:
    # The corner point A1 is not marked: it is no territory.
    found = walls("Japanese", ";TB[aa:ad]TW[ea:ee]").answer()
    assert found["result"] == "W+1.5"


def test_marks_on_living_stones_count_nothing() -> None:
    assert walls("Japanese", ";TB[aa:be]TW[da:ee]").answer()["result"] == "W+0.5"


@pytest.mark.parametrize("rules", ["Chinese", "AGA", "NZ"])
def test_area_is_counted_as_it_stands_and_without_the_dead(rules: str) -> None:
    record = read_one(f"(;SZ[5]RU[{rules}]KM[0.5]RE[W+0.5]AB[ba:be]AW[da:de][aa];B[];W[];TB[aa:ae]TW[ea:ee])")
    found = record.answer()
    assert found["result"] == "W+6.5"
    assert found["agreement"] == {"dead": ["A5"], "result": "W+0.5"}
    assert record.warnings == ()


def test_a_handicaps_bonus_is_in_the_agreed_area() -> None:
    found = read_one("(;SZ[5]RU[Chinese]KM[0]HA[2]AB[bb][dd];W[];B[];TB[aa])").answer()
    assert found["agreement"]["result"] == found["result"] == "B+23"


def test_marks_before_the_last_move_are_not_the_result() -> None:
    record = read_one(f"(;SZ[5]RU[Japanese]KM[0.5]{WALLS};B[]TB[aa];W[])")
    assert record.answer()["agreement"] is None
    assert record.warnings == ("TB and TW before the last move are left out",)


@pytest.mark.parametrize(
    ("marks", "what"),
    [("TB[aa]TW[aa]", "A5 is in both"), ("TB[zz]", "TB[zz] is not a point"), ("TB[x]", "TB[x]")],
)
def test_marks_that_make_no_sense_are_told(marks: str, what: str) -> None:
    record = walls("Japanese", f";{marks}")
    assert any(what in warning for warning in record.warnings)
    assert record.answer()["agreement"] is None


@pytest.mark.parametrize("result", ["W+0.5", "W+R", "B+R", "B+T", "Void", "?", "W+"])
def test_a_result_that_may_be_right_is_not_told(result: str) -> None:
    assert walls("Japanese", "", f"RE[{result}]").warnings == ()


def test_a_result_of_a_game_that_runs_on_is_not_judged() -> None:
    assert read_one("(;SZ[5]RU[Japanese]KM[0.5]RE[B+9.5];B[cc])").warnings == ()


def test_a_result_with_dead_stones_is_told() -> None:
    assert walls("Japanese", "", "RE[B+20.5]").warnings == (
        "RE[B+20.5]: the count is W+0.5 with all stones alive",
    )


def test_a_draw_under_ings_rules_is_told() -> None:
    text = "(;SZ[5]RU[{}]KM[0]AB[ba:be]AW[da:de];B[];W[])"
    (warning,) = read_one(text.format("Ing GOE")).warnings
    assert warning == "rules RU[Ing GOE]: a draw is won by Black, here it is none's"
    assert read_one(text.format("Tromp-Taylor")).warnings == ()
