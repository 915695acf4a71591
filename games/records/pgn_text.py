"""PGN as text: charset, and a check of its words, of which python-chess would pass over the wrong ones."""

from __future__ import annotations

import itertools
import re

from engine.errors import UserError
from games.records.record import shortened

MAX_TAG = 10_000
"""Characters of the longest tag that is read."""

_PARTS = re.compile(
    r"""
    (?P<tag>     ^ \[ [^\n]*+ )
    | (?P<line>  ^ % [^\n]*+ )
    | (?P<comment> \{ [^}]*+ (?P<closed> \} )? | ; [^\n]*+ )
    | (?P<bracket> [()] )
    | (?P<word>  [^\s(){};]++ )
    """,
    re.VERBOSE | re.MULTILINE,
)

_BOUNDARY = re.compile(r"\n[ \t]*\n(?=\[Event )")

TAG_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_+#=:-]*")

_TAG = re.compile(rf'\[{TAG_NAME.pattern}\s+"[^\r\n]*"\]\s*')

_WORD = re.compile(
    r"""
    (?: [0-9]{1,5} \.* | \.+ )?                                                  # a move's number
    (?: P? (?: [a-h] [1-8]? [x-]? )? [a-h][1-8] (?: =? [nbrqkNBRQK] )? (?: e\.?p\.? )?
      | [NBRQK] [a-h]? [1-8]? [x-]? [a-h][1-8]
      | O-O (?: -O )? | 0-0 (?: -0 )? | -- | Z0 )?
    [+#]{0,2} [!?]{0,6} (?: \$ [0-9]{1,3} )*
    | \* | 1-0 | 0-1 | 1/2-1/2 | e\.?p\.? | [-+=/~]{1,3}
    """,
    re.VERBOSE,
)
"""Numbers, moves, marks and results; the last are `e.p.` and signs of evaluation."""


def decode(data: bytes) -> str:
    """UTF-8 where the text is, else ISO-8859-1, the charset of the standard."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("iso8859-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split(text: str) -> list[tuple[int, str]]:
    """(number of its first line, text) of each part that begins with the tag Event after an empty line."""
    starts = [0, *(match.end() for match in _BOUNDARY.finditer(text))]
    ends = [*starts[1:], len(text)]
    lines = itertools.accumulate(
        (text.count("\n", a, b) for a, b in zip(starts, ends, strict=True)), initial=1
    )
    return [(line, text[a:b]) for line, a, b in zip(lines, starts, ends, strict=False)]


def tidy(text: str, first_line: int = 1) -> str:
    """The text with its comments emptied, so that no line of it is costly to read.

    Raise UserError naming the line for a tag or a word that is none, a comment or a variation without end,
    and where there is no game.
    """
    pieces: list[str] = []
    depth, kept, found, moves = 0, 0, False, False
    for part in _PARTS.finditer(text):
        fault = _fault(part, depth, moves)
        if fault:
            raise UserError(f"line {text.count(chr(10), 0, part.start()) + first_line}: {fault}")
        if part["comment"]:
            pieces += [text[kept : part.start()], " . "]
            kept = part.end()
        elif part["bracket"]:
            depth += 1 if part["bracket"] == "(" else -1
        elif part["tag"] or part["word"]:
            found, moves = True, bool(part["word"])
    if depth:
        raise UserError("the last variation has no end: ')' is missing")
    if not found:
        raise UserError("no game: the text has neither tags nor moves")
    return "".join([*pieces, text[kept:]])


def _fault(part: re.Match[str], depth: int, moves: bool) -> str:
    """What is wrong with a part inside of `depth` variations, after moves or not; empty where nothing is."""
    shown = shortened(part[0][:80])
    if part["comment"]:
        return "" if part["closed"] or part[0][0] == ";" else f"the comment {shown} has no end"
    if part["tag"]:
        if len(part[0]) > MAX_TAG:
            return f"a tag of more than {MAX_TAG} characters"
        if not _TAG.fullmatch(part[0]):
            return f'{shown} is not a tag such as [White "Name"]'
        return "a variation before it has no end" if depth else ""
    if part["bracket"] == ")":
        return "" if depth else "')' ends no variation"
    if part["bracket"]:
        return "" if moves else "a variation stands before the first move"
    if part["word"] and not _WORD.fullmatch(part["word"]):
        return f"{shown} is neither a move nor a result"
    return ""
