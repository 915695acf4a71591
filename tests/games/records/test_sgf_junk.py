"""SGF files that are no games, cut or changed: read alike when they are printed, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_reading import Reader

from engine.errors import UserError
from games.records.record import Record
from games.records.sgf import reader as sgf
from games.records.sgf import writer as sgf_writer

READER = Reader(sgf)
read_all, read_one = READER.all, READER.one


def test_junk_is_a_typed_error() -> None:
    for text in ("", "x", "(", "(;", "(;(", "(;GM[1", "(;B[aa)", ";B[aa]", "(;B)", "(;B[aa]]", "(;1[aa])"):
        with pytest.raises(UserError, match=r"\S"):
            read_one(text)


WORDS = "( ) ; B W AB AW AE PL SZ KM RU HA GM CA RE PB C [ ] [aa] [] [tt] [cc] [9] [5:7] [dd:ee] [W] [2] é"
PIECES = st.sampled_from([*WORDS.split(), "\\", "\n", " "])
FILES = st.lists(PIECES, max_size=60).map(lambda pieces: ("(;" + "".join(pieces)).encode())


@given(st.one_of(st.binary(max_size=300), FILES))
@settings(max_examples=300)
def test_junk_gives_only_the_typed_error(data: bytes) -> None:
    try:
        found = read_all(data)
    except UserError:
        return
    for record in found:
        if isinstance(record, Record):
            assert read_one(sgf_writer.print_record(record)) == record


MESSY = """(;GM[1]FF[3]SZ[9]RU[Chinese]KM[3.75]HA[2]AB[cc][gg]PB[A]RE[W+R];W[ee];B[dd];B[tt];W[];B[fe]
(;W[ff];B[gf])(;W[aa]))(;SZ[5:4]PL[W];W[aa];W[bb];B[cc])"""


@given(st.integers(0, len(MESSY) - 1), st.sampled_from("()[];\\aBWtx1 \n"), st.booleans())
@settings(max_examples=300)
def test_a_mutated_file_is_read_alike_when_it_is_printed(at: int, letter: str, inserted: bool) -> None:
    try:
        found = read_all(MESSY[:at] + letter + MESSY[at + (not inserted) :])
    except UserError:
        return
    for record in found:
        if isinstance(record, Record):
            assert read_one(sgf_writer.print_record(record)) == record
            record.answer()


FIELD = (
    "(;GM[1]CA[Shift_JIS]AP[a][foxwq]SZ[9]RU[Japanese]KM[50]PB[表ソ]PW[能]RE[B+2.5]AB[cc]AW[gg]AE[aa]PL[W]"
    ";W[ee]KO[];B[dd]AB[dd];W[tt];B[];W[]TB[aa:bb]TW[hh][gg])\n"
    "(;GM[1]PB[許功]HA[2]KM[3 3/4]RU[AGA];AB[bb][ff];White[cc];Black[dd];W[];B[];W[])"
).encode("shift_jis", "replace")


@given(st.integers(0, len(FIELD) - 1), st.binary(max_size=2), st.integers(0, 3))
@settings(max_examples=300)
def test_mutated_bytes_give_games_that_are_printed_and_read_alike(at: int, new: bytes, dropped: int) -> None:
    try:
        found = read_all(FIELD[:at] + new + FIELD[at + dropped :])
    except UserError:
        return
    for record in found:
        if isinstance(record, Record):
            again = read_one(sgf_writer.print_record(record))
            assert again == record
            assert again.answer() == record.answer()
