"""Requests: lines of an input as the protocol reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.protocols.line_reader import Line

_IDENTITY = re.compile("[0-9]{1,10}")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?")
_INTERRUPT = re.compile(r"\s*#\s*interrupt\s*")


class GtpError(Exception):
    """What a command is refused with; the text follows the question mark."""


@dataclass(frozen=True)
class Request:
    """A line that asks something. identity: its number as written, empty without."""

    identity: str
    name: str
    arguments: tuple[str, ...]


def read_request(line: str) -> Request | None:
    """What a line asks; None for an empty line and a comment (GTP 2, sections 2.5 and 2.6)."""
    words = _CONTROL.sub("", line.replace("\t", " ")).partition("#")[0].split()
    identity = ""
    if words and _IDENTITY.fullmatch(words[0]):
        identity, *words = words
    if not words:
        return Request(identity, "", ()) if identity else None
    return Request(identity, words[0], tuple(words[1:]))


def is_interrupt(line: Line) -> bool:
    """Whether a line is the comment by which a client ends what is under way."""
    return _INTERRUPT.fullmatch(line) is not None


def one_line(text: str) -> str:
    """A message as an answer holds it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def one_argument(arguments: Sequence[str], what: str) -> str:
    """The first argument, of which there must be one; more are not looked at, as the protocol wants it."""
    if not arguments:
        raise GtpError(f"give {what}")
    return arguments[0]


def read_number(text: str) -> float:
    """A finite number, as a client writes it."""
    if not _NUMBER.fullmatch(text):
        raise GtpError(f"'{text[:40]}' is not a number")
    return float(text)


def read_count(text: str, low: int, high: int) -> int:
    """A whole number; some clients write it with a decimal point."""
    number = read_number(text)
    if number != int(number) or not low <= number <= high:
        raise GtpError(f"'{text[:40]}' is not a whole number from {low} to {high}")
    return int(number)
