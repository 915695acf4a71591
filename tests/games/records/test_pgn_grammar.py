"""Where a game of a PGN file begins and ends; python-chess as the judge of generated files."""

from __future__ import annotations

import io
import random
import re
import sys

import chess
import chess.pgn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_reading import Reader

from engine.errors import UserError
from games.records.pgn import reader as pgn
from games.records.pgn import writer as pgn_writer
from games.records.record import Record

READER = Reader(pgn)
read_all, read_one, answer = READER.all, READER.one, READER.answer

NO_QUEEN = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNB1KBNR w KQkq - 0 1"
NINE = "nbbrknrq/pppppppp/8/8/8/8/PPPPPPPP/NBBRKNRQ w KQkq - 0 1"


def shown(found: Record | UserError) -> str:
    """A game in a line: Event, start where it is not the usual, moves and result; a refusal by its words."""
    if isinstance(found, UserError):
        return f"! {found}"
    moves = " ".join(found.answer()["moves"])
    return " ".join(filter(None, (found.tags.get("Event", ""), found.start, moves, found.result or "*")))


GAMES = {
    "tags on one line": (f'[SetUp "1"] [FEN "{NO_QUEEN}"]\n\n1. e4 e5 *', [f"{NO_QUEEN} e2e4 e7e5 *"]),
    "tags and moves on one line": ('[Event "a"][Round "1"]1.e4*', ["a e2e4 *"]),
    "empty lines after the tags": (f'[FEN "{NO_QUEEN}"]\n\n \n\n1. e4 e5 *', [f"{NO_QUEEN} e2e4 e7e5 *"]),
    "empty lines between the tags": ('[Event "a"]\n\n\n[Site "x"]\n\n1. e4 *', ["a e2e4 *"]),
    "empty lines in the moves": ("1. e4\n\n\ne5\n\n2. Nf3 *", ["e2e4 e7e5 g1f3 *"]),
    "white space in a tag": ('[ \n Event\t"a"\n ] 1. e4 *', ["a e2e4 *"]),
    "no empty line between games": (
        '[Event "a"]\n1. e4 e5 1-0\n[Event "b"]\n1. d4 d5 0-1', ["a e2e4 e7e5 1-0", "b d2d4 d7d5 0-1"]),
    "two games on one line": ("1. e4 e5 1-0 1. d4 d5 0-1", ["e2e4 e7e5 1-0", "d2d4 d7d5 0-1"]),
    "markers without space": ("1.e4*1.d4 d5*", ["e2e4 *", "d2d4 d7d5 *"]),
    "no marker": ('1. e4 e5\n[Event "b"]\n1. d4', ["e2e4 e7e5 *", "b d2d4 *"]),
    "a tag after moves on their line": ('1. e4 e5 [Event "b"] 1. d4', ["e2e4 e7e5 *", "b d2d4 *"]),
    "tags alone": ('[Event "a"]\n\n[Event "b"]\n[Event "c"]', ["a *", "b *", "c *"]),
    "a marker alone": ('[Event "a"] 1-0\n\n1. e4 *', ["a 1-0", "e2e4 *"]),
    "markers outside of games": ("* 1-0\n1. e4 * *\n1/2-1/2\n1. d4 0-1 ***", ["e2e4 *", "d2d4 0-1"]),
    "an empty line and a tag in a comment": (
        '1. e4 {x\n\n[Event "x"]\n\n1. d4 } e5 *', ["e2e4 e7e5 *"]),
    "comments do not nest": ("1. e4 {a { b ( ; } e5 *", ["e2e4 e7e5 *"]),
    "comments before and after": ("{a}\n;b\n1. e4 *\n{c\n\nd}\n;e 1. d4\n1. c4 * ; f", ["e2e4 *", "c2c4 *"]),
    "a comment between tags": ('[Event "a"] {x {} ; y\n[Site "b"]\n\n1. e4 *', ["a e2e4 *"]),
    "semicolons": ("1. e4 *\n;;\n;; x\n\n1. d4 ;)} *\n d5 *\n;;\n", ["e2e4 *", "d2d4 d7d5 *"]),
    "a comment that touches": ("1.e4{a}e5;b\n2.Nf3(2.f4)Nc6$1 *", ["e2e4 e7e5 g1f3 b8c6 *"]),
    "escapes": ("%{\n1. e4\n%} ( *\ne5 *\n%1. d4\n", ["e2e4 e7e5 *"]),
    "escapes in a variation": ("1. e4 (1. d4\n% )\nd5) e5 *", ["e2e4 e7e5 *"]),
    "nested variations": (
        "1. e4 (1. d4 {)} d5 (1... c5 ;)\n)(1... e6)) (1. c4) e5 *", ["e2e4 e7e5 *"]),
    "a marker in a variation": ("1. e4 (1. d4 1-0) e5 0-1", ["e2e4 e7e5 0-1"]),
    "a bracket in a variation": ("1. e4 (1. d4 [%x] [ab]) e5 *", ["e2e4 e7e5 *"]),
    "move numbers": ("1 . e4 1 ... e5 2. ... 2 Nf3 3.\n.. 3…\n3.Nc6 *", ["e2e4 e7e5 g1f3 b8c6 *"]),
    "no numbers": ("e4 e5\nNf3 *", ["e2e4 e7e5 g1f3 *"]),
    "signs": ("1. e4! $14 e5!?$2$3 2. Nf3 ?? += Nc6 +- *", ["e2e4 e7e5 g1f3 b8c6 *"]),
    "symbols": ("1. e4 ⇄ e5 ⌓ 2. Nf3 +\u2212 Nc6 --+ 3. d4 -> d6 /\\ *", ["e2e4 e7e5 g1f3 b8c6 d2d4 d7d6 *"]),
    "notes": ("1. e4 N 1... e6 TN! 2. d4 D d5 RR 3. Nc3 N $14 3... Nf6 N *",
        ["e2e4 e7e6 d2d4 d7d5 b1c3 g8f6 *"]),
    "signs at their moves": (
        "1.e4= e5± 2.Nf3+/= Nc6!?+- 3.Bb5⩲ a6\u2212+ 4.Bxc6+!= dxc6∞ 5.O-O?!= Bg4!N 6.h3TN h5\\ *",
        ["e2e4 e7e5 g1f3 b8c6 f1b5 a7a6 b5c6 d7c6 e1g1 c8g4 h2h3 h7h5 *"]),
    "a knight of a pawn and a novelty": ('[FEN "7k/P7/8/8/8/8/7P/K7 w - - 0 1"] 1.a8N Kg7N *',
        ["7k/P7/8/8/8/8/7P/K7 w - - 0 1 a7a8n h8g7 *"]),
    "checks in words": ("1. e4 f6 2. Qh5 ch g6 3. Qxg6 dis. ch. hxg6 4. Nf3 (4. f4 ch) *",
        ["e2e4 f7f6 d1h5 g7g6 h5g6 h7g6 g1f3 *"]),
    "checks in words at their moves": ("1. f3 d6 2. g4 e5 3. d3 Qh4ch. 4. Kd2 Bxg4dis.ch *",
        ["f2f3 d7d6 g2g4 e7e5 d2d3 d8h4 e1d2 c8g4 *"]),
    "mate in words": ("1. f3 e5 2. g4 Qh4 mate 0-1\n1. f3 e5 2. g4 Qh4+Mate! 0-1",
        ["f2f3 e7e5 g2g4 d8h4 0-1"] * 2),
    "captures with colons": ("e4= d5 2. e:d5 Qd5:N 3. Nc3 Qe5ch 4. Be2 *",
        ["e2e4 d7d5 e4d5 d8d5 b1c3 d5e5 f1e2 *"]),
    "en passant in capitals": ("1. e4 a6 2. e5 d5 3. exd6 EP! cxd6 *", ["e2e4 a7a6 e4e5 d7d5 e5d6 c7d6 *"]),
    "en passant": ("1. e4 a6 2. e5 d5 3. exd6 e.p. cxd6 *", ["e2e4 a7a6 e4e5 d7d5 e5d6 c7d6 *"]),
    "promotion in brackets": ('[FEN "7k/P7/8/8/8/8/8/K7 w - - 0 1"]\n\n1. a8(Q)+! Kg7 *',
        ["7k/P7/8/8/8/8/8/K7 w - - 0 1 a7a8q h8g7 *"]),
    "a promotion apart": ('[FEN "7k/P7/8/8/8/8/8/K7 w - - 0 1"]\n\n1. a8 =Q+ Kg7 *',
        ["7k/P7/8/8/8/8/8/K7 w - - 0 1 a7a8q h8g7 *"]),
    "castling with dashes": ("1. Nf3 Nf6 2. g3 g6 3. Bg2 Bg7 4. O\u2013O O\u2212O *",
        ["g1f3 g8f6 g2g3 g7g6 f1g2 f8g7 e1g1 e8g8 *"]),
    "a number that touches the marker": (
        "1. e4 e5 2.1/2-1/2\n1. d4 2.*\n1. c4 c5 2.1-0", ["e2e4 e7e5 1/2-1/2", "d2d4 *", "c2c4 c7c5 1-0"]),
    "no markers and no tags": ("1. e4 e5 2. Nf3\n\n1. d4\n \n{c}1 c4 c5 +-", ["e2e4 e7e5 g1f3 *",
        "d2d4 *", "c2c4 c7c5 *"]),
    "a variation after the marker": ("1. e4 e5 1-0 (1... c5 2. Nf3)\n\n1. d4 *", ["e2e4 e7e5 1-0", "d2d4 *"]),
    "invisible signs": ("\u200e1.\u200b e4\u00ad e5\u2060 1-0\u200b", ["e2e4 e7e5 1-0"]),
    "halves": ("1. e4 1/2\n1. d4 ½-½\n1. c4 1/2 - 1/2", ["e2e4 1/2-1/2", "d2d4 1/2-1/2", "c2c4 1/2-1/2"]),
    "dashes": ("1. e4 1 - 0\n1. d4 0\u20131", ["e2e4 1-0", "d2d4 0-1"]),
    "text around games": (
        '2024\n\n1. e4 * well played\nRound 2\n[Event "b"]\n1. d4 *\nthe end', ["e2e4 *", "b d2d4 *"]),
    "a small tag name": (f'[fen "{NO_QUEEN}"]\n[setup "1"]\n1. e4 *', [f"{NO_QUEEN} e2e4 *"]),
    "Chess960": (f'[Variant "Chess960"][FEN "{NINE}"] 1. d4 *', [f"{NINE} d2d4 *"]),
    "old line ends": ("[Event \"a\"]\r\r1. e4\re5 *\r%x\r[Event \"b\"]\r*", ["a e2e4 e7e5 *", "b *"]),
    "an end of DOS": ("1. e4 1-0\x1a\0\0", ["e2e4 1-0"]),
    "joined files of DOS": ('1. e4 1-0\n\x1a[Event "b"]\n1. d4 *\n\x1a', ["e2e4 1-0", "b d2d4 *"]),
    "a mark in the middle": ('1. e4 *\n\ufeff[Event "b"]\n1. d4 *\ufeff', ["e2e4 *", "b d2d4 *"]),
}  # fmt: skip


