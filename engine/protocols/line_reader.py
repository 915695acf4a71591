"""Lines of an input, read beside whatever its reader does meanwhile."""

from __future__ import annotations

import codecs
import os
import queue
import threading

MAX_LINE = 1 << 20
"""Bytes of a line; what is beyond is dropped and the line marked."""

MAX_WAITING = 10_000
"""Lines that wait at most; then the other side waits."""

MAX_WAITING_SIZE = 64 << 20
"""Characters of the lines that wait, but for the last of them."""

_CHUNK = 1 << 16


class Line(str):
    """One line of the input without its end; what is not UTF-8 stands there as U+FFFD."""

    is_cut = False
    """Whether it was longer than MAX_LINE."""
    bad_byte: int | None = None
    """Number of the first byte that is not UTF-8."""


class LineReader:
    """Reads a file descriptor in a thread of its own until its end, without a byte order mark before it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[Line | None] = queue.Queue(MAX_WAITING)
        self._size = 0
        self._has_room = threading.Condition()  # of _size
        self._ended = False
        self._is_first = True
        self._at_end = threading.Event()
        threading.Thread(target=self._read, name="line reader", daemon=True).start()

    def get(self, timeout: float | None = None) -> Line | None:
        """The next line; None at the end of the input. Raise TimeoutError after `timeout` seconds."""
        if self._ended:
            return None
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        self._ended = line is None
        with self._has_room:
            self._size -= len(line or "")
            self._has_room.notify()
        return line

    @property
    def is_waiting(self) -> bool:
        """Whether a line, or the end of the input, is there to be taken."""
        return self._ended or not self._lines.empty()

    @property
    def at_end(self) -> bool:
        """Whether the input has ended, lines still to be taken or not."""
        return self._at_end.is_set()

    def _read(self) -> None:
        rest, is_cut = b"", False
        while chunk := self._chunk():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._put(line, is_cut)
                is_cut = False
            is_cut = is_cut or len(rest) > MAX_LINE
            rest = rest[:MAX_LINE]
        if rest:
            self._put(rest, is_cut)
        self._at_end.set()
        self._lines.put(None)

    def _chunk(self) -> bytes:
        try:
            return os.read(self._descriptor, _CHUNK)
        except OSError:
            return b""

    def _put(self, line: bytes, is_cut: bool) -> None:
        if self._is_first:
            line, self._is_first = line.removeprefix(codecs.BOM_UTF8), False
        line, is_cut = line[:MAX_LINE], is_cut or len(line) > MAX_LINE
        try:
            text, bad_byte = Line(line.decode().rstrip("\r")), None
        except UnicodeDecodeError as error:
            text, bad_byte = Line(line.decode("utf-8", "replace").rstrip("\r")), error.start
        text.is_cut, text.bad_byte = is_cut, bad_byte
        with self._has_room:
            self._has_room.wait_for(lambda: self._size < MAX_WAITING_SIZE)
            self._size += len(text)
        self._lines.put(text)
