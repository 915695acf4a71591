"""Answers: `=` or `?`, the command's number, a text, an empty line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from engine.protocols.gtp.request import one_line


def print_out(text: str) -> None:
    """Write to who has started this."""
    sys.stdout.write(text)
    sys.stdout.flush()


class Reply:
    """The answer to one command; once begun, it grows line by line and can no longer be a refusal."""

    def __init__(self, identity: str, write: Callable[[str], None]) -> None:
        self._identity = identity
        self._write = write
        self.is_begun = False

    def begin(self) -> None:
        """Tell at once that the command is under way."""
        if not self.is_begun:
            self._write(f"={self._identity}\n")
            self.is_begun = True

    def line(self, text: str) -> None:
        """One line of it, which is not empty."""
        self.begin()
        self._write(one_line(text) + "\n")

    def end(self, text: str) -> None:
        """The last of it, or all; empty lines within it get a blank."""
        text = re.sub(r"\n(?=\n)", "\n ", text.rstrip("\n"))
        if self.is_begun:
            self._write(f"{text}\n\n" if text else "\n")
        else:
            self._write(f"={self._identity}{' ' if text and not text.startswith(chr(10)) else ''}{text}\n\n")

    def refuse(self, text: str) -> None:
        """Say why not."""
        if self.is_begun:
            print(f"gtp: {one_line(text)}", file=sys.stderr)
            self._write("\n")
        else:
            self._write(f"?{self._identity} {one_line(text) or 'failed'}\n\n")