@pytest.mark.parametrize("name", GAMES)
def test_where_games_begin_and_end(name: str) -> None:
    text, games = GAMES[name]
    assert [shown(found) for found in read_all(text)] == games
    assert [shown(found) for found in read_all(text.replace("\n", "\r\n"))] == games


NEXT = '\n\n[Event "b"]\n\n1. d4 {fine} d5 (1... c5) 1-0\n'

BAD = {
    "1. e4 e5 2. Ke3 *": "line 1, ply 3 (2. Ke3): move 'Ke3' is illegal here",
    "\n1. e4 e5\n2. Ke3 d5 Ke4 *": "line 3, ply 3 (2. Ke3): move 'Ke3' is illegal here",
    "1. e4 d5 2. d5 c6 3. c6": "ply 3 (2. d5): move 'd5' is a pawn's capture, which names its file: exd5",
    "1. Sf3 *": "line 1, ply 1 (1. Sf3): move 'Sf3' is neither UCI (e2e4) nor SAN (Nf3)",
    "1. e4 {never e5 *": "line 1: the comment '{never e5 *",
    "1. e4 (1. d4 {never) e5 *": "line 1: the comment '{never) e5 *",
    "1. e4 (1. d4 e5 *": "line 1: the variation has no end",
    "1. e4 (1. d4 (1. c4) e5": "line 1: the variation has no end",
    "1. e4 ) e5 *": "line 1: ')' ends no variation",
    "1. e4 } e5 *": "line 1: '}' is not part of a move, a comment or a tag",
    "(1. d4) e4 *": "line 1: a variation stands before the first move",
    '[White "x]\n\n1. e4 *': "line 1: '[White \"x]' is not a tag",
    '[Event x]\n[Site "y"]\n1. e4 *': "line 1: '[Event x]' is not a tag",
    '[FEN "8/8 w"]\n1. e4 *': "line 1: FEN '8/8 w'",
    '[Variant "Atomic"]\n1. e4 *': "line 1: variant 'Atomic' is none of",
    f'[FEN "{NO_QUEEN} e2e4"] 1. e5 *': "has moves after it",
    f'[FEN "{NO_QUEEN}"]\n[FEN "{NINE}"]\n1. e4 *': "line 2: tag FEN is given twice",
    "1. e4 $1234 *": "line 1: '$1234' is neither a move nor a result",
    "1. 5254 5755 *": "line 1: no move stands between the numbers 1 and 5254",
    "1. e4 2. 3. d4 *": "line 1: no move stands between the numbers 2 and 3",
    "1. e4 e5 2. N f3 *": "line 1: 'N' is a novelty or a knight without its square",
    "1. e4 N f6 *": "line 1: 'N' is a novelty or a knight without its square",
    "1. e4- e5 *": "line 1, ply 1 (1. e4-): move 'e4-' is neither UCI",
    "1. e4 — 2. d4 *": "line 1, ply 2 (1... —): move '—' is neither UCI",
    "1. �f3 � *": "line 1, ply 1 (1. �f3): move '�f3' is neither UCI",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_game_does_not_cost_the_next(text: str) -> None:
    bad, good = read_all(text + NEXT)
    assert BAD[text] in str(bad)
    assert shown(good) == "b d2d4 d7d5 1-0"
    first, bad, good = read_all("1. c4 *\n" + text + NEXT)
    assert shown(first) == "c2c4 *"
    assert re.sub("line [0-9]+", "", BAD[text]) in re.sub("line [0-9]+", "", str(bad))
    assert shown(good) == "b d2d4 d7d5 1-0"


def test_a_bad_game_ends_with_its_marker() -> None:
    text = "1. e4 e5 2. Ke3 d5 *\n\n1. c4 *\n\n1. e4 (1. d4 d5 *\n\n1. d4 (1. c4) d5 0-1"
    found = [shown(one) for one in read_all(text)]
    assert [one[0] for one in found] == ["!", "c", "!", "d"]
    assert "line 5: the variation has no end" in found[2]


@pytest.mark.parametrize(
    "bad", ["1:0", "1-0.", "0.5-0.5", "½:½", "resigns", "White wins", "(1. d4", "Ke3 Kd7"]
)
def test_a_bad_end_does_not_cost_the_next(bad: str) -> None:
    first, second = (shown(one) for one in read_all(f"1. e4 e5 {bad}\n\n1. d4 d5 0-1"))
    assert first.startswith("! line 1")
    assert second == "d2d4 d7d5 0-1"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("Games\n\n1. e4 *", "line 1: 'Games' is neither a tag nor a move, and passed over"),
        ("1. e4 *\nSf3 d5 *", "line 2: 'Sf3 d5 *' is neither a tag nor a move, and passed over"),
        ("1. e4 *\n{ never\n1. d4 *", "line 2: '{ never' is a comment without end, and passed over"),
        ('[White "a"]\n[White "b"]\n1. e4 *', "line 2: tag White is given twice, as 'a' and 'b'"),
        ('[SetUp "1"]\n1. e4 *', "the tag SetUp '1' and no FEN do not fit"),
        (f'[SetUp "0"][FEN "{NO_QUEEN}"] 1. e4 *', "the tag SetUp '0' and a FEN do not fit"),
        ('[Result "1-0"]\n1. e4 1/2', "the tag Result '1-0' and the end of the moves, 1/2-1/2, differ"),
        ('[Result "1:0"]\n1. e4 *', "the tag Result '1:0' is none of"),
        ('[Result "1-0"]\n1. e4 *', "the tag Result '1-0' and the end of the moves, *, differ"),
        ('[Result "*"]\n1. e4 1-0', "the tag Result '*' and the end of the moves, 1-0, differ"),
        ("1. f3 e5 2. g4 Qh4 1-0", "the moves end in 0-1, by checkmate, and 1-0 is written"),
        ("1. e4 e5\n1. d4 d5 *", "line 2, ply 3 (2. d4): the move has number 1, not 2"),
        ("2. Nf3 Nc6 *", "line 1, ply 1 (1. Nf3): the move has number 2, not 1"),
        ('[FEN "4k3/8/8/8/8/8/P7/4K3 b - - 0 1"] 9... Kd7 10. a4 10... Kd6 12. a5 *',
         "ply 4 (3. a5): the move has number 12, not 11"),
        ("1. e4 e5 2. Nf3 ch Nc6 3. Bb5mate *", "line 1, ply 3 (2. Nf3+): the move gives no check"),
        ("1. e4 {a { b} e5 *", "line 1: a comment holds another '{'; it ends with the first '}'"),
        ("1. e4 {a\n\n1. d4 {b} e5 *", "line 1: a comment holds another '{'"),
        ("1. e4 e5 7. 1-0", "line 1: the number 7 before the end of the game is not 2"),
        ('<pre>[White "a"]\n1. e4 *', "line 1: '<pre>' is neither a tag nor a move, and passed over"),
        ("1. e4 e5 2. Nf3+ Nc6 3. Bb5# *", "line 1, ply 3 (2. Nf3+): the move gives no check"),
        ("1. e4 e5\n2. Qh5 Nc6 3. Qxf7# *", "line 2, ply 5 (3. Qxf7#): the move gives no mate"),
    ],
)  # fmt: skip
def test_what_is_passed_over_is_told(text: str, warning: str) -> None:
    (found,) = read_all(text)
    assert isinstance(found, Record)
    assert len(found.warnings) == 1
    assert warning in found.warnings[0]


