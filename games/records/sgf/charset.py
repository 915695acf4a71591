"""The charsets of SGF files.

A file names its charset in CA, often wrongly or not at all. The second byte of a character of Shift_JIS, GBK
or Big5 may be `\\` or `]`: a file is decoded first and read then.
"""

from __future__ import annotations

import codecs
import importlib
import re
from collections.abc import Sequence
from functools import cached_property
from types import ModuleType

from engine.errors import UserError
from games.records.record import shortened

CHARSETS = {
    "ascii", "utf-8", "shift_jis", "cp932", "shift_jis_2004", "shift_jisx0213", "euc_jp", "gb2312", "gbk",
    "gb18030", "big5", "cp950", "big5hkscs", "euc_kr", "cp949", "johab", "koi8-r", "koi8-u", "cp437", "cp850",
    "cp852", "cp866", "cp874", "tis-620", "mac-roman", "iso2022_jp", "iso2022_jp_2", "iso2022_kr",
    "hz",
    *(f"iso8859-{number}" for number in range(1, 17) if number != 12),
    *(f"cp{number}" for number in range(1250, 1259)),
}  # fmt: skip
"""Python's names of the charsets that are read: its other codecs are none, some unpack compressed data."""

_WIDER = {
    "ascii": "utf-8", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949",
    "big5": "big5hkscs", "cp950": "big5hkscs",
}  # fmt: skip
"""Charsets that hold another; files often claim the smaller."""

_STATEFUL = {"iso2022_jp", "iso2022_jp_2", "iso2022_kr", "hz"}
"""Charsets that are written in the bytes of ASCII."""

_ESCAPED = re.compile(rb"\x1b\$[@B](?:[\x21-\x7e]{2})++(?:\x1b\([BJ])?+")
"""Characters of two bytes in ISO-2022-JP, with the escape sequences around them."""

_ALIASES = {
    "windows31j": "cp932",
    "extendedunixcodepackedformatforjapanese": "euc_jp",
    "eucpkdfmtjapanese": "euc_jp",
    "gb231280": "gb18030",
    "ksc56011987": "cp949",
    "ksc56011989": "cp949",
    "isoir149": "cp949",
    "koi8u": "koi8-u",
    "mac": "mac-roman",
    "utf8mb4": "utf-8",
    "cnbig5": "big5hkscs",
    "big5eten": "big5hkscs",
    "utf8n": "utf-8",
    "utf8bom": "utf-8",
    "utf8sig": "utf-8",
    "utf16": "utf-8",
    "utf16le": "utf-8",
    "utf16be": "utf-8",
    "utf32": "utf-8",
    "sjiswin": "cp932",
    "eucjpwin": "euc_jp",
    "unicode11utf8": "utf-8",
    "hzgb2312": "hz",
    "ansix341968": "ascii",
    "iso646us": "ascii",
}
"""By letters and digits: names that Python's codecs do not go by, and those that `unify` makes UTF-8."""

_COMMON = {
    "cp932": (0x81, 0x97),
    "gb18030": (0xA1, 0xD7),
    "big5hkscs": (0xA1, 0xC6),
    "cp949": (0xB0, 0xC8),
    "euc_jp": (0xA1, 0xCF),
}
"""First bytes of the common characters: those are sorted before the rare ones in each of these charsets."""

_COMMON_ENOUGH = 0.5
"""Share of common characters from which on bytes are pairs; words of letters of one byte have below 0.2."""

_WESTERN = {"iso8859-1", "iso8859-15", "cp1252"}
"""Charsets that programs claim whatever they write."""

_DOUBLE = {*_COMMON, "johab", "shift_jis_2004", "shift_jisx0213"}

