"""The options that a problem lists, by letter: `A. Paris`, `(B) Rome`, one a line or in one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from engine.language.spelling import plain

MAX_CHARS = 20_000
"""Of a problem: only its end is read."""

MAX_TEXT = 400
"""Of an option, for a completion to be compared with it."""

_LABEL = re.compile(r"(?:(?<=\s)|^)(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[).:])(?=\s*\S)")


@dataclass(frozen=True)
class Options:
    """Two or more, from A on."""

    texts: dict[str, str]
    """By letter, folded."""

    def shortened(self, text: str) -> str:
        """A text with `(B)` wherever a label and all of its own option's text stand."""
        for letter, told in self.texts.items():
            if told and len(told) <= MAX_TEXT:
                words = r"\s+".join(map(re.escape, told.split()))
                label = rf"(?<![\w'.-])[(\[]?{letter}[)\]]?(?:[).:]|(?<=[)\]]))\s*(?:(?i:{words}))(?!\w)"
                text = re.sub(label, f"({letter})", text)
        return text

    def names(self, line: str, apart_from: str) -> bool:
        """Whether a line such as `E. coli` stands whole in the text of another option than its letter's."""
        told = _folded(line)
        return any(told in text for letter, text in self.texts.items() if letter != apart_from)


@lru_cache(maxsize=4096)
def read_options(prompt: str) -> Options | None:
    """The last list of options in a problem, None where it has none."""
    text = plain(prompt[-MAX_CHARS:])
    found: list[tuple[str, int, int]] = []
    for match in _LABEL.finditer(text):
        letter = next(group for group in match.groups() if group)
        if letter == "A":
            found = []
        if letter == chr(ord("A") + len(found)):
            found.append((letter, match.start(), match.end()))
    if len(found) < 2:
        return None
    ends = [start for _, start, _ in found[1:]] + [_line_end(text, found[-1][2])]
    return Options(
        {letter: _folded(text[end:stop]) for (letter, _, end), stop in zip(found, ends, strict=True)}
    )


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .")