def test_what_is_passed_over_before_a_bad_game_is_told() -> None:
    first, bad = read_all("1. c4 *\nSf3 d5 *\n1. Ke3 *")
    assert shown(first) == "c2c4 *"
    assert str(bad).endswith("illegal here; line 2: 'Sf3 d5 *' is neither a tag nor a move, and passed over")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (r'[White "A \"B\" C"]', 'A "B" C'),
        ('[White "A "B" C"]', 'A "B" C'),
        (r'[White "C:\"]', "C:\\"),
        (r'[White "a\\"]', "a\\"),
        (r'[White "a\b"]', r"a\b"),
        ('[White ""]', ""),
        ('[White "[x] {y} ;z %"]', "[x] {y} ;z %"),
        ('[White"a"]', "a"),
    ],
)
def test_values_of_tags(line: str, value: str) -> None:
    record = read_one(line + '[Black "x"]\n\n1. e4 *')
    assert record.tags == {"White": value, "Black": "x"}
    assert read_one(pgn_writer.print_record(record)) == record


MIXED = '[White "Müller"]\n\n*\n[White "Łuk"]\n\n1. e4 *\n'


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode(charset: str) -> None:
    first, second = read_all(MIXED.encode(charset))
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.tags["White"], second.tags["White"], second.answer()["plies"]) == ("Müller", "Łuk", 1)


