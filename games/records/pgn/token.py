"""The parts that a PGN text is made of, as patterns: each is matched where the part before it ends.

Repetitions are possessive or bounded, so that no text is costly to read, in time or in memory.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TAG = 10_000
"""Characters of the longest tag that is read."""

_NAME = "[A-Za-z0-9][A-Za-z0-9_+#=:-]*+"
TAG_NAME = re.compile(_NAME)

_IN_TAG = rf'\s*+ {_NAME} \s*+ "'
_DASHES = r"-\u2010-\u2014\u2212"
_DASH = rf"[ \t]*+ [{_DASHES}] [ \t]*+"
_MARKER = rf"""
    \* | (?: 1 {_DASH} 0 | 0 {_DASH} 1 | (?: 1/2 | ½ ) (?: {_DASH} (?: 1/2 | ½ ) )? )
          (?! [^\s(){{}};\[\]*] )"""
_SPACE = r"(?: \s++ | \{ [^{}]*+ \} | ; [^\n]*+ | ^% [^\n]*+ ){1,1000}+"
_SIMPLE = r"[^(){};\[%]*+"
_WORD = r"[^\s(){};\[\]*]"


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | re.MULTILINE)


TOKEN = _compile(rf"""
      (?P<space>  {_SPACE} )
    | (?P<variations> (?: \( {_SIMPLE} (?: \( {_SIMPLE} \) {_SIMPLE} ){{0,1000}}+ \) \s*+ ){{1,1000}}+ )
    | (?P<open>   \( [(\s]*+ )
    | (?P<tag>    (?= \[ {_IN_TAG} ) )
    | (?P<brace>  \{{ )
    | (?P<marker> {_MARKER} )
    | (?P<word>   {_WORD}++ (?: (?<=[a-h][1-8]) \( [NBRQnbrq] \) {_WORD}*+ )? )
    | (?P<stray>  \)++ | . )
    """)
"""In a game; a brace begins a comment that holds another or has no end. No comment is in these variations."""

INSIDE = _compile(rf"""
    (?P<text> (?: [^(){{}};\[%]++ | \{{ [^{{}}]*+ \}} | ; [^\n]*+ | ^% [^\n]*+ | [%}}]
                | \[ (?! {_IN_TAG} ) ){{1,1000}}+ )?+
    (?: (?P<open> \( [(\s]*+ ) | (?P<close> \)++ ) | (?P<brace> \{{ ) )?+
    """)
"""In a variation; nothing of it matches at a tag and at the end of the text."""

_MOVE = rf"""
    (?: [PNBRQK\u2654-\u265f]? \ufe0e? [a-h]? [1-8]? [{_DASHES}x:\u00d7]? [a-h][1-8]
        (?= [^\w.,-] | [nbrqNBRQecdmT] | \Z )
      | [0Oo] [{_DASHES}] [0Oo] )"""

BETWEEN = _compile(rf"""
      (?P<space>  {_SPACE} )
    | (?P<start>  (?= \[ {_IN_TAG}
                    | \[ [ \t]*+ {_NAME} [ \t]++ [^\n\]]{{0,1000}}+ \] [ \t]*+ $
                    | (?: ^ \( [( \t]*+ )?
                      (?: [0-9]{{1,5}} [ \t]*+ [.…] | (?: [0-9]{{1,5}} [ \t]++ )? {_MOVE} ) ) )
    | (?P<marker> \*++ | {_MARKER} )
    | (?P<brace>  \{{ )
    | (?P<text>   \( [^(){{}};\[\n]*+ \) | (?: [^\n{{;\[]++ | \[ (?! {_IN_TAG} ) ){{1,1000}}+ | \[ )
    """)
"""Outside of games. A tag that is none begins a game too, which is refused then."""

TAG = re.compile(rf'\[\s*+({_NAME})\s*+"(?:((?:[^"\\\n]++|\\[^\n]){{0,{MAX_TAG}}}+)"\s*+\]|([^\n]*?)"\s*+\])')
"""The name, and the value: with escapes, or, where that fails, up to the first quote before a bracket."""

TAG_LINE = re.compile(rf'^\[[ \t]*+{_NAME}[ \t]*+"[^\n]*"[ \t]*+\]', re.MULTILINE)
"""A tag that has its line to itself at the start."""

BLANK = re.compile(r"\n[ \t]*\n")
LINE_END = re.compile(r"[ \t]*(?:\n|\Z)")

WORD = _compile(r"""
    (?: (?! 0000 ) (?P<number> [0-9]{1,5} ) (?: [.…]++ | \Z | (?= [^-./:0-9] ) ) | [.…]++ )?
    (?P<move> [^$]*? )
    (?: \$ [0-9]{1,3} )*+
    """)
"""A number, a move or a sign, and numbers of annotation glyphs, each of them or none."""

FIRST = re.compile(r"1(?:\s*+\.(?!\s*+[.…])|\s++(?=[A-Za-z]))")
"""White's first number."""

_CHECK = r"(?i: (?: dis | disc | dbl | double )? \.? ch (?: eck )? \.? )"
_MATE = r"(?P<mate> \# | (?i: check )?+ (?i: mate ) \.? )"
CHECK = _compile(rf"(?: {_MATE} | \+{{1,2}} | {_CHECK} ) [!?]*+")
"""Check and mate, apart from their move."""
_CHECK_AT_END = _compile(rf"(?<=[1-8NBRQO0+:]) (?: {_MATE} | {_CHECK} ) [!?]*+ \Z")
_NOVELTY_AT_END = _compile(r"(?: (?<=[2-7O0!?+\#:]) T? | (?<=[18NBRQ]) T ) N [!?]*+ \Z")
PASSANT = _compile(r"(?i: e\.?p\.? ) [!?+\#]*+ \Z")
PROMOTION = _compile(r"=[QRBNqrbn] [!?+\#]*+")
NOTE = _compile(r"""
    (?: (?: TN | D | RR | (?i: dis | disc | dbl | double ) \.? ) [!?]*+ (?! [^\s(){};\[\]$] )
      | N [!?]*+ (?! [^\s(){};\[\]$] ) (?! \s++ [a-hx] ) )
    """)
"""A word that stands after a move and is none: a novelty, a diagram, an editor, a kind of check."""

_SIGNS = frozenset(r"!?+-=/\~#<>^|∆Δ")
_DASH_SIGNS = re.compile(f"[{_DASHES}]")

SCORE = re.compile(rf"(?![0Oo](?:[{_DASHES}][0Oo]){{1,2}}\Z)[0-9½OLo]++(?:[{_DASHES}:/.,]++[0-9½OLo]++)++\.?")
"""What looks like a result."""

_IS_MARKER = _compile(_MARKER)


def is_sign(word: str) -> bool:
    """Whether a word judges a move or a position: `!?`, `+-`, `±`, `⇄`; dashes alone are a move left out."""
    plain = _DASH_SIGNS.sub("-", word)
    return len(word) <= 12 and not set(plain) <= {"-"} and all(_is_sign(letter) for letter in plain)


def _is_sign(letter: str) -> bool:
    if letter in _SIGNS:
        return True
    is_symbol = letter > "\x7f" and unicodedata.category(letter) in ("Sm", "So")
    return is_symbol and not "\u2654" <= letter <= "\u265f" and letter != "\ufffd"


def without_notes(move: str) -> str:
    """A move without the novelty, the check in words and the judgement that touch it: `Nf3TN`, `e4+/=`."""
    note = _NOVELTY_AT_END.search(move)
    move = move if note is None else move[: note.start()]
    check = _CHECK_AT_END.search(move)
    if check is not None:
        return move[: check.start()] + ("#" if check["mate"] else "+")
    end = len(move)
    while end and _is_sign(_DASH_SIGNS.sub("-", move[end - 1])):
        end -= 1
    is_judged = end and set(move[end:]) - set("+#!?") and is_sign(move[end:])
    return move[:end] if is_judged else move


def is_marker(word: str) -> bool:
    """Whether a word is a game's end, in the standard's spelling or another."""
    return _IS_MARKER.fullmatch(word) is not None


def canonical_marker(text: str) -> str:
    """A marker or the tag Result as the standard has it, where it is one in another spelling."""
    text = text.strip()
    if not is_marker(text):
        return text
    ends = text[0] + text[-1]
    return {"**": "*", "10": "1-0", "01": "0-1"}.get(ends, "1/2-1/2")
