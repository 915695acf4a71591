"""SGF as text: charsets, and of every game tree in a file its main line, node by node.

The main line ends at the first `)`. What follows is skipped without being kept, so that neither variations
nor their nesting cost memory or stack; sgfmill reads the main line alone.
"""

from __future__ import annotations

import codecs
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType

from engine.errors import UserError
from games.records.record import shortened

MAX_TOKENS = 500_000
"""Nodes, properties and values of the longest main line that is read."""

MAX_VALUE = 10_000
"""Bytes of the longest value that is read, comments apart, which are skipped."""

TAGS = (
    "PB", "BR", "BT", "PW", "WR", "WT", "EV", "RO", "DT", "PC", "GN", "ON", "OT", "TM", "AN", "SO", "US",
    "CP",
)  # fmt: skip
"""Properties of a root that a record keeps as it finds them."""

READ = frozenset((*TAGS, "AP", "FF", "GM", "SZ", "RU", "KM", "HA", "RE", "PL", "AB", "AW", "AE", "B", "W"))
"""Properties that are read."""

Node = Mapping[str, Sequence[str]]
"""Values by property, those of `READ`, without their escapes."""

_CHARSETS = {
    "ascii", "utf-8", "shift_jis", "cp932", "euc_jp", "gb2312", "gbk", "gb18030", "big5", "cp950",
    "big5hkscs", "euc_kr", "cp949", "johab", "koi8-r", "koi8-u", "cp437", "cp850", "cp866", "mac-roman",
    *(f"iso8859-{number}" for number in range(1, 17) if number != 12),
    *(f"cp{number}" for number in range(1250, 1259)),
}  # fmt: skip
"""Python's names of the charsets that are read: its other codecs are none, some unpack compressed data."""

_WIDER = {"ascii": "utf-8", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
"""Charsets that hold another; files often claim the smaller."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_CHARSET = re.compile(rb"\bCA\s*\[([^]]{0,40})\]")
_TOO_LONG = b"[" + b"x" * (MAX_VALUE + 1) + b"]"
"""What sgfmill gets for a value, mostly a comment, that would take it long to read."""

_START = re.compile(rb"\(\s*;")
_TOKEN = re.compile(rb"\[[^\\\]]*+(?:\\.[^\\\]]*+)*+(?P<closed>\])?|[();]|[A-Za-z]++", re.DOTALL)


def single(node: Node, name: str) -> str:
    """The first value of a property; empty where it is not there."""
    return next(iter(node.get(name, ())), "").strip()


def load_sgfmill() -> ModuleType:
    """sgfmill's grammar; raise UserError where the extra is not installed."""
    try:
        return importlib.import_module("sgfmill.sgf_grammar")
    except ImportError as error:
        raise UserError("reading SGF takes the extra 'go': pip install 'selfplay[go]'") from error


def decode(data: bytes) -> tuple[str, list[str]]:
    """The text of a file by its byte order mark or its CA, and warnings.

    Without either it is UTF-8, or else ISO-8859-1. Bytes that the charset does not have become U+FFFD and an
    unknown charset is read as UTF-8 in the same manner, both with a warning.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode(data, encoding)
    claimed = _CHARSET.search(data)
    if claimed is None:
        try:
            return data.decode("utf-8"), []
        except UnicodeDecodeError:
            return data.decode("iso8859-1"), []
    name = claimed[1].decode("ascii", "replace").strip()
    try:
        encoding = codecs.lookup(name).name
    except (LookupError, ValueError):
        encoding = ""
    if encoding not in _CHARSETS:
        text, warnings = _decode(data, "utf-8")
        return text, [f"unknown charset CA[{name}]: read as UTF-8", *warnings]
    return _decode(data, _WIDER.get(encoding, encoding))


def _decode(data: bytes, encoding: str) -> tuple[str, list[str]]:
    text = data.decode(encoding, "replace")
    if "\ufffd" in text and "\ufffd".encode() not in data:
        at = text.index("\ufffd")
        line = text.count("\n", 0, at) + 1
        return text, [f"line {line}: not {encoding}, which the file claims to be; replaced by U+FFFD"]
    return text, []


def main_lines(text: str) -> Iterator[list[Node] | UserError]:
    """The main line of every game of a file, from its root on, or what is wrong with the game.

    Raise UserError where there is no game at all.
    """
    grammar = load_sgfmill()
    data = text.encode("utf-8", "replace")
    start = _START.search(data)
    if start is None:
        raise UserError(f"no game: there is no '(;' in {shortened(text)}")
    while start is not None:
        where = f"line {_line_of(data, start.start())}"
        try:
            line, end = _cut(data, start.start())
        except UserError as error:
            yield error
            return
        try:
            yield _nodes(grammar, line)
        except (UserError, ValueError) as error:
            yield UserError(f"{where}: not SGF: {error}")
        start = _START.search(data, end)


def _cut(data: bytes, start: int) -> tuple[bytes, int]:
    """The game at `start` without its variations and the brackets around parts, and where it ends."""
    pieces, depth, tokens, kept = [b"("], 0, 0, start + 1
    for token in _TOKEN.finditer(data, start):
        letter = data[token.start() : token.start() + 1]
        if letter == b"[" and token["closed"] is None:
            shown = data[token.start() : token.start() + 80].decode("utf-8", "replace")
            raise UserError(f"line {_line_of(data, token.start())}: the value {shortened(shown)} has no end")
        on_main_line = pieces[-1] != b")"
        tokens += on_main_line
        if tokens > MAX_TOKENS:
            raise UserError(
                f"line {_line_of(data, start)}: a game of more than {MAX_TOKENS} nodes and values"
            )
        if letter == b"(":
            depth += 1
        elif letter == b")":
            depth -= 1
        if on_main_line and token.end() - token.start() > MAX_VALUE + 2:
            pieces += [data[kept : token.start()], _TOO_LONG]
            kept = token.end()
        if letter in b"()" and on_main_line:
            pieces.append(data[kept : token.start()])
            kept = token.end()
            if letter == b")":
                pieces.append(b")")
        if depth == 0:
            return b"".join(pieces), token.end()
    raise UserError(f"line {_line_of(data, start)}: the game has no end, {depth} times ')' is missing")


def _nodes(grammar: ModuleType, line: bytes) -> list[Node]:
    def read(name: str, raw: bytes) -> str:
        if len(raw) > MAX_VALUE:
            raise UserError(f"a value of {name} has more than {MAX_VALUE} bytes")
        value: bytes = grammar.simpletext_value(raw)
        return value.decode("utf-8", "replace")

    return [
        {name: [read(name, value) for value in values] for name, values in node.items() if name in READ}
        for node in grammar.parse_sgf_game(line).sequence
    ]


def _line_of(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1