def test_other_charsets() -> None:
    assert read_one('[White "Müller"]\n\n*'.encode("iso8859-1")).tags["White"] == "Müller"
    assert read_one('[White "“M”"]\n\n*'.encode("windows-1252")).tags["White"] == "“M”"
    lines = [
        line.encode(charset)
        for line, charset in zip(MIXED.splitlines(), ("iso8859-1", *["utf-8"] * 5), strict=False)
    ]
    assert [one.tags["White"] for one in read_all(b"\n".join(lines)) if isinstance(one, Record)] == [
        "Müller",
        "Łuk",
    ]
    with pytest.raises(UserError, match="begins as UTF-16 and is none at byte 2; save it as UTF-8"):
        read_all(b"\xff\xfe1")


def test_python_chess_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("chess", "chess.pgn"):
        monkeypatch.setitem(sys.modules, name, None)
    assert answer("1. e4 e5")["plies"] == 2


COMMENTS = st.text(st.sampled_from('ab 1.e4[]()";%$\n{'), max_size=12)


def harmless(comment: str) -> str:
    """A comment as text that both readers take alike: no line of it begins with an escape or a tag."""
    return "{" + re.sub(r"\n+", "\n ", comment) + "}"


class Writer:
    """Writes a random game, and its moves in UCI, with all that the standard allows around them."""

    def __init__(self, seed: int, draw: st.DrawFn) -> None:
        self._random, self._draw = random.Random(seed), draw

    def game(self, number: int) -> tuple[str, list[str], str]:
        board, words, moves = chess.Board(), [], []
        for _ in range(self._random.randrange(40)):
            if board.is_game_over(claim_draw=False):
                break
            move = self._random.choice(list(board.legal_moves))
            words += [*self.number(board), board.san(move) + self._random.choice(("", "", "!", "?!", "$5"))]
            words += self.around(board)
            moves.append(move.uci())
            board.push(move)
        result = self._random.choice(("1-0", "0-1", "1/2-1/2", "*"))
        tags = [f'[Event "{number}"]', f'[White "{self._random.choice(("", "a", "[b] {c"))}"]']
        gap = self._random.choice(("\n", " "))
        return "\n".join(tags) + "\n\n" + gap.join([*words, result]), moves, result

    def number(self, board: chess.Board) -> list[str]:
        dots = "." if board.turn else "..."
        return self._random.choice(
            ([], [f"{board.fullmove_number}{dots}"], [str(board.fullmove_number), dots])
        )

    def around(self, board: chess.Board) -> list[str]:
        """What may stand after a move, with the board before it."""
        kind = self._random.randrange(8)
        if kind == 0:
            return [harmless(self._draw(COMMENTS))]
        if kind == 1:
            return ["$" + str(self._random.randrange(140)), self._random.choice(("!", "??"))]
        if kind == 2:
            return ["; to the end (of { the line\n"]
        return self.variation(board.copy(), 3) if kind == 3 else []

    def variation(self, board: chess.Board, depth: int) -> list[str]:
        words = ["("]
        for _ in range(self._random.randrange(1, 4)):
            if not board.legal_moves:
                break
            move = self._random.choice(list(board.legal_moves))
            words += [*self.number(board), board.san(move)]
            if depth and self._random.random() < 0.3:
                words += self.variation(board.copy(), depth - 1)
            board.push(move)
        return [*words, ")"]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[tuple[list[str], str]]]:
    writer = Writer(draw(st.integers(0, 2**32)), draw)
    games = [writer.game(number) for number in range(draw(st.integers(1, 4)))]
    return "\n\n".join(text for text, _, _ in games) + "\n", [(moves, result) for _, moves, result in games]


