"""PGN as text: charset, and a check of its words, of which python-chess would pass over the wrong ones."""

from __future__ import annotations

import re

from engine.errors import UserError
from games.records.record import shortened

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


def tidy(text: str) -> str:
    """The text with its comments emptied, so that no line of it is costly to read.

    Raise UserError naming the line for a tag or a word that is none, a comment or a variation without end,
    and where there is no game.
    """
    pieces, depth, kept, found = [], 0, 0, False
    for part in _PARTS.finditer(text):
        kind, shown = part.lastgroup, part[0]
        if kind == "comment" or part["comment"] is not None:
            if shown[0] == "{" and part["closed"] is None:
                raise _error(text, part.start(), f"the comment {shortened(shown[:80])} has no end")
            pieces += [text[kept : part.start()], " . "]
            kept = part.end()
        elif kind == "tag":
            if not _TAG.fullmatch(shown):
                raise _error(text, part.start(), f'{shortened(shown)} is not a tag such as [White "Name"]')
            if depth:
                raise _error(text, part.start(), "a variation before it has no end")
            found = True
        elif kind == "bracket":
            depth += 1 if shown == "(" else -1
            if depth < 0:
                raise _error(text, part.start(), "')' ends no variation")
        elif kind == "word":
            if not _WORD.fullmatch(shown):
                raise _error(text, part.start(), f"{shortened(shown)} is neither a move nor a result")
            found = True
    if depth:
        raise UserError("the last variation has no end: ')' is missing")
    if not found:
        raise UserError("no game: the text has neither tags nor moves")
    return "".join([*pieces, text[kept:]])


def _error(text: str, at: int, what: str) -> UserError:
    return UserError(f"line {text.count(chr(10), 0, at) + 1}: {what}")
