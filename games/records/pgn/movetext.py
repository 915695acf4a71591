"""A game as it is written: its tags, and the words of its main line with what people write beside them."""

from __future__ import annotations

from dataclasses import dataclass, field

from games.records.pgn.token import (
    BLANK,
    CHECK,
    FIRST,
    LINE_END,
    NOTE,
    PASSANT,
    PROMOTION,
    SCORE,
    WORD,
    canonical_marker,
    is_marker,
    is_sign,
    without_notes,
)
from games.records.record import MAX_PLIES, shortened

MAX_WARNINGS = 10
"""Of the tags of one game."""

_LAST = 8
"""Characters at a word's end that tell what may follow it."""


@dataclass
class GameText:
    """A game as it is written: its words are not compared with any rules."""

    text: str = field(repr=False)
    start: int
    first_line: int
    tags: dict[str, str] = field(default_factory=dict)
    words: list[tuple[int, str, int]] = field(default_factory=list)
    """Where in the text, a move, and the number before it, 0 where none is."""
    marker: str = ""
    """1-0, 0-1, 1/2-1/2 or *; empty where there is none."""
    fault: str = ""
    """What is wrong after these tags and words, the line first; empty where nothing is."""
    warnings: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    """Warnings of text before it, and after the last game."""
    begun: bool = False
    """Whether there is movetext."""
    tags_end: int = 0
    number: int = 0
    """Of the move to come; 0 where none is written."""
    number_at: int = 0
    word_end: int = 0
    """Of the last word of its main line."""
    unclosed: bool = False
    """Whether one of its variations has no end."""

    def line(self, at: int) -> int:
        """The number of the line in the file."""
        return self.first_line + self.text.count("\n", self.start, at)

    def refuse(self, at: int, fault: str) -> None:
        """Keep the first fault; what follows it is read for the game's end alone."""
        self.fault = self.fault or f"line {self.line(at)}: {fault}"

    def warn(self, at: int, warning: str) -> None:
        """Keep a warning, of which there are at most MAX_WARNINGS."""
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(f"line {self.line(at)}: {warning}")
        elif len(self.warnings) == MAX_WARNINGS:
            self.warnings.append("more of the kind are left out")

    def is_next(self, at: int) -> bool:
        """Whether the word here begins another game: White's first number again, after an empty line."""
        if not (FIRST.match(self.text, at) and self.begun and (self.fault or self.words)):
            return False
        return BLANK.search(self.text, self.word_end, at) is not None

    def add_word(self, at: int, word: str) -> str:
        """Add a move, or what is said of one; the marker where the word ends the game, else empty."""
        self.begun, self.word_end = True, at + len(word)
        part = WORD.fullmatch(word)
        move = "" if part is None else part["move"]
        if is_marker(move):  # behind a number, without a space
            return canonical_marker(move)
        if SCORE.fullmatch(move):
            self.refuse(at, f"{shortened(move)} is none of the results 1-0, 0-1, 1/2-1/2, *")
            return "*" if LINE_END.match(self.text, at + len(word)) else ""
        if part is None:
            self.refuse(at, f"{shortened(word)} is neither a move nor a result")
        elif not self.fault:
            if part["number"]:
                self._set_number(at, int(part["number"]))
            if move and not self._annotate(at, move):
                self._add_move(at, move)
        return ""

    def _set_number(self, at: int, number: int) -> None:
        if self.number and number != self.number:
            self.refuse(at, f"no move stands between the numbers {self.number} and {number}")
        self.number, self.number_at = number, at

    def _annotate(self, at: int, word: str) -> bool:
        """Whether a word is said of the move before it and is none: a sign, a mark, a note.

        A word stands behind a move, and no number between; an N there may be a novelty or a knight.
        """
        if self.number or not self.words:
            return is_sign(word)
        last, move, number = self.words[-1]
        end = move[-_LAST:]
        check = CHECK.fullmatch(word)
        joined = ""
        if check is not None:
            joined = "" if end.rstrip("!?").endswith(("+", "#")) else "#" if check["mate"] else "+"
        elif PASSANT.fullmatch(word) and not PASSANT.search(end):
            joined = word.lower()
        elif PROMOTION.fullmatch(word) and end.endswith(("1", "8")):
            joined = word
        elif not is_sign(word) and NOTE.match(self.text, at) is None:
            return False
        self.words[-1] = (last, move + joined, number)
        return True

    def _add_move(self, at: int, move: str) -> None:
        if move.rstrip("!?") == "N":
            self.refuse(at, "'N' is a novelty or a knight without its square; write a novelty as $146")
            return
        move = without_notes(move)
        if len(self.words) == MAX_PLIES:
            self.refuse(at, f"a game of more than {MAX_PLIES} moves")
            self.words.clear()
            return
        self.words.append((at, move, self.number))
        self.number = 0
