"""What a judge is asked: a text with places for what is judged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from engine.errors import UserError
from engine.plugin import suggest

MAX_BYTES = 1 << 20
"""Of a prompt's file."""

SCORE_PLACES = ("prompt", "completion")
COMPARISON_PLACES = ("prompt", "first", "second")

_PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class JudgePrompt:
    """A text in which `{name}` stands for what is filled in; other braces stand for themselves."""

    text: str

    def filled(self, **parts: str) -> str:
        """The text with its places filled; what is filled in is read as it is, whatever braces it has."""
        return _PLACE.sub(lambda match: parts.get(match[1], match[0]), self.text)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a judge is told around the places."""
        return tuple(part for part in _PLACE.split(self.text)[::2] if part.strip())


@cache
def built_in(name: str) -> JudgePrompt:
    """One of the package's own: additive, token, comparison, instruction."""
    return JudgePrompt((files(__package__) / "prompts" / f"{name}.txt").read_text(encoding="utf-8"))


def read_prompt(path: str, places: tuple[str, ...]) -> JudgePrompt:
    """The prompt of a file; UserError where it cannot be read, or has not each of `places`, and no other."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"judge.prompt '{path}': {error.strerror or error}; name a text file") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"judge.prompt '{path}' has more than {MAX_BYTES} bytes; give a shorter one")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"judge.prompt '{path}' is not UTF-8: byte {error.start}") from error
    found = set(_PLACE.findall(text))
    for place in places:
        if place not in found:
            raise UserError(f"judge.prompt '{path}' lacks {{{place}}}; it needs {_listed(places)}")
    others = {*SCORE_PLACES, *COMPARISON_PLACES} - set(places)
    for name in sorted(found - set(places)):
        if name in others or suggest(name, places).startswith("did you mean"):
            raise UserError(f"judge.prompt '{path}' has {{{name}}}; what is filled in is {_listed(places)}")
    return JudgePrompt(text)


def _listed(places: tuple[str, ...]) -> str:
    return ", ".join(f"{{{place}}}" for place in places)
