"""The lines of a session: taken one by one, and looked at while a command is under way."""

from __future__ import annotations

import os
import stat
from collections import deque

from engine.protocols.gtp.request import is_interrupt, read_request
from engine.protocols.line_reader import Line, LineReader

MAX_HELD = 1000
"""Lines that are looked at ahead of their turn."""

MAX_HELD_SIZE = 4 << 20
"""Characters of them, but for the last."""


class Inbox:
    """What a client sends.

    A client that waits for nothing, as a file of commands does, ends a command under way by nothing either.
    """

    def __init__(self, descriptor: int) -> None:
        self._reader = LineReader(descriptor)
        self._held: deque[Line] = deque()
        self._size = 0  # characters held
        self._is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._quits = 0

    def take(self) -> Line | None:
        """The next line in its turn; None at the end of the input."""
        if not self._held:
            return self._reader.get()
        line = self._held.popleft()
        self._size -= len(line)
        self._quits -= _is_quit(line)
        return line

    @property
    def is_waiting(self) -> bool:
        """Whether a line or the end of the input is there to be taken."""
        return bool(self._held) or self._reader.is_waiting

    @property
    def is_interrupted(self) -> bool:
        """Whether, before any other command, there comes the comment that ends what is under way."""
        self._look_ahead()
        if self._is_file:
            return False
        for line in self._held:
            if is_interrupt(line):
                return True
            if read_request(line) is not None:
                return False
        return False

    @property
    def is_ending(self) -> bool:
        """Whether the client has gone or wants to go."""
        self._look_ahead()
        return not self._is_file and (self._reader.at_end or self._quits > 0)

    def _look_ahead(self) -> None:
        while len(self._held) < MAX_HELD and self._size < MAX_HELD_SIZE and self._reader.is_waiting:
            line = self._reader.get()
            if line is None:
                return
            self._size += len(line)
            self._quits += _is_quit(line)
            self._held.append(line)


def _is_quit(line: Line) -> bool:
    request = read_request(line)
    return request is not None and request.name == "quit"
