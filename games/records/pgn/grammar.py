"""PGN as a grammar: where a game begins and ends, its tags, and the words of its main line.

    file     = { game | text that is no game }
    game     = { tag } { number | move { sign | note } | variation } [ marker ]
    tag      = [ Name "value" ]            \\" and \\\\ in the value
    marker   = 1-0 | 0-1 | 1/2-1/2 | *
    variation = ( any of a game's )        of any depth; passed over
    sign, note = !? +- ± ch e.p. N D …     said of the move before them

Between all of them may stand white space, comments, `{ … }` over any number of lines and `;` to the end of
the line, and lines that begin with `%`. A game ends with its marker, with a tag after its moves, with an
empty line before White's first number, and with the text. It is read in one pass without recursion, but for
games whose variations do not close: those take two.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from engine.errors import UserError
from games.records.pgn.movetext import GameText
from games.records.pgn.token import (
    BETWEEN,
    BLANK,
    INSIDE,
    LINE_END,
    MAX_TAG,
    TAG,
    TAG_LINE,
    TOKEN,
    canonical_marker,
)
from games.records.record import shortened

_NAMES = {name.lower(): name for name in ("Event", "FEN", "Result", "SetUp", "Variant")}
"""Tags that are known in any case, since they decide what a game is."""


def read_games(text: str) -> Iterator[GameText]:
    """The games in order. Raise UserError where there is none."""
    return _Reader(text).games()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0
        self._stray = ""
        # Where the next closing brace and the next line of a tag are, once they have been looked for.
        self._brace, self._tag_line = -1, -1
        # Variations without end before `_passed`, up to where the text has been read twice.
        self._unmatched, self._passed = array("q"), -1

    def games(self) -> Iterator[GameText]:
        last: GameText | None = None
        while self._find_start():
            game = self._read_game()
            if last is not None:
                yield last
            self._warn_of_stray(game)
            last = game
        if last is None:
            raise UserError("no game: " + (self._stray or "the text has neither tags nor moves"))
        self._warn_of_stray(last)
        yield last

    def _warn_of_stray(self, game: GameText) -> None:
        if self._stray:
            game.passed_over.append(self._stray + ", and passed over")
        self._stray = ""

    def _find_start(self) -> bool:
        """Go to the next game; whether there is one."""
        while self._at < len(self._text):
            part = BETWEEN.match(self._text, self._at)
            if part is None or part.lastgroup == "start":
                return part is not None
            end = self._comment_end(self._at) if part.lastgroup == "brace" else part.end()
            if part.lastgroup == "text":
                self._note_stray(end, "is neither a tag nor a move")
            elif end < 0:
                self._note_stray(len(self._text), "is a comment without end")
            self._at = end if end >= 0 else self._tag_line
        return False

    def _note_stray(self, end: int, reason: str) -> None:
        shown = shortened(self._text[self._at : min(end, self._at + 80)].splitlines()[0].rstrip())
        self._stray = self._stray or f"line {self._count_lines()}: {shown} {reason}"

    def _read_game(self) -> GameText:
        start, line = self._at, self._count_lines()
        game = GameText(self._text, start, line)
        if not self._read_parts(game):
            self._at = start
            game = GameText(self._text, start, line)
            self._read_parts(game)
        return game

    def _read_parts(self, game: GameText) -> bool:
        """Read up to the game's end; False where it is to be read again, now that more is known."""
        while True:
            part = TOKEN.match(self._text, self._at)
            if part is None or (part.lastgroup == "tag" and game.begun):
                return True
            if part.lastgroup == "tag":
                if not self._read_tag(game):
                    return True
                continue
            if part.lastgroup == "word" and game.is_next(part.start()):
                return True
            self._at = part.end()
            if part.lastgroup in ("word", "marker"):
                if self._ends_game(game, part):
                    return True
            elif part.lastgroup != "space" and not self._read_bracket(game, part):
                return False

    def _ends_game(self, game: GameText, part: re.Match[str]) -> bool:
        """Read a word or a marker; whether it ends the game."""
        is_word = part.lastgroup == "word"
        marker = game.add_word(part.start(), part[0]) if is_word else canonical_marker(part[0])
        # In a variation without end, only one at the end of a line can be the game's own.
        if not marker or (game.unclosed and LINE_END.match(self._text, self._at) is None):
            return False
        game.marker = marker
        return True

    def _read_bracket(self, game: GameText, part: re.Match[str]) -> bool:
        """Read on from any other part; False where the game is to be read again."""
        if part.lastgroup == "brace":
            self._skip_comment(game, part.start())
        elif part.lastgroup == "stray":
            self._at = part.start()
            self._refuse_stray(game, part[0])
        else:
            if not game.words:
                game.refuse(part.start(), "a variation stands before the first move")
            game.begun = True
            return part.lastgroup == "variations" or self._skip_variation(game, part)
        return True

    def _refuse_stray(self, game: GameText, sign: str) -> None:
        if sign == "[" and not game.begun:
            self._refuse_tag(game)
            return
        game.begun = True
        reason = "ends no variation" if sign[0] == ")" else "is not part of a move, a comment or a tag"
        game.refuse(self._at, f"'{sign[0]}' {reason}")
        self._at += len(sign)

    def _refuse_tag(self, game: GameText) -> None:
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        shown = shortened(self._text[self._at : min(end, self._at + 80)])
        game.refuse(self._at, f'{shown} is not a tag such as [White "Name"]')
        self._at = end

    def _read_tag(self, game: GameText) -> bool:
        """Read a tag; False where it begins the next game."""
        part = TAG.match(self._text, self._at)
        if part is None:
            self._refuse_tag(game)
            return True
        name = _NAMES.get(part[1].lower(), part[1])
        again = name in game.tags
        if again and (name == "Event" or BLANK.search(self._text, game.tags_end, self._at)):
            return False
        self._at = game.tags_end = part.end()
        value = part[3] if part[2] is None else re.sub(r"\\([\\\"])", r"\1", part[2])
        if len(value) > MAX_TAG:
            game.refuse(part.start(), f"a tag of more than {MAX_TAG} characters")
        elif again and value != game.tags[name]:
            twice = f"tag {name} is given twice, as {shortened(game.tags[name])} and {shortened(value)}"
            if name in ("FEN", "Variant"):
                game.refuse(part.start(), twice)
                return True
            game.warn(part.start(), twice)
        game.tags[name] = value[:MAX_TAG]
        return True

    def _skip_comment(self, game: GameText, at: int) -> None:
        end = self._comment_end(at)
        if end < 0:
            shown = shortened(self._text[at : at + 80])
            before = f" before the tags of line {game.line(self._tag_line)}" if self._has_tag_line() else ""
            game.refuse(at, f"the comment {shown} has no end{before}")
        elif self._text.find("{", at + 1, end) >= 0:
            game.warn(at, "a comment holds another '{'; it ends with the first '}'")
        self._at = self._tag_line if end < 0 else end

    def _comment_end(self, at: int) -> int:
        """Behind the comment in braces that begins here; -1 where it has no end before the next tags.

        A comment may hold lines that look like tags. It is one without end where another comment begins
        after them, since comments do not nest.
        """
        text = self._text
        if self._brace < at:
            self._brace = text.find("}", at) % (len(text) + 1)
        if self._tag_line < at:
            found = TAG_LINE.search(text, at)
            self._tag_line = len(text) if found is None else found.start()
        holds_tags = self._tag_line < self._brace
        if self._brace == len(text) or (holds_tags and text.find("{", self._tag_line, self._brace) >= 0):
            return -1
        return self._brace + 1

    def _has_tag_line(self) -> bool:
        return self._tag_line < len(self._text)

    def _skip_variation(self, game: GameText, part: re.Match[str]) -> bool:
        """Go behind the variations that begin here; False where the game is to be read again."""
        at = part.start()
        unmatched = bisect_right(self._unmatched, at) - bisect_left(self._unmatched, at)
        if unmatched:
            game.refuse(at, "the variation has no end: ')' is missing")
            game.unclosed = True
        opened = array("q", [at]) * (part[0].count("(") - unmatched)
        while opened:
            inside = INSIDE.match(self._text, self._at)
            assert inside is not None  # which may be empty
            self._at, kind = inside.end(), inside.lastgroup
            if kind is None:
                return self._leave_variation(game, opened)
            if kind == "open":
                opened.extend([inside.start("open")] * inside["open"].count("("))
            elif kind == "close":
                self._at = inside.start("close") + min(len(inside["close"]), len(opened))
                del opened[-len(inside["close"]) :]
            elif kind == "brace":
                self._skip_comment(game, inside.start("brace"))
                if game.fault and self._at == self._tag_line:
                    return True
        return True

    def _leave_variation(self, game: GameText, opened: array[int]) -> bool:
        """At a tag or the end of the text, within variations that began at `opened`."""
        if self._passed >= self._at:
            game.refuse(opened[0], "the variation has no end: ')' is missing")
            return True
        self._unmatched, self._passed = opened, self._at
        return False

    def _count_lines(self) -> int:
        """The number of the line where the reader is."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line
