"""The way out: whole lines, from any thread, each sent at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence


class Output:
    """Writes lines of the protocol; who no longer listens is told nothing more."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self.is_closed = False

    def send(self, lines: Sequence[str]) -> None:
        """Write them together."""
        text = "".join(_one_line(line) + "\n" for line in lines)
        with self._lock:
            if text and not self.is_closed:
                try:
                    self._write(text)
                except (OSError, ValueError):
                    self.is_closed = True

    def tell(self, text: str) -> None:
        """An `info string`."""
        self.send([f"info string {text}"])


def descriptor_output(descriptor: int) -> Output:
    """To a file descriptor, without a buffer."""

    def write(text: str) -> None:
        rest = text.encode("utf-8", "replace")
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    return Output(write)


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)
