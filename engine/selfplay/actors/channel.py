"""Messages between the driver and an actor's process over a socket: eight bytes of length, then a pickle.

Both ends are this program's own processes. The driver's end never waits: what is to be sent stands in a
queue, and `Link.move` moves what the other end takes and gives at the moment.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Sequence
from multiprocessing.reduction import ForkingPickler
from typing import Any

_BLOCK = 1 << 20
_HEADER = 8

Frame = Sequence[memoryview]


class NoMessageError(Exception):
    """What has come is no message."""


def frame(message: Any) -> Frame:
    """A message as it is sent; one frame may be sent to many."""
    body = ForkingPickler.dumps(message)
    return memoryview(len(body).to_bytes(_HEADER, "little")), memoryview(body)


def send(stream: socket.socket, message: Any) -> None:
    """Send a message, waiting for the other end; raise OSError where it has gone."""
    for part in frame(message):
        stream.sendall(part)


def receive(stream: socket.socket) -> Any:
    """Wait for the next message; raise EOFError or OSError where the other end has gone."""
    length = int.from_bytes(_exactly(stream, _HEADER), "little")
    return ForkingPickler.loads(_exactly(stream, length))


class Link:
    """The driver's end of a connection."""

    def __init__(self, stream: socket.socket) -> None:
        stream.setblocking(False)
        self._stream = stream
        self._unsent: deque[memoryview] = deque()
        self._received = bytearray()

    def fileno(self) -> int:
        """The socket's descriptor, for `poll`."""
        return self._stream.fileno()

    @property
    def is_sending(self) -> bool:
        """Whether there is something that the other end has not taken yet."""
        return bool(self._unsent)

    def post(self, parts: Frame) -> None:
        """Queue a frame."""
        self._unsent.extend(part for part in parts if len(part))

    def move(self) -> tuple[int, list[Any]]:
        """(bytes sent and received just now, messages that are whole).

        Raises EOFError where the other end has gone, NoMessageError where it says something else.
        """
        try:
            moved = self._send() + self._receive()
            return moved, self._take()
        except OSError as error:
            raise EOFError from error

    def close(self) -> None:
        """Close the connection; what is queued is dropped."""
        self._stream.close()

    def _send(self) -> int:
        sent = 0
        try:
            while self._unsent:
                part = self._unsent[0]
                count = self._stream.send(part[:_BLOCK])
                sent += count
                if count == len(part):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = part[count:]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self._unsent.clear()  # what it had said before is still to be read
        return sent

    def _receive(self) -> int:
        received = 0
        try:
            while received < 64 * _BLOCK:
                block = self._stream.recv(_BLOCK)
                if not block:
                    raise EOFError
                self._received += block
                received += len(block)
        except BlockingIOError:
            pass
        except (EOFError, OSError):
            if not received:  # the end shows again once what came before is taken
                raise
        return received

    def _take(self) -> list[Any]:
        messages = []
        while len(self._received) >= _HEADER:
            end = _HEADER + int.from_bytes(self._received[:_HEADER], "little")
            if len(self._received) < end:
                break
            try:
                messages.append(ForkingPickler.loads(bytes(self._received[_HEADER:end])))
            except Exception as error:
                raise NoMessageError from error
            del self._received[:end]
        return messages


def _exactly(stream: socket.socket, length: int) -> bytearray:
    parts = bytearray()
    while len(parts) < length:
        part = stream.recv(min(length - len(parts), _BLOCK))
        if not part:
            raise EOFError
        parts += part
    return parts
