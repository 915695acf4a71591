"""Charsets of SGF files: claimed, missing, wrong; a second byte may be a bracket or backslash."""

from __future__ import annotations

import encodings.aliases
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_reading import Reader

from engine.errors import UserError
from games.records.record import Record
from games.records.sgf import reader as sgf
from games.records.sgf.charset import CHARSETS, find_charset

READER = Reader(sgf)
read_one = READER.one

NAMES = {
    "cp932": ("ソ耀国", "表能予十暴申", "名人戦 予選決勝"),
    "gb18030": ("柯洁", "芈昱廷", "第十届春兰杯决赛"),
    "big5": ("許功蓋", "周俊勳", "台灣棋王賽決賽"),
    "cp949": ("이세돌", "박정환", "제3회 농심배 결승"),
    "euc_jp": ("趙治勲", "表能予十", "第三局 本因坊戦"),
    "cp1252": ("Müller", "José García", "Championnat d\u2019Europe \u2013 3è tour"),
    "cp1251": ("Александр Динерштейн", "Иван Шикшин", "Чемпионат России"),
}
"""By charset: two players and an event."""


TEXTS = {
    "cp932": "表ソ", "gb18030": "柯洁", "big5": "許功蓋", "cp949": "이세돌", "euc_jp": "表能",
    "utf-8": "é本", "cp1251": "Иван", "koi8-r": "Иван", "iso2022_jp": "本因坊", "tis-620": "โกะ",
}  # fmt: skip


def file_in(charset: str, claim: str = "") -> bytes:
    black, white, event = NAMES[charset]
    tags = f"PB[{black}]PW[{white}]EV[{event}]"
    return f"(;GM[1]{claim}SZ[9]RU[AGA]{tags}KM[6.5]HA[0]RE[W+R];B[cc];W[gg])".encode(charset)


def check(record: Record, charset: str) -> None:
    assert tuple(record.tags[name] for name in ("PB", "PW", "EV")) == NAMES[charset]
    assert record.answer()["komi"] == 6.5
    assert (record.result, len(record.moves)) == ("W+R", 2)


@pytest.mark.parametrize("charset", NAMES)
def test_a_missing_charset_is_found_and_told(charset: str) -> None:
    record = read_one(file_in(charset))
    check(record, charset)
    (warning,) = record.warnings
    assert warning.startswith("no charset (CA), not UTF-8: read as ")


@pytest.mark.parametrize("charset", NAMES)
@pytest.mark.parametrize("claim", ["UTF-8", "US-ASCII", "mine", "ISO-8859-1"])
def test_a_wrong_charset_is_told(charset: str, claim: str) -> None:
    if claim == "ISO-8859-1" and charset == "cp1251":
        return  # whose letters are letters of it
    record = read_one(file_in(charset, f"CA[{claim}]"))
    check(record, charset)
    assert f"CA[{claim}]" in record.warnings[0]
    assert len(record.warnings) == 1


@pytest.mark.parametrize("claim", ["ISO-8859-1", "windows-1252", "GBK", "Shift_JIS", "Big5", "EUC-KR"])
def test_utf_8_under_another_name(claim: str) -> None:
    data = f"(;GM[1]CA[{claim}]SZ[9]RU[AGA]PB[柯洁]PW[表能]KM[6.5];B[cc])".encode()
    record = read_one(data)
    assert (record.tags["PB"], record.tags["PW"]) == ("柯洁", "表能")
    assert record.warnings == (f"CA[{claim}] does not fit: read as utf-8",)


@pytest.mark.parametrize("claim", ["GBK", "Big5", "EUC-KR", "EUC-JP"])
def test_shift_jis_under_another_name(claim: str) -> None:
    record = read_one(file_in("cp932", f"CA[{claim}]"))
    check(record, "cp932")
    assert record.warnings == (f"CA[{claim}] does not fit: read as cp932",)


