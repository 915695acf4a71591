"""What a client of UCI says: lines into commands, and those into their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

COMMANDS = frozenset(
    ("uci", "debug", "isready", "setoption", "register", "ucinewgame", "position", "go", "stop", "ponderhit",
     "quit")
)  # fmt: skip

LIMITS = ("wtime", "btime", "winc", "binc", "movestogo", "depth", "nodes", "mate", "movetime")
"""Words of `go` that a number follows."""

FLAGS = ("infinite", "ponder")

MOST = 10**15
"""Numbers beyond are taken for this one."""


class UciError(Exception):
    """What is told in an `info string`; nothing has changed."""


@dataclass
class Go:
    """What `go` asks: its numbers by their words, times in milliseconds.

    malformed: words whose number is missing or is none.
    """

    limits: dict[str, int] = field(default_factory=dict)
    infinite: bool = False
    ponder: bool = False
    moves: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing but `stop` ends it."""
        limiting = {*self.limits, *self.malformed} - {"winc", "binc", "movestogo"}
        return self.infinite or not limiting


def read_command(line: str) -> tuple[str, list[str]] | None:
    """(command, words after it); words before it that are none are passed over. None where there is none."""
    words = line.split()
    for index, word in enumerate(words):
        if word in COMMANDS:
            return word, words[index + 1 :]
    return None


def read_go(words: Sequence[str]) -> Go:
    """The words in whatever order; unknown ones are passed over, and of two with one name the later holds."""
    go = Go()
    rest = list(reversed(words))
    while rest:
        word = rest.pop()
        if word in FLAGS:
            setattr(go, word, True)
        elif word == "searchmoves":
            while rest and not _is_word_of_go(rest[-1]):
                go.moves.append(rest.pop())
        elif word in LIMITS:
            number = read_number(rest[-1]) if rest else None
            if number is None:
                go.malformed.append(word)
            else:
                rest.pop()
                go.limits[word] = number
    return go


def _is_word_of_go(word: str) -> bool:
    return word in LIMITS or word in FLAGS or word == "searchmoves"


def read_number(text: str) -> int | None:
    """A whole number from -MOST to MOST, as which larger ones and fractions are taken; else None."""
    if len(text) > 400:
        text = text[:400]  # beyond MOST in any case, as long as it is a number
    try:
        number = float(text) if text.isascii() and "_" not in text else float("nan")
    except ValueError:
        return None
    return None if number != number else int(max(-MOST, min(MOST, number)))


def read_position(words: Sequence[str]) -> tuple[str, list[str]]:
    """(position, moves): the text of a FEN, "" for the start of the game; raise UciError."""
    if not words or words[0] not in ("startpos", "fen"):
        raise UciError(f"position '{' '.join(words)[:60]}': give startpos or fen")
    end = words.index("moves") if "moves" in words else len(words)
    moves = list(words[end + 1 :])
    if words[0] == "startpos":
        if end > 1:
            raise UciError(f"position startpos '{' '.join(words[1:end])[:60]}': only moves may follow")
        return "", moves
    if end == 1:
        raise UciError("position fen: the position is missing")
    return " ".join(words[1:end]), moves


def read_setoption(words: Sequence[str]) -> tuple[str, str]:
    """(name, value), each of as many words as it has; the value is "" where there is none. Raise UciError."""
    if not words or words[0] != "name":
        raise UciError(f"setoption '{' '.join(words)[:60]}': give name NAME value VALUE")
    end = words.index("value") if "value" in words else len(words)
    name, value = " ".join(words[1:end]), " ".join(words[end + 1 :])
    if not name:
        raise UciError("setoption: the name is missing")
    return name, value
