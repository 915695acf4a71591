"""RU and KM of SGF files in the spellings of the field: what is taken, told and refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_reading import Reader

from engine.errors import UserError
from games.records.sgf import reader as sgf
from games.records.sgf.komi import komi_option, komi_text
from games.records.sgf.rules import rules_options

read_one = Reader(sgf).one


@pytest.mark.parametrize(
    ("written", "komi"),
    [
        ("6.5", 6.5),
        ("6,5", 6.5),
        (" 6.5 ", 6.5),
        ("+6.5", 6.5),
        ("-7", -7),
        ("\u22127.5", -7.5),
        ("- 7.5", -7.5),
        ("0", 0),
        ("-0", 0),
        ("0.50", 0.5),
        (".5", 0.5),
        ("7.", 7),
        ("\uff17\uff0e\uff15", 7.5),
        ("5 1/2", 5.5),
        ("5-1/2", 5.5),
        ("6½", 6.5),
        ("6 ½", 6.5),
        ("½", 0.5),
        ("1/2", 0.5),
        ("-5 1/2", -5.5),
        ("6.5 points", 6.5),
        ("6.5目", 6.5),
        ("7.5点", 7.5),
        ("6.5 pts.", 6.5),
        ("150.0", 150),
        ("50.0", 50),
        ("24", 24),
        ("6目半", 6.5),
        ("コミ6目半", 6.5),
        ("半目", 0.5),
        ("6집반", 6.5),
        ("黑贴6.5目", 6.5),
        ("Komi: 7.5", 7.5),
        ("6.5 Points", 6.5),
    ],
)
def test_komi_in_points(written: str, komi: float) -> None:
    assert komi_option(written) == (komi, "")


@pytest.mark.parametrize(
    ("written", "programs", "rules", "komi"),
    [
        ("50", ["foxwq"], "japanese", 0.5),
        ("50", ["GNU Go:3.8", "foxwq"], "chinese", 0.5),
        ("650", ["foxwq"], "japanese", 6.5),
        ("750", ["野狐围棋"], "chinese", 7.5),
        ("375", ["foxwq"], "chinese", 7.5),
        ("375", [], "chinese", 7.5),
        ("275", ["Tencent"], "chinese", 5.5),
        ("350", ["foxwq"], "chinese", 7),
        ("350", ["foxwq"], "japanese", 3.5),
        ("-650", [], "japanese", -6.5),
        ("50", [], "japanese", 0.5),
        ("75", ["foxwq"], "chinese", 1.5),
        ("3.75", [], "chinese", 7.5),
        ("3.75子", [], "chinese", 7.5),
        ("3又3/4子", [], "chinese", 7.5),
        ("3 3/4", [], "chinese", 7.5),
        ("7", ["foxwq"], "japanese", 7),
        ("65", [], "japanese", 65),
        ("123", [], "japanese", 123),
        ("6.5 by agreement", [], "japanese", 6.5),
        ("黑贴3又3/4子", [], "chinese", 7.5),
        ("贴3.75子", [], "chinese", 7.5),
    ],
)
def test_a_komi_that_is_not_plainly_points_is_told(
    written: str, programs: list[str], rules: str, komi: float
) -> None:
    assert komi_option(written, programs, rules) == (komi, f"komi KM[{written}]: read as {komi:g} points")


def test_fox_writes_no_warning_for_an_even_game() -> None:
    assert komi_option("0", ["foxwq"], "chinese") == (0, "")


@pytest.mark.parametrize(
    "written",
    ["six", "6.3", "6.25", "625.5", "700.5", "1e2", "6.5x", "6.5 1/2", "5 1/3", "51/2", "5 /", "1/2/4", "nan",
     "inf", "6..5", "--6", "6.5 or 7.5", "$5", "65",
     "7²", "6.5目半", "6.5 komi, reverse", "5 for Black", "逆コミ5目", "Komi", "半"],
)  # fmt: skip
def test_what_is_no_komi_is_named(written: str) -> None:
    with pytest.raises(UserError, match=r"KM\["):
        komi_option(written, ["foxwq"])


@pytest.mark.parametrize("written", ["", " ", "\n"])
def test_no_komi_is_told(written: str) -> None:
    assert komi_option(written) == (0, "no komi (KM): read as 0")


@given(st.integers(-1250, 1250))
def test_a_written_komi_is_read_as_the_same_without_a_word(half_points: int) -> None:
    assert komi_option(komi_text(half_points / 2), ["foxwq"], "chinese")[0] == half_points / 2
    assert komi_option(komi_text(half_points / 2)) == (half_points / 2, "")


def test_the_handicap_game_of_a_chinese_server() -> None:
    record = read_one("(;GM[1]SZ[19]AP[foxwq]HA[2]RU[Japanese]KM[50];AB[pd][dp];W[dd])")
    assert record.answer()["komi"] == 0.5
    assert record.warnings == ("komi KM[50]: read as 0.5 points",)
    twice = read_one("(;GM[1]AP[GNU Go:3.8]RU[Chinese]KM[50]AP[foxwq];B[dd])")
    assert twice.answer()["komi"] == 0.5


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Japanese", "japanese"),
        ("Area scoring", "chinese"),
        ("Territory scoring", "japanese"),
        ("jp", "japanese"),
        ("JAPANESE RULES", "japanese"),
        ("日本規則", "japanese"),
        ("Korean", "japanese"),
        ("Korean Rules", "japanese"),
        ("한국", "japanese"),
        ("Chinese", "chinese"),
        ("chinese rule", "chinese"),
        ("中国规则", "chinese"),
        ("AGA", "aga"),
        ("aga rules", "aga"),
        ("BGA", "aga"),
        ("French", "aga"),
        ("NZ", "new-zealand"),
        ("New Zealand", "new-zealand"),
        ("new-zealand", "new-zealand"),
        ("Tromp-Taylor", "tromp-taylor"),
        ("tromp_taylor", "tromp-taylor"),
        ("GOE", "tromp-taylor"),
        ("Ing", "tromp-taylor"),
        ("Chinese-KGS", "chinese-kgs"),
        ("chinese-ogs", "chinese-ogs"),
        ("数子", "chinese"),
        ("日韩规则", "japanese"),
    ],
)
def test_rules(written: str, name: str) -> None:
    assert rules_options(written) == ({"rules": name}, "")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Japanese 1989", "japanese"),
        ("Chinese (2002)", "chinese"),
        ("Nihon Ki-in, 1989", "japanese"),
        ("AGA (area)", "aga"),
        ("AGA 2012", "aga"),
        ("Chinese area scoring", "chinese"),
        ("Ing1996", "tromp-taylor"),
        ("Ing's SST", "tromp-taylor"),
        ("中国规则(黑贴3.75子)", "chinese"),
    ],
)
def test_rules_within_a_text_are_told(written: str, name: str) -> None:
    assert rules_options(written) == ({"rules": name}, f"rules RU[{written}]: read as {name}")


@pytest.mark.parametrize("written", ["Tibetan", "house", "?", "Japanese or Chinese", "EGF", "let us play"])
def test_unknown_rules_are_told(written: str) -> None:
    assert rules_options(written) == ({"rules": "japanese"}, f"unknown rules RU[{written}]: read as japanese")


@pytest.mark.parametrize(
    ("written", "game"),
    [
        ("koPOSITIONALscoreAREAtaxNONEsui1", ""),
        ("koPOSITIONALscoreAREAtaxNONEsui1button0whb0fpok0", ""),
        ("koSIMPLEscoreAREAtaxNONEsui0whbN", ",rules=chinese"),
        ("koSITUATIONALscoreAREAtaxNONEsui0whbN-1", ",rules=aga"),
        ("koSITUATIONALscoreAREAtaxNONEsui1", ",rules=new-zealand"),
        ("koSIMPLEscoreTERRITORYtaxNONEsui0", ",rules=japanese"),
        ("kosimplescoreareasui0whbn", ",rules=chinese"),
        ("scoreAREA koSIMPLE sui0 whbN tax:NONE", ",rules=chinese"),
        ('{"ko":"SIMPLE","scoring":"AREA","suicide":false,"whiteHandicapBonus":"N"}', ",rules=chinese"),
        (
            '{"hasButton": false, "ko": "SITUATIONAL", "scoring": "AREA", "suicide": true, "tax": "NONE",'
            ' "whiteHandicapBonus": "0", "friendlyPassOk": false}',
            ",rules=new-zealand",
        ),
    ],
)
def test_rules_by_their_parts(written: str, game: str) -> None:
    record = read_one(f"(;SZ[9]KM[6]RU[{written}])")
    assert record.name == f"go:size=9{game},komi=6"
    assert record.warnings == ()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("koPOSITIONALscoreAREAtaxNONEsui1button1whbN", "button1"),
        ("koPOSITIONALscoreAREAtaxSEKIsui1", "taxSEKI with scoreAREA"),
        ("koPOSITIONALscoreAREAtaxALLsui1", "taxALL"),
        ("koSIMPLEscoreTERRITORYtaxALLsui0", "taxALL"),
        ("koSPIGHTscoreAREAtaxNONEsui1", "koSPIGHT"),
        ("koSIMPLEscoreAREAtaxNONEsui1mine1", "'mine1'"),
        ("koSIMPLEscoreAREAsui0sui1", "suicide twice"),
        ("koSIMPLEscoreAREAwhbN-2", "'-2'"),
        ("koSIMPLEscoreOTHER", "'scoreOTHER'"),
        ("aga-button", "a button"),
        ("AGA with button", "a button"),
        ("stone-scoring", "a group tax"),
        ("Ancient Territory", "a group tax"),
        ("chinese ancient", "a group tax"),
        ('{"ko":"SIMPLE","scoring":"AREA","hasButton":true,"suicide":false}', "button1"),
        ('{"ko":"SIMPLE","scoring":"TERRITORY","tax":"ALL","suicide":false}', "taxALL"),
        ('{"ko":"SIMPLE","scoring":"AREA","suicide":false,"mine":1}', "'mine1'"),
        ('{"ko":"SIMPLE","ko":"POSITIONAL","suicide":false}', "ko twice"),
        ('{"ko":["SIMPLE"\\]}', "is not understood"),
        ('{"ko":"SIMPLE"', "is no JSON"),
        ('{"ko":' * 1500, "is no JSON"),
    ],
)
def test_parts_that_are_not_played_are_refused_by_name(written: str, name: str) -> None:
    with pytest.raises(UserError, match=name):
        read_one(f"(;SZ[9]KM[6]RU[{written}])")


@pytest.mark.parametrize(
    ("written", "name"),
    [("koSIMPLEscoreTERRITORYtaxSEKIsui0", "taxSEKI"), ("koSIMPLEscoreAREAtaxNONEsui0whbNfpok1", "fpok1")],
)
def test_parts_that_rest_on_an_agreement_are_told(written: str, name: str) -> None:
    (warning,) = read_one(f"(;SZ[9]KM[6]RU[{written}])").warnings
    assert name in warning


@pytest.mark.parametrize(
    ("written", "name", "taken"),
    [
        ("koSIMPLEscoreAREA", "go:size=9,ko=simple,komi=6", "sui1"),
        ("koSIMPLE", "go:size=9,ko=simple,komi=6", "scoreAREA, sui1"),
        ('{"suicide":true}', "go:size=9,komi=6", "koPOSITIONAL, scoreAREA"),
    ],
)
def test_parts_that_are_left_out_are_told(written: str, name: str, taken: str) -> None:
    record = read_one(f"(;SZ[9]KM[6]RU[{written}])")
    assert record.name == name
    assert record.warnings == (f"rules RU[{written}]: read with {taken}",)


@pytest.mark.parametrize(
    ("komi", "wanted", "warnings"),
    [
        ("", 7.5, ()),
        ("KM[7.5]", 7.5, ()),
        ("KM[6.5]", 6.5, ("komi 7.5 in RU differs from KM[6.5], which is taken",)),
    ],
)
def test_a_komi_among_the_rules(komi: str, wanted: float, warnings: tuple[str, ...]) -> None:
    for rules in (
        "koSIMPLEscoreAREAtaxNONEsui0komi7.5",
        '{"ko":"SIMPLE","scoring":"AREA","suicide":false,"komi":7.5}',
    ):
        record = read_one(f"(;SZ[9]RU[{rules}]{komi})")
        assert (record.answer()["komi"], record.warnings) == (wanted, warnings)
