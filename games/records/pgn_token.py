"""The parts that a PGN text is made of, as patterns: each is matched where the part before it ends.

Repetitions are possessive or bounded, so that no text is costly to read, in time or in memory.
"""

from __future__ import annotations

import re

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
    (?: [PNBRQK\u2654-\u265f]? \ufe0e? [a-h]? [1-8]? [{_DASHES}x\u00d7]? [a-h][1-8]
        (?= [\s+\#!?=/(){{}};$nbrqNBRQe] | \Z )
      | [0Oo] [{_DASHES}] [0Oo] )"""

BETWEEN = _compile(rf"""
      (?P<space>  {_SPACE} )
    | (?P<start>  (?= \[ {_IN_TAG}
                    | \[ [ \t]*+ {_NAME} [ \t]++ [^\n\]]*+ \] [ \t]*+ $
                    | [( \t]*+ (?: [0-9]{{1,5}} [ \t]*+ [.…] | (?: [0-9]{{1,5}} [ \t]++ )? {_MOVE} ) ) )
    | (?P<marker> \*++ | {_MARKER} )
    | (?P<brace>  \{{ )
    | (?P<text>   (?: [^\n{{;\[]++ | \[ (?! {_IN_TAG} ) ){{1,1000}}+ | \[ )
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

SIGN = re.compile(r"[!?]{1,6}|(?!--)[-+=/~#±∓⩲⩱∞□]{1,3}")
PASSANT = re.compile(r"e\.?p\.?")
SCORE = re.compile(rf"(?![0Oo](?:-[0Oo]){{1,2}}\Z)[0-9½OLo]++(?:[{_DASHES}:/.,]++[0-9½OLo]++)++")
"""What looks like a result."""


def canonical_marker(text: str) -> str:
    """A marker or the tag Result as the standard has it, where it is one in another spelling."""
    text = text.strip()
    if not re.fullmatch(_MARKER, text, re.VERBOSE):
        return text
    ends = text[0] + text[-1]
    return {"**": "*", "10": "1-0", "01": "0-1"}.get(ends, "1/2-1/2")
