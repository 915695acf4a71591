"""A dialogue: lines are carried out one by one, and searches seen to in between."""

from __future__ import annotations

from engine.protocols.line_reader import LineReader
from engine.protocols.uci.session import Session


def converse(session: Session, reader: LineReader) -> bool:
    """Serve a client until it quits or goes; whether nothing is being thought about any more."""
    while not session.has_quit:
        try:
            line = reader.get(session.look())
        except TimeoutError:
            continue
        if line is None:
            break
        session.carry_out(line)
    return session.close()
