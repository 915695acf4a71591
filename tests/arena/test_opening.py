"""Openings from files of every kind and from a game's suite: told what is passed over, refused by line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine._core import Game, InputError
from engine.arena.opening import SUITE, Openings, load_openings
from engine.cli.game.event.opening import choose_openings
from engine.errors import UserError
from engine.game.notation import parse_line, read_position, without_comment
from engine.protocols.request import read_state
from engine.registry import load_game, position_text

CHESS = load_game("chess")
CONNECT4 = load_game("connect4")
START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq -"
KINGS = "4k3/8/8/8/8/8/P7/4K3 w - -"


def texts(found: Openings, game: Game = CHESS) -> list[str]:
    return [position_text(game, state) for state in found.states]


def written(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


LINES = [
    ("44", CONNECT4, "44"),
    ("44 # two in the middle", CONNECT4, "44"),
    ("44\t# two", CONNECT4, "44"),
    ("44 ; two", CONNECT4, "44"),
    ("4 4 1", CONNECT4, "441"),
    ("1. 4 4 2. 1", CONNECT4, "441"),
    ("\ufeff44\r", CONNECT4, "44"),
    (f"{START} 0 1", CHESS, f"{START} 0 1"),
    (f"\ufeff{START}", CHESS, f"{START} 0 1"),
    (f"{KINGS} 3 9 # a comment; with more", CHESS, f"{KINGS} 3 9"),
    (f"{KINGS} 3 9 ; e4 is best, or not", CHESS, f"{KINGS} 3 9"),
    (f"{KINGS} hmvc 3; fmvn 9;", CHESS, f"{KINGS} 3 9"),
    (f'{KINGS} id "a # b; c"; # d', CHESS, f"{KINGS} 0 1"),
    (f'{KINGS} id "x \\" # y"; hmvc 4;', CHESS, f"{KINGS} 4 1"),
    (f"{KINGS} bm a4; am a3; ce 300; pv a4 Kd7;", CHESS, f"{KINGS} 0 1"),
    ("1. e4 e5 2. Nf3", CHESS, "e2e4 e7e5 g1f3"),
    ("1.e4 e5 2.Nf3 Nc6 # Knights", CHESS, "e2e4 e7e5 g1f3 b8c6"),
    ("e4 1... e5", CHESS, "e2e4 e7e5"),
    ("1. f3 e5 2. g4 ; not yet mate", CHESS, "f2f3 e7e5 g2g4"),
]


def position(game: Game, text: str) -> Any:
    return None if (state := parse_line(game, text)) is None else position_text(game, state)


@pytest.mark.parametrize(
    ("line", "game", "expected"), LINES, ids=lambda each: str(getattr(each, "name", each))[:40]
)
def test_a_line_is_read_with_what_stands_around_it(line: str, game: Game, expected: str) -> None:
    same = game.parse(expected)
    state = parse_line(game, line)
    assert state is not None
    assert (state.key(), state.text(), state.ply()) == (same.key(), same.text(), same.ply())


@pytest.mark.parametrize("line", ["", "  ", "# all of it", ";x", " \t; 44", "\ufeff", "\ufeff# x", "\x1a"])
def test_a_line_without_a_position_gives_none(line: str) -> None:
    assert parse_line(CONNECT4, line) is None
    assert without_comment(line) == ""


@pytest.mark.parametrize("line", ["1.", "48", "4;4", "44 two", "1. 9", "44#", "-- 44"])
def test_what_neither_notation_reads_is_refused(line: str) -> None:
    with pytest.raises(InputError):
        parse_line(CONNECT4, line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1. e4 e5 2. Ke3", "ply 3: move 'Ke3'"),
        ("1. e4 e5 2. Nf3 ; knight", "ok"),
        ("1. e4 x5 ; knight", "ply 2: move 'x5'"),
        ("e4 x5", "ply 2: move 'x5'"),
        ("1.", "has no move"),
        (f"{KINGS} hmvc x;", "'hmvc x' is not one number"),
        ('8/8 "' * 3, "2 ranks, not 8"),
    ],
)
def test_what_is_refused_is_what_is_wrong(line: str, said: str) -> None:
    if said == "ok":
        assert parse_line(CHESS, line) is not None
        return
    with pytest.raises(InputError, match=re.escape(said)):
        parse_line(CHESS, line)


def test_a_line_of_any_length_is_refused_at_once() -> None:
    for line in ('"' * 300_000, "1. " * 300_000, "4 " * 300_000, " ;" * 300_000):
        with pytest.raises(InputError) as caught:
            parse_line(CONNECT4, f"x{line}")
        assert len(str(caught.value)) < 500


def test_the_mate_of_a_move_is_no_comment() -> None:
    assert without_comment("1. f3 e5 2. g4 Qh4#") == "1. f3 e5 2. g4 Qh4#"
    state = parse_line(CHESS, "1. f3 e5 2. g4 Qh4#")
    assert state is not None
    assert state.outcome() == -1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("suffix", ["txt", "epd", "fen", "EPD", "book"])
def test_text_of_any_name_and_end_of_line(suffix: str, end: str, tmp_path: Path) -> None:
    black = KINGS.replace(" w ", " b ")
    lines = ["# ours", "", f"{KINGS} 0 1 # one", f"{black} 7 31", f'{START} hmvc 8; id "x";', "; end", "e4"]
    path = written(tmp_path / f"book.{suffix}", "\ufeff" + end.join(lines) + end)
    found = load_openings(CHESS, path)
    assert texts(found) == [f"{KINGS} 0 1", f"{black} 7 31", f"{START} 8 1", "e2e4"]
    assert found.places == ["line 3", "line 4", "line 5", "line 7"]
    with pytest.raises(UserError, match=r"line 9: .*no move"):
        load_openings(CHESS, written(tmp_path / "bad", end.join([*lines, "", "no move"])))


def test_symmetries_are_told_and_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "book.txt", "1\n44\n7\n12\n76\n")
    found = load_openings(CONNECT4, path)
    assert texts(found, CONNECT4) == ["1", "44", "7", "12", "76"]
    (note,) = found.notes
    assert note.startswith(f"'{path}': turned or mirrored the same as an earlier one: ")
    assert note.endswith(": line 3 (line 1), line 5 (line 4)")
    assert load_openings(CONNECT4, written(tmp_path / "other", "1\n44\n12\n")).notes == []


def test_the_same_position_twice_is_refused_whatever_led_there(tmp_path: Path) -> None:
    path = written(tmp_path / "book.txt", "1234\n4\n3214\n")
    with pytest.raises(UserError, match="line 3: the same position stands in line 1"):
        load_openings(CONNECT4, path)
    # In chess a pawn's double step may be taken in passing for one ply, so these two differ.
    assert len(load_openings(CHESS, written(tmp_path / "other", "d4 d5 c4\nc4 d5 d4\n")).states) == 2


def test_a_shuffle_is_by_seed_and_a_start_counts_in_it(tmp_path: Path) -> None:
    path = written(tmp_path / "book.txt", "\n".join(f"4{one}{two}" for one in "1234567" for two in "12"))
    given = texts(load_openings(CONNECT4, path), CONNECT4)
    one, two, three = (
        texts(load_openings(CONNECT4, path, order="shuffled", seed=seed), CONNECT4) for seed in (1, 1, 2)
    )
    assert one == two
    assert sorted(one) == sorted(three) == sorted(given)
    assert len({tuple(one), tuple(three), tuple(given)}) == 3
    late = load_openings(CONNECT4, path, order="shuffled", seed=1, start=5)
    assert texts(late, CONNECT4) == one[4:]
    assert late.places[0] == f"line {given.index(one[4]) + 1}"
    for start in (0, 15, -1):
        with pytest.raises(UserError, match=f"no opening {start} to start with, only 14"):
            load_openings(CONNECT4, path, start=start)
    with pytest.raises(UserError, match="'random' is neither given nor shuffled"):
        load_openings(CONNECT4, path, order="random")  # type: ignore[arg-type]


PGN = """\
[Event "a"]

