"""PLAYER as typed: who it is, and behind semicolons its name, limits and an outside engine's options.

'uci:stockfish; Hash=16; Skill Level=3; time=1+0.01'
'gtp:gnugo --mode gtp --level 10; name=GNU Go'
'runs/quickstart; simulations=400'
"""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import UserError
from engine.player.limit import ALIASES, KEYS, Limit
from engine.plugin import suggest

OUTSIDE = ("uci", "gtp", "json")
"""Protocols that outside engines are spoken to in."""

_COMMAND = "command"
_EXPLICIT = "option."


@dataclass(frozen=True)
class PlayerSpec:
    """name: what it is called in results. who: what stands before the first semicolon. limit: its own.
    options: of an outside engine, in order; commands: that it is sent at its start (GTP)."""

    name: str
    who: str
    limit: Limit = field(default_factory=Limit)
    options: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def protocol(self) -> str:
        """Of an outside engine; empty for our own players."""
        kind = self.who.partition(":")[0]
        return kind if kind in OUTSIDE and ":" in self.who else ""

    @property
    def words(self) -> list[str]:
        """The command of an outside engine, word by word, the program by its path; raise UserError."""
        text = self.who.partition(":")[2].strip()
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UserError(f"player '{self.who}': {str(error).lower()} in the command '{text}'") from None
        if not words:
            raise UserError(f"player '{self.who}': give a command, such as {self.protocol}:PROGRAM --option")
        # As a shell takes it: a word with a slash is a path, ./ and ../ too.
        home = words[0].startswith("~")
        program = shutil.which(str(Path(words[0]).expanduser()) if home else words[0])
        if program is None:
            raise UserError(
                f"player '{self.who}': there is no program '{words[0]}'; give one of the PATH or its path"
            )
        return [program, *words[1:]]


def parse_spec(text: str) -> PlayerSpec:
    """Read a player; raise UserError that names what cannot be read."""
    if "\n" in text or "\0" in text:
        raise UserError(f"player {text[:60]!a} has a line end or a NUL in it")
    if ";" not in text or _is_path(text):
        return PlayerSpec(text, text)
    who, *parts = _split(text) or [""]
    if not who:
        raise UserError(f"player '{text}' is empty")
    spec = PlayerSpec(f"{who}; {'; '.join(parts)}" if parts else who, who)
    name, limit, options, commands = "", Limit(), [], []
    for part in parts:
        key, equals, value = part.partition("=")
        key, value = _unquoted(key.strip()), _unquoted(value.strip())
        if not equals and not spec.protocol == "uci":
            raise UserError(f"player '{text}': '{part}' is not of the form NAME=VALUE")
        if key == "name":
            name = value
        elif key in KEYS or key in ALIASES:
            limit = limit.with_part(key, value, f"player '{text}'")
        elif key == _COMMAND and spec.protocol == "gtp":
            commands.append(value)
        elif spec.protocol == "uci":
            options.append((key.removeprefix(_EXPLICIT), value))
        else:
            known = ["name", *KEYS, *([_COMMAND] if spec.protocol == "gtp" else [])]
            raise UserError(f"player '{text}': unknown '{key}'; {suggest(key, known)}")
    if twice := {key.lower() for key, _ in options if [k.lower() for k, _ in options].count(key.lower()) > 1}:
        raise UserError(f"player '{text}': option '{min(twice)}' is given twice")
    return PlayerSpec(name or spec.name, who, limit, tuple(options), tuple(commands))


def _is_path(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # a name that is too long
        return False


def _split(text: str) -> list[str]:
    """At semicolons outside of quotes."""
    parts, quote = [""], ""
    for letter in text:
        if letter == ";" and not quote:
            parts.append("")
            continue
        if letter in "\"'" and quote in ("", letter):
            quote = "" if quote else letter
        parts[-1] += letter
    if quote:
        raise UserError(f"player '{text}': a quotation mark is not closed")
    return [part for each in parts if (part := each.strip())]


def _unquoted(value: str) -> str:
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value