@pytest.mark.parametrize(
    ("claim", "charset"),
    [
        ("UTF8", "utf-8"), ("utf-8", "utf-8"), ("csUTF8", "utf-8"), ("gb2312", "gb18030"), ("GBK", "gb18030"),
        ("CP936", "gb18030"), ("windows-936", "gb18030"), ("x-gbk", "gb18030"), ("GB_2312-80", "gb18030"),
        ("gb18030", "gb18030"), ("sjis", "cp932"), ("shift_jis", "cp932"), ("Shift-JIS", "cp932"),
        ("x-sjis", "cp932"), ("MS_Kanji", "cp932"), ("Windows-31J", "cp932"), ("csShiftJIS", "cp932"),
        ("CP932", "cp932"), ("Big5", "big5"), ("big-5", "big5"), ("x-x-big5", "big5"), ("Big5-HKSCS", "big5"),
        ("euc-kr", "cp949"), ("ks_c_5601-1987", "cp949"), ("KSC5601", "cp949"), ("windows-949", "cp949"),
        ("UHC", "cp949"), ("EUC-JP", "euc_jp"), ("x-euc-jp", "euc_jp"), ("ISO8859-1", "latin-1"),
        ("ISO_8859-1:1987", "latin-1"), ("latin1", "latin-1"), ("l1", "latin-1"),
        ("8859-1", "latin-1"), ("ISO88591", "latin-1"),
        ("KS_C_5601-1989", "cp949"), ("win-1251", "cp1251"), ("iso-ir-100", "latin-1"),
        ("windows-1252", "cp1252"), ("cp-1252", "cp1252"), ("WINDOWS-1251", "cp1251"), ("KOI8-R", "koi8-r"),
        ("ISO-2022-JP", "iso2022_jp"), ("ISO-2022-JP-2", "iso2022_jp"), ("utf-8-sig", "utf-8"),
        ("TIS-620", "tis-620"),
    ],
)  # fmt: skip
def test_a_charset_by_its_names(claim: str, charset: str) -> None:
    text = TEXTS.get(charset, "Müller")
    record = read_one(f"(;CA[{claim}]RU[AGA]PB[{text}]KM[6.5];B[dd])".encode(charset))
    assert record.tags["PB"] == text
    assert record.warnings == ()


def test_charsets_are_charsets() -> None:
    assert len(CHARSETS & {find_charset(alias) for alias in encodings.aliases.aliases}) > 40
    for name in (
        "zip",
        "zlib",
        "rot13",
        "hex",
        "base64",
        "unicode_escape",
        "idna",
        "punycode",
        "",
        "\0",
    ):
        assert find_charset(name) == ""
    assert all(find_charset(name) == name for name in CHARSETS)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8"])
@pytest.mark.parametrize("claim", ["", "CA[UTF-8]", "CA[UTF-16]", "CA[GBK]"])
def test_unicode_is_recognized(encoding: str, claim: str) -> None:
    text = f"( \n;GM[1]{claim}SZ[9]RU[AGA]PB[表能]PW[é]KM[6.5];B[cc])"
    record = read_one(text.encode(encoding))
    assert (record.tags["PB"], record.tags["PW"]) == ("表能", "é")
    assert record.answer()["komi"] == 6.5
    assert (claim == "CA[GBK]") == bool(record.warnings)


def test_games_of_one_file_may_have_different_charsets() -> None:
    games = [file_in(charset, f"CA[{charset}]") for charset in NAMES]
    found = READER.all(b"\n".join([*games, file_in("cp932"), "(;GM[1]PB[é])".encode()]))
    for record, charset in zip(found[:-1], [*NAMES, "cp932"], strict=True):
        assert isinstance(record, Record)
        check(record, charset)
    assert isinstance(found[-1], Record)
    assert found[-1].tags["PB"] == "é"


@pytest.mark.parametrize("name", ["é", "José", "Å", "Müller", "Blå", "Café à"])
def test_short_names_in_latin_letters(name: str) -> None:
    assert read_one(f"(;GM[1]PB[{name}];B[dd])".encode("iso8859-1")).tags["PB"] == name