1. e4 e5 2. Nf3 Nc6 3. Bb5 *

[Event "b"]

1. e4 e5 2. Nf3 Nf6 *

[Event "c"]

1. d4 d5 *

[Event "d"]

1. e4 *
"""


def test_so_many_plies_of_records(tmp_path: Path) -> None:
    path = written(tmp_path / "games.pgn", PGN)
    assert texts(load_openings(CHESS, path))[0].split()[-1] == "f1b5"
    found = load_openings(CHESS, path, plies=2)
    assert texts(found) == ["e2e4 e7e5", "d2d4 d7d5"]
    assert found.places == ["game 1", "game 3"]
    assert found.notes == [
        f"'{path}': game 4 had ended after 2 plies, and left out",
        f"'{path}': game 2 came to the position of an earlier one, left out",
    ]
    assert texts(load_openings(CHESS, path, plies=0)) == [""]
    with pytest.raises(UserError, match="holds no position"):
        load_openings(CHESS, path, plies=9)
    with pytest.raises(UserError, match="3 plies can be taken of records of games alone"):
        load_openings(CHESS, written(tmp_path / "a.epd", START), plies=3)


def test_plies_of_records_leave_out_passes_that_are_not_written(tmp_path: Path) -> None:
    game = load_game("go:size=9")
    path = written(tmp_path / "game.sgf", "(;SZ[9]RU[Chinese]KM[7];B[ee];B[cc];W[gg])")
    for plies, stones in ((1, 1), (2, 2), (3, 3)):
        (state,) = load_openings(game, path, plies=plies).states
        board = state.text()
        assert board.count("X") + board.count("O") == stones
    komi = load_game("go:size=9,komi=0.5")
    assert len(load_openings(komi, path).states) == 1


def test_set_up_stones_of_records_are_there(tmp_path: Path) -> None:
    game = load_game("go:size=9")
    path = written(tmp_path / "game.sgf", "(;SZ[9]RU[Chinese]KM[7]AB[dd][ff]AW[cc];W[ee])")
    (state,) = load_openings(game, path).states
    assert (state.text().count("X"), state.text().count("O")) == (2, 2)


def test_a_record_of_another_game_is_refused_by_number(tmp_path: Path) -> None:
    path = written(tmp_path / "games.pgn", PGN + '\n[Variant "Gardner"]\n\n1. b3 *\n')
    with pytest.raises(UserError, match="game 5 is one of gardner"):
        load_openings(CHESS, path)
    with pytest.raises(UserError, match="game 1 is one of chess"):
        load_openings(CONNECT4, path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("b.txt", b"\xff\xfe4\x004\x00", "not a text file"),
        ("b.txt", b"4\x004", "not a text file"),
        ("b.txt", b"\xef\xbb\xbf# only this\r\n", "holds no position"),
        ("b.epd", b"44\n", "line 1"),
        ("b.pgn", b"", "no game"),
        ("b.pgn", b"1. e4 e5 2. Ke3 *", "game 1"),
        ("b.sgf", b"(;SZ[9];B[ee])", "game 1 is one of go"),
    ],
)
def test_bad_files_are_refused_by_name(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(UserError, match=re.escape(name) + ".*" + re.escape(said)):
        load_openings(CHESS, path)
    with pytest.raises(UserError, match="missing"):
        load_openings(CHESS, str(tmp_path / f"missing.{name}"))


def test_the_suite_of_a_game() -> None:
    found = load_openings(CHESS, SUITE)
    assert texts(found)[0] == "e2e4 e7e5 g1f3 b8c6 f1b5 a7a6"
    assert found.places[:2] == ["opening 1", "opening 2"]
    shuffled = load_openings(CHESS, SUITE, order="shuffled", seed=4, start=3)
    assert len(shuffled.states) == len(found.states) - 2
    with pytest.raises(UserError, match="'nim' brings no suite of openings"):
        load_openings(load_game("nim"), SUITE)


def test_a_match_takes_the_suite_in_the_order_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = choose_openings(CHESS, SUITE, 3, (0, 4), 9, order="shuffled", start=2)
    assert texts(Openings(chosen)) == texts(load_openings(CHESS, SUITE, order="shuffled", seed=9))[1:4]
    with pytest.raises(UserError, match="openings 'suite' are enough for 110 games"):
        choose_openings(CHESS, SUITE, 500, (0, 4), 1)
    assert capsys.readouterr().err == ""


GIVEN = {
    "\ufeff44\r": "44",
    "44 # in the middle": "44",
    "1. 4 4": "44",
    " 44 ": "44",
    "": "",
    "\ufeff": "",
}


@pytest.mark.parametrize("text", GIVEN)
def test_a_position_that_is_given_is_read_like_a_line(text: str) -> None:
    assert position_text(CONNECT4, read_position(CONNECT4, text)) == GIVEN[text]
    assert position_text(CONNECT4, read_state(CONNECT4, {"position": text})) == GIVEN[text]


@pytest.mark.parametrize("text", ["# 44", ";44", "\ufeff# 44"])
def test_a_comment_alone_is_no_position(text: str) -> None:
    with pytest.raises(InputError, match="44' is a comment alone"):
        read_position(CONNECT4, text)
    with pytest.raises(InputError, match="a comment alone"):
        read_state(CONNECT4, {"position": text})


def test_commands_take_positions_as_they_stand_in_files(
    selfplay: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    line = f"\ufeff{KINGS} 3 9 # a comment\r"
    done = selfplay("perft", "chess", "1", "--position", line)
    assert done.stdout.splitlines()[-1].startswith("nodes: 7 ")
    (answer,) = ask("rules", "chess", requests=[{"id": 1, "position": line}])
    assert answer["position"] == f"{KINGS} 3 9"
    done = selfplay("play", "random", "--game", "chess", "--position", line, stdin="quit\n")
    assert done.returncode == 0, done.stderr
    done = selfplay("analyze", "random", stdin='\ufeff{"id": 1, "position": "44 # x"}\r\n')
    assert "error" not in done.stdout
