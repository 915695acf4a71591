"""Frames over a stream: eight bytes of length, then that many bytes."""

from __future__ import annotations

import json
import socket
from typing import Any

MAX_FRAME = 1 << 30


def send(stream: socket.socket, *blocks: bytes) -> None:
    """Send one frame a block."""
    for block in blocks:
        stream.sendall(len(block).to_bytes(8, "little") + block)


def receive(stream: socket.socket) -> bytes:
    """The next frame; raise EOFError where the other end has gone."""
    length = int.from_bytes(_exactly(stream, 8), "little")
    if length > MAX_FRAME:
        raise EOFError
    return _exactly(stream, length)


def send_document(stream: socket.socket, document: dict[str, Any]) -> None:
    """Send a JSON object as a frame."""
    send(stream, json.dumps(document).encode())


def receive_document(stream: socket.socket) -> dict[str, Any]:
    """The next frame, a JSON object."""
    document: dict[str, Any] = json.loads(receive(stream))
    return document


def _exactly(stream: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = stream.recv(min(length - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
