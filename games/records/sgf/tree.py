"""SGF as text: of every game tree in a file its main line, node by node.

The main line ends at the first `)`. What follows is skipped without being kept, so that neither variations
nor their nesting cost memory or stack. A game that does not end costs the next one nothing: another begins
where a node begins with a property that only roots have.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import UserError
from games.records.record import shortened
from games.records.sgf.charset import Charsets, unify

MAX_TOKENS = 500_000
"""Nodes, properties and values of the longest main line that is read."""

MAX_VALUE = 10_000
"""Bytes of the longest value that is read; comments, which are skipped, may be longer."""

TAGS = (
    "PB", "BR", "BT", "PW", "WR", "WT", "EV", "RO", "DT", "PC", "GN", "ON", "OT", "TM", "AN", "SO", "US",
    "CP",
)  # fmt: skip
"""Properties of a game that a record keeps as it finds them."""

READ = frozenset(
    (*TAGS, "AP", "GM", "SZ", "RU", "KM", "HA", "RE", "PL", "AB", "AW", "AE", "B", "W", "KO", "TB", "TW")
)
"""Properties that are read."""

Node = Mapping[str, Sequence[str]]
"""Values by property, those of `READ`, without their escapes."""

_ROOT = re.compile(
    rb"\(\s*;\s*[a-z]{0,20}(?:G[a-z]{0,20}M|F[a-z]{0,20}F|C[a-z]{0,20}A|A[a-z]{0,20}P|S[a-z]{0,20}[TZ])[a-z]{0,20}"
    rb"\s*\[[^\]\\]{0,60}\]"
)
"""Where a game begins for sure: within a value the last bracket would be escaped."""

_GAME_INFO = re.compile(rf"\(\s*;\s*(?:{'|'.join(TAGS)}|KM|RU|RE|HA)\s*\[")
"""Where one begins unless it is a variation."""

_START = re.compile(r"\(\s*;|;\s*(?:GM|FF)\s*\[\s*[0-9]")
"""Between games, where the first bracket may be missing."""

_SWALLOWED = re.compile(rf"(?P<game>\(\s*;\s*)?\b(?:{'|'.join(sorted(READ))})\s*\Z")
"""Before the last '[' of a value, where the ']' of the value is missing."""

_MOVE = re.compile(r";\s*(?:B|W|Black|White)\s*\[")
# Between tokens some servers spell line breaks out, as a backslash and a letter.
_TOKEN = re.compile(
    r"(?:[\s\ufeff\0\x1a]|\\[rn])*+(?:(?P<value>\[(?:[^\\\]]++|\\.)*+(?P<closed>\])?+)|(?P<bracket>[()])|(?P<node>;)"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*+)|(?P<other>.))",
    re.DOTALL,
)


@dataclass(frozen=True)
class MainLine:
    """The nodes of a game from its root on, and what was taken for something else than is written."""

    nodes: Sequence[Node]
    warnings: Sequence[str]
    line: int
    """Of the file, where the game begins."""


def main_lines(data: bytes) -> Iterator[MainLine | UserError]:
    """The main line of every game of a file, or what is wrong with the game.

    Raise UserError where there is no game at all.
    """
    data, note = unify(data)
    starts = [0, *(match.start() for match in _ROOT.finditer(data)), len(data)]
    parts = [data[start:end] for start, end in itertools.pairwise(starts)]
    charsets = Charsets(parts)
    line, found = 1, False
    for number, part in enumerate(parts):
        if number == 0 and (lost := _moves_before(part, len(parts) > 1)):
            yield UserError(lost)
        try:
            text, warning = charsets.decode(number)
        except UserError as error:
            found = True
            yield UserError(f"line {line}: {error}")
        else:
            for game in _Part(text, line, [told for told in (note, warning) if told]).games():
                found = True
                yield game
        line += part.count(b"\n")
    if not found:
        shown = data[:80].decode("utf-8", "replace")
        raise UserError(f"no game: there is no '(;' in {shortened(shown)}")


def _moves_before(part: bytes, has_games: bool) -> str:
    """What is wrong where there are moves before the first game of a file, or ""."""
    text = part.decode("latin-1")
    start = _START.search(text)
    moves = _MOVE.search(text, 0, start.start() if start else len(text))
    if moves is None or not (start or has_games):
        return ""
    return f"line {text.count(chr(10), 0, moves.start()) + 1}: moves before the first '(;' are of no game"


class _Part:
    """A piece of a file in one charset, which holds whole games unless one has no end."""

    def __init__(self, text: str, line: int, warnings: Sequence[str]) -> None:
        self._text, self._warnings = text, warnings
        self._at, self._line = 0, line
        self._starts: list[int] | None = None
        """Where games begin, once there is one without an end."""

    def games(self) -> Iterator[MainLine | UserError]:
        start = _START.search(self._text)
        while start is not None:
            line = self._line_of(start.start())
            tree, end = self._read(start)
            following = _START.search(self._text, end)
            if tree.wrong:
                yield UserError(f"line {self._line_of(tree.wrong_at)}: {tree.wrong}")
            else:
                notes = self._notes(tree, start, end, following.start() if following else len(self._text))
                told = [*self._warnings, *(f"line {line}: {note}" for note in notes)]
                yield MainLine(tree.nodes, told, line)
            start = following

    def _notes(self, tree: _Tree, start: re.Match[str], end: int, following: int) -> Iterator[str]:
        if start[0][0] == ";":
            yield "the game has no '(' before it"
        if tree.depth:
            yield f"the game has no end, {tree.depth} times ')' is missing"
        yield from tree.warnings
        if tree.variations:
            yield "the main line is read, variations are left out"
        if _MOVE.search(self._text, end, following):
            yield "moves after the end of the game are left out"

    def _read(self, start: re.Match[str]) -> tuple[_Tree, int]:
        """The game at `start`, and where it ends."""
        after = start.start() + (start[0][0] == "(")
        tree = _Tree(self._text)
        end = tree.read(after, self._end_of(after))
        if tree.depth and self._starts is None:
            self._starts = [match.start() for match in _GAME_INFO.finditer(self._text, after)]
            if self._starts:
                tree = _Tree(self._text)
                end = tree.read(after, self._end_of(after))
        if tree.depth and not any(tree.nodes):
            tree.fail(after, "the game has no end and no property")
        return tree, end

    def _end_of(self, after: int) -> int:
        starts = self._starts or []
        following = bisect.bisect_left(starts, after)
        return starts[following] if following < len(starts) else len(self._text)

    def _line_of(self, at: int) -> int:
        if at < self._at:
            return self._line - self._text.count("\n", at, self._at)
        self._line += self._text.count("\n", self._at, at)
        self._at = at
        return self._line


class _Tree:
    """A game as it is read, token by token, from after its first bracket."""

    def __init__(self, text: str) -> None:
        self.nodes: list[dict[str, list[str]]] = []
        self.depth = 1
        self.variations = 0
        self.warnings: list[str] = []
        self.wrong, self.wrong_at = "", 0
        self._text = text
        self._tokens = 0
        self._keeps = True
        """On the main line, as long as nothing is wrong with it."""
        self._in_node = False
        self._name = ""
        """Of the property whose values come."""
        self._has_value = True

    def read(self, start: int, end: int) -> int:
        """Where the game ends, at the latest at `end`; what is wrong does not stop it."""
        token = None
        for token in _TOKEN.finditer(self._text, start, end):
            kind = str(token.lastgroup)
            if kind == "value" and token["closed"] is None:
                self.fail(token.start("value"), f"the value {shortened(token['value'][:80])} has no end")
                return end
            if kind == "value" and (inner := self._check_value(token["value"])) > 0:
                self.fail(token.start("value"), f"the value {shortened(token['value'][:inner])} has no end")
                return token.start("value") + inner
            if self._keeps:
                try:
                    self._take(kind, token[kind])
                except UserError as error:
                    self.fail(token.start(kind), str(error))
            elif kind == "node":
                self.variations += 1
            if kind == "bracket":
                self._nest(token["bracket"])
                if self.depth == 0:
                    return token.end()
        if self._keeps and not self._has_value:
            self.fail(end, f"the property {self._name} has no value")
        return end

    def fail(self, at: int, what: str) -> None:
        """Note the first thing that is wrong."""
        if not self.wrong:
            self.wrong, self.wrong_at = what, at
        self._keeps = False

    def _check_value(self, value: str) -> int:
        """Where another game begins within a value that has no end; a property there is told."""
        last = value.rfind("[", 1)
        if last < 0 or "\\" in value[last:]:
            return 0
        swallowed = _SWALLOWED.search(value, max(0, last - 40), last)
        if swallowed and swallowed["game"]:
            return swallowed.start()
        if swallowed and self._keeps:
            shown = shortened(value[swallowed.start() :][:40])
            self.warnings.append(f"a value of {self._name} ends in {shown}: is a ']' missing before it?")
        return 0

    def _nest(self, bracket: str) -> None:
        self._in_node = False
        self.depth += 1 if bracket == "(" else -1
        self.variations += bracket == "(" and not self._keeps
        self._keeps = self._keeps and bracket == "("

    def _take(self, kind: str, text: str) -> None:
        self._tokens += 1
        if self._tokens > MAX_TOKENS:
            raise UserError(f"a game of more than {MAX_TOKENS} nodes and values")
        if kind == "value":
            self._take_value(text)
            return
        if not self._has_value:
            raise UserError(f"the property {self._name} has no value")
        self._name = ""
        if kind == "node":
            self.nodes.append({})
            self._in_node = True
        elif kind == "name":
            self._take_name(text)
        elif kind == "other":
            raise UserError(rf"{shortened(text)} stands outside a value, within which ']' is written '\]'")

    def _take_name(self, text: str) -> None:
        if not self._in_node:
            raise UserError(f"{shortened(text)} stands before the ';' of its node")
        # Old files spell names out, as in Black or SiZe: capital letters count.
        self._name = "".join(letter for letter in text if not letter.islower())
        if not self._name:
            raise UserError(
                rf"the property {shortened(text)} has no capital letter; in a value ']' is written '\]'"
            )
        self._has_value = False

    def _take_value(self, text: str) -> None:
        if not self._name:
            raise UserError(f"the value {shortened(text)} belongs to no property")
        self._has_value = True
        if self._name not in READ:
            return
        if len(text) > MAX_VALUE or len(text.encode("utf-8", "replace")) > MAX_VALUE + 2:
            raise UserError(f"a value of {self._name} has more than {MAX_VALUE} bytes")
        self.nodes[-1].setdefault(self._name, []).append(_plain(text[1:-1]))


def _plain(value: str) -> str:
    """Without escapes; white space, but for an escaped line break, becomes spaces."""
    value = re.sub(r"\\(\r\n|\n\r|\n|\r|.)", lambda found: found[1].strip("\r\n"), value, flags=re.DOTALL)
    return re.sub(r"\r\n|\n\r|[\t\n\v\f\r]", " ", value)