@pytest.mark.parametrize("name", ["表", "ソ", "予", "山田 表", "名人能"])
def test_a_second_byte_that_is_a_backslash_ends_no_value(name: str) -> None:
    for rest in ("]KM[6.5];B[dd])", "]PW[ソ]KM[6.5];B[dd]C[予])"):
        record = read_one(f"(;RU[AGA]PB[{name}{rest}".encode("shift_jis"))
        assert (record.answer()["komi"], len(record.moves)) == (6.5, 1)
        assert record.tags["PB"] == name or len(name) == 1  # one letter may be of any charset


@pytest.mark.parametrize("claim", ["", "CA[UTF-8]", "CA[Shift_JIS]"])
def test_escape_sequences_tell_the_charset(claim: str) -> None:
    # Of these letters bytes are brackets and backslashes.
    record = read_one(f"(;GM[1]{claim}RU[AGA]PB[本因坊]PW[十段]EV[純碁]KM[6.5];B[dd])".encode("iso2022_jp"))
    assert (record.tags["PB"], record.tags["PW"], record.tags["EV"]) == ("本因坊", "十段", "純碁")
    assert record.answer()["komi"] == 6.5
    (warning,) = record.warnings
    assert warning.endswith(": read as iso2022_jp")


@pytest.mark.parametrize("text", ["\x1b$B", "\x1b$Bab", "\x1b$B\x1b(B", "\x1b(B", "é\x1b$Bab\x1b(B"])
def test_escape_sequences_that_are_none(text: str) -> None:
    record = read_one(f"(;GM[1]CA[UTF-8]RU[AGA]PB[{text}]KM[6.5];B[dd])")
    assert (record.tags["PB"], record.warnings) == (text, ())


def test_what_fits_nothing_is_replaced_and_told() -> None:
    record = read_one(b"(;GM[1]SZ[9]RU[AGA]PB[\xff\xff\x81\x00\x98\x90]KM[6.5];B[cc])")
    assert "\ufffd" in record.tags["PB"]
    assert record.answer()["komi"] == 6.5
    assert "U+FFFD" in record.warnings[0]


@pytest.mark.parametrize("claim", ["UTF-8", "GBK", "", "ISO-8859-1"])
def test_damaged_utf_8_is_not_taken_for_another_charset(claim: str) -> None:
    text = f"(;GM[1]{f'CA[{claim}]' if claim else ''}SZ[9]RU[AGA]PB[柯洁]PW[表能]KM[6.5];B[cc]C[本".encode()
    record = read_one(text[:-1] + b"])")
    assert (record.tags["PB"], record.tags["PW"]) == ("柯洁", "表能")
    (warning,) = record.warnings
    assert "damaged bytes replaced by U+FFFD" in warning


def test_a_damaged_charset_that_is_named_is_kept() -> None:
    text = f"(;GM[1]CA[EUC-KR]SZ[9]RU[AGA]PB[{'이세돌' * 10}]KM[6.5];B[cc]C[".encode("cp949")
    record = read_one(text + b"\xff\xff])")
    assert record.tags["PB"] == "이세돌" * 10
    assert record.warnings == ("CA[EUC-KR], damaged bytes replaced by U+FFFD",)


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    with pytest.raises(UserError, match=r"line 1: .* extra 'go'"):
        read_one(file_in("gb18030"))
    assert read_one("(;PB[本])").tags["PB"] == "本"


@given(st.sampled_from(sorted(NAMES)), st.text(max_size=20))
def test_any_text_in_a_named_charset_is_read_as_it_is(charset: str, drawn: str) -> None:
    letters = "".join(letter for letter in drawn if letter.isalnum())
    text = letters.encode(charset, "ignore").decode(charset)
    record = read_one(f"(;CA[{charset}]RU[AGA]PB[x{text}x]KM[6.5];B[dd])".encode(charset))
    if not record.warnings:
        assert record.tags["PB"] == f"x{text}x"
    assert record.answer()["komi"] == 6.5
    assert len(record.moves) == 1