_CANDIDATES = (*_COMMON, "cp1252", "cp1251")
"""What is looked for where neither UTF-8 nor CA fits; names of few letters tell no more apart."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE_START = {
    "utf-16-le": re.compile(rb"(?s:..)*?\(\0(?:\s\0)*;\0"),
    "utf-16-be": re.compile(rb"(?s:..)*?\0\((?:\0\s)*\0;"),
}
_CLAIM = re.compile(rb"\b[a-z]{0,20}C[a-z]{0,20}A[a-z]{0,20}\s{0,20}\[([^]]{0,40})\]")
_WORDS = re.compile(rb"(?:[\x20-\x5a\x5e-\x7e]|[\x80-\xff][\x00-\xff])++")
_SAMPLE = 20_000
"""Bytes of the text that a charset is found by."""

_START = 1 << 20
"""Bytes of a file whose values are compared under one charset and another."""

_VALUE = re.compile(r"\[(?:[^\\\]]++|\\.)*+", re.DOTALL)
_PROPERTY = re.compile(r"(?<![A-Za-z])[A-Z]{1,2}\[")
_WORD = 3
"""Bytes that are not ASCII in the shortest word of another alphabet."""

_ENOUGH = 400
"""Bytes from which on languages are told apart; a shorter text is repeated."""


def find_charset(name: str) -> str:
    """Python's name of a charset by any of its names; "" for one that is not read."""
    plain = re.sub("^(x-)+", "", name.strip().lower())
    letters = re.sub("[^a-z0-9]", "", plain)
    short = re.sub(r"^win(dows)?(?=\d+$)", "cp", letters.removeprefix("cs"))
    short = re.sub(r"^(iso)?8859(\d{1,2})[ie]?$", r"iso8859-\2", short)
    for spelling in (plain, letters, short, _ALIASES.get(letters, ""), _ALIASES.get(short, "")):
        try:
            found = codecs.lookup(spelling).name if spelling else ""
        except (LookupError, ValueError):
            continue
        if found in CHARSETS:
            return found
    return ""


def unify(data: bytes) -> tuple[bytes, str]:
    """A file in UTF-16 or UTF-32 as UTF-8, others without byte order mark, and a warning or ""."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    encoding = encoding or next((name for name, start in _WIDE_START.items() if start.match(data[:4096])), "")
    if not encoding:
        return data.removeprefix(codecs.BOM_UTF8), ""
    text = data.decode(encoding, "replace")
    if "\ufffd" not in text:
        return text.encode("utf-8", "replace"), ""
    line = text.count("\n", 0, text.index("\ufffd")) + 1
    return text.encode("utf-8", "replace"), f"line {line}: not {encoding}; replaced by U+FFFD"


class Charsets:
    """The charsets of the parts of one file."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = [_Claimed(part) for part in parts]

    def decode(self, number: int) -> tuple[str, str]:
        """The text of a part, and a warning or "". Raise UserError where that takes the extra."""
        part = self._parts[number]
        data, found = part.data, part.charset
        if found:
            return data.decode(found, "replace"), part.warning
        found = self._found if self._found and _fits(data, self._found) else _detect(data)
        if found:
            return data.decode(found), f"{part.warning}: read as {found}"
        return data.decode("utf-8", "replace"), f"{part.warning}: read as utf-8, the rest replaced by U+FFFD"

    @cached_property
    def _found(self) -> str:
        """What those parts look like together that no claim nor UTF-8 fits: single ones may be short."""
        return _detect(b" ".join(part.data for part in self._parts if not part.charset))


