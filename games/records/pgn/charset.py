"""PGN as bytes: the charset, and one kind of line end."""

from __future__ import annotations

import codecs
import re

from engine.errors import UserError

_MARKED = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, the longer ones first."""

_DOS_END = "\x1a"
"""Ends text files of old systems; where such files were joined it stands between them."""

_INVISIBLE = re.compile("[\ufeff\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069]")
"""Byte order marks, and what pages put between letters for their layout."""


def decode(data: bytes) -> str:
    """The text with line feeds for line ends and without byte order marks and invisible signs.

    UTF-16 and UTF-32 where a mark or four ASCII characters at the start say so; of any other each line is
    UTF-8 where that fits, else Windows-1252, else ISO-8859-1, the charset of the standard.
    """
    text = _decode_wide(data)
    if text is None:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = "".join(map(_decode_line, data.splitlines(keepends=True)))
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.rstrip(_DOS_END + "\n\0").replace(_DOS_END, " ")


def _decode_wide(data: bytes) -> str | None:
    """The text of UTF-16 and UTF-32, None of any other. Raise UserError where it is broken."""
    charset = next((name for mark, name in _MARKED if data.startswith(mark)), "")
    if not charset:
        zeros = "".join("0" if byte == 0 else "x" for byte in data[:8])
        charset = {"x0x0x0x0": "utf-16-le", "0x0x0x0x": "utf-16-be"}.get(zeros, "")
    if not charset:
        return None
    try:
        return data.decode(charset)
    except UnicodeDecodeError as error:
        raise UserError(
            f"the text begins as {charset.upper()} and is none at byte {error.start}; save it as UTF-8"
        ) from error


def _decode_line(line: bytes) -> str:
    for charset in ("utf-8", "windows-1252"):
        try:
            return line.decode(charset)
        except UnicodeDecodeError:
            pass
    return line.decode("iso8859-1")
