"""One spelling for texts that read the same: what cannot be seen, composed letters, dashes, digits, space.

Letters that only look alike (Latin and Cyrillic `a`) stay apart everywhere: they are different text.
"""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Shown as nothing, beside what Unicode calls format characters: zero widths, BOM, marks of direction."""

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_MARKS = {
    **_DASHES,
    **dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u2032\uff07"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u2033\uff02"), '"'),
    ord("\u00ba"): "\u00b0",
    ord("\u02da"): "\u00b0",
    ord("\u066b"): ".",
    ord("\u066c"): ",",
    ord("\u066a"): "%",
    ord("\u2044"): "/",
    ord("\u2215"): "/",
    ord("\u2219"): "\u00b7",
    ord("\u22c5"): "\u00b7",
    ord("\u2217"): "*",
    **dict.fromkeys(map(ord, "\u2715\u2716\u2a2f"), "\u00d7"),
    ord("\u3002"): ".",
}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED_RUN = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = re.compile("[₀-₉]+")
_VULGAR = re.compile("([0-9]?)([¼½¾⅐-⅞])")


def seen(text: str) -> str:
    """A text without what cannot be seen, its letters composed (NFC), each space a plain one.

    Letters of another form, `x²` and `x2`, stay apart, as they would not under NFKC.
    """
    if text.isascii():
        return text.replace("\r\n", "\n")
    text = _UNSEEN.sub("", unicodedata.normalize("NFC", text))
    letters = (
        " " if kind == "Zs" else "" if kind == "Cf" else "\n" if kind in ("Zl", "Zp") else letter
        for letter, kind in zip(text, map(unicodedata.category, text), strict=True)
    )
    return unicodedata.normalize("NFC", "".join(letters)).replace("\r\n", "\n")


def spaced_once(text: str) -> str:
    """What is seen of a text, with one space wherever there is any white space."""
    return " ".join(seen(text).split())


def plain(text: str) -> str:
    """A text in plain marks: compatible letters (NFKC), ASCII digits, dashes, quotes; powers after `^`."""
    if text.isascii():
        return text.replace("\r\n", "\n")
    text = _RAISED_RUN.sub(lambda match: f"^{{{match[0].translate(_RAISED)}}}", text)
    text = _LOWERED.sub(lambda match: f"_{{{unicodedata.normalize('NFKC', match[0])}}}", text)
    text = _VULGAR.sub(_fraction, text)
    text = unicodedata.normalize("NFKC", seen(text).translate(_MARKS)).translate(_MARKS)
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)


def _fraction(match: re.Match[str]) -> str:
    """`2½` is two and a half and must not become 21/2."""
    written = unicodedata.normalize("NFKC", match[2]).replace("\u2044", "/")
    return f"{match[1]} {written}" if match[1] else written