class _Claimed:
    """A part of a file: its charset where the claim or UTF-8 fits, and what is wrong with the claim."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        claim = _CLAIM.search(data)
        name = claim[1].decode("ascii", "replace").strip() if claim else ""
        claimed = find_charset(name)
        self.charset, self.warning = _WIDER.get(claimed, claimed), ""
        shown = f"CA[{shortened(name)[1:-1]}]"
        what = (
            f"{shown} does not fit" if claimed else f"unknown charset {shown}" if name else "no charset (CA)"
        )
        if claimed not in _STATEFUL and _is_escaped(data):
            self.charset, self.warning = "iso2022_jp", f"{what}: read as iso2022_jp"
            return
        is_likely = self.charset != "" and (data.isascii() or _is_likely(data, self.charset))
        if is_likely and _fits(data, self.charset):
            return
        nearly = ("utf-8", self.charset) if is_likely else ("utf-8",)
        damaged = next((name for name in nearly if _nearly_fits(data, name)), "")
        if _fits(data, "utf-8"):
            self.charset, self.warning = "utf-8", f"{what}: read as utf-8" if name else ""
        elif damaged:
            known = shown if damaged == self.charset else f"{what}: read as {damaged}"
            self.charset, self.warning = damaged, f"{known}, damaged bytes replaced by U+FFFD"
        else:
            self.charset, self.warning = "", what if name else f"{what}, not UTF-8"


def _is_escaped(data: bytes) -> bool:
    """Whether a text has escape sequences of ISO-2022-JP that come in pairs."""
    found = _ESCAPED.findall(data)
    ended = all(text.endswith((b"\x1b(B", b"\x1b(J")) for text in found)
    return bool(found) and ended and data.isascii() and _fits(data, "iso2022_jp")


def _nearly_fits(data: bytes, encoding: str) -> bool:
    """Whether a charset of characters of several bytes fits but for a few, such as one that is cut."""
    if encoding != "utf-8" and encoding not in _COMMON:
        return False
    text = data.decode(encoding, "replace")
    damaged = text.count("\ufffd")
    letters = sum(map(len, re.findall("[^\0-\x7f]+", text))) - damaged
    wide = sum(map(len, re.findall("[\u0800-\ufffc]+", text)))
    return letters >= 10 * damaged or (encoding == "utf-8" and wide >= 3 * damaged)


def _fits(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_likely(part: bytes, claimed: str) -> bool:
    """Whether it is no UTF-8 under a wrong name, nor characters of two bytes under a name of others."""
    if claimed == "utf-8" or claimed in _STATEFUL:
        return True
    if _fits(part, "utf-8"):
        if claimed not in _DOUBLE or max(part.decode()) >= "\u0800":
            return False  # two bytes may be either, three are hardly ever UTF-8 by chance
    elif claimed in _DOUBLE and _nearly_fits(part, "utf-8"):
        return False
    if claimed.startswith("iso8859") and re.search(rb"[\x80-\x9f]", part):
        return False
    if claimed not in _WESTERN and claimed not in _COMMON:
        return True
    sample = _sample(part)
    shares = {name: _common_share(sample, name) for name in _COMMON if _fits(part, name)}
    if claimed in _WESTERN:
        return max(shares.values(), default=0.0) < _COMMON_ENOUGH
    return _common_share(sample, claimed) >= 0.3 or max(shares.values(), default=0.0) < 0.8


def _detect(data: bytes) -> str:
    """The charset that the text looks like; "" where none fits.

    Raise UserError where the extra is not installed.
    """
    sample = _sample(data)
    likely = [name for name in _CANDIDATES if _fits(data, name)]
    swallowed = {name: _swallowed(data, name) for name in likely}
    likely = [name for name in likely if swallowed[name] == min(swallowed.values())]
    shares = {name: _common_share(sample, name) for name in likely if name in _COMMON}
    most = max(shares.values(), default=0.0)
    likely = [
        name for name in likely if shares.get(name, 1.0 if most < _COMMON_ENOUGH else 0.0) >= most - 0.05
    ]
    if sum(byte > 127 for byte in sample) < _WORD:
        likely = [name for name in likely if name != "cp1251"]
        # A letter or two with accents among others; ISO-8859-1 is the charset of the standard.
        if "cp1252" in likely and not re.search(rb"[\x80-\xbf]|[\x80-\xff]{2}", sample):
            return "cp1252"
    if len(likely) > 1 and sample:
        text = (sample + b" ") * -(-_ENOUGH // (len(sample) + 1))
        matches = _load_detector().from_bytes(text, cp_isolation=likely, threshold=1.0)
        likely = [match.encoding for match in matches] or likely
    if likely:
        return likely[0]
    return "" if re.search(rb"[\x80-\x9f]", data) else "iso8859-1"


def _swallowed(data: bytes, encoding: str) -> int:
    """How many values hold what looks like a property, as where their end is taken for part of a letter."""
    text = data[:_START].decode(encoding, "replace")
    return sum(_PROPERTY.search(value[0], 1) is not None for value in _VALUE.finditer(text))


def _sample(data: bytes) -> bytes:
    """The words of a file that are not ASCII."""
    words, size = [], 0
    for match in _WORDS.finditer(data):
        if not match[0].isascii():
            words.append(match[0])
            size += len(match[0])
        if size > _SAMPLE:
            break
    return b" ".join(words)


def _common_share(sample: bytes, encoding: str) -> float:
    """Of the characters that are not ASCII, how many are common and stand beside another one or a digit."""
    first, last = _COMMON[encoding]
    text = sample.decode(encoding, "replace")
    common = total = 0
    for run in re.findall("[0-9]?[^\0-\x7f]+", text):
        codes = [letter.encode(encoding, "replace") for letter in run if not letter.isascii()]
        total += len(codes)
        if len(run) > 1:
            common += sum(len(code) == 2 and first <= code[0] <= last for code in codes)
    return common / max(1, total)


def _load_detector() -> ModuleType:
    try:
        return importlib.import_module("charset_normalizer")
    except ImportError as error:
        raise UserError(
            "the charset is not as the file says: to find it takes the extra 'go': pip install 'selfplay[go]'"
        ) from error