@given(files())
@settings(max_examples=150)
def test_python_chess_reads_the_same_games(file: tuple[str, list[tuple[list[str], str]]]) -> None:
    text, games = file
    found = read_all(text)
    assert [one.tags.get("Event") for one in found if isinstance(one, Record)] == [
        str(n) for n in range(len(games))
    ]
    assert [(one.answer()["moves"], one.result or "*") for one in found if isinstance(one, Record)] == games
    handle = io.StringIO(re.sub(r"\n\n+(?!\[)", "\n", text))  # where an empty line ends a game
    for moves, _ in games:
        theirs = chess.pgn.read_game(handle)
        assert theirs is not None
        assert [move.uci() for move in theirs.mainline_moves()] == moves


@given(files(), st.data())
@settings(max_examples=150)
def test_white_space_moves_no_game(
    file: tuple[str, list[tuple[list[str], str]]], data: st.DataObject
) -> None:
    text, games = file
    breaks = data.draw(st.sampled_from(("\n", "\n\n\n", "\n \n\t")))
    for old in ("\n\n", "] ["):
        text = text.replace(old, breaks if old == "\n\n" else "][")
    found = read_all(text.replace("\n\n[", breaks + "["))
    assert [(one.answer()["moves"], one.result or "*") for one in found if isinstance(one, Record)] == games


@given(files(), st.data())
@settings(max_examples=200)
def test_a_cut_or_changed_file_is_read_or_refused(
    file: tuple[str, list[tuple[list[str], str]]], data: st.DataObject
) -> None:
    text = file[0]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        sign = data.draw(
            st.sampled_from(
                ["{", "}", "(", ")", "[", "]", '"', ";", "\n%", "*", "\\", "\n\n", "1-0", "x", "\0"]
            )
        )
        text = text[:at] + sign + text[at + data.draw(st.integers(0, 3)) :]
    try:
        found = read_all(text)
    except UserError as error:
        assert str(error).startswith("no game: ")  # noqa: PT017
        return
    for one in found:
        assert isinstance(one, Record) or re.match(r"line [0-9]+[:,] ", str(one)), one
