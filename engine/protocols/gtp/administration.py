"""Commands about the session itself."""

from __future__ import annotations

from collections.abc import Sequence

from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.session import Session

COMMANDS = Commands()

NAME = "Selfplay"


@COMMANDS.command("protocol_version", "the version of the protocol")
def protocol_version(session: Session, arguments: Sequence[str]) -> str:
    """2."""
    del session, arguments
    return "2"


@COMMANDS.command("name", "the program's name")
def name(session: Session, arguments: Sequence[str]) -> str:
    """The same for every player."""
    del session, arguments
    return NAME


@COMMANDS.command("version", "the program's version")
def version(session: Session, arguments: Sequence[str]) -> str:
    """Of the program, or what it was told to answer."""
    del arguments
    return session.version


@COMMANDS.command("quit", "end the session")
def quit_session(session: Session, arguments: Sequence[str]) -> str:
    """Whatever follows is not read."""
    del arguments
    session.has_ended = True
    return ""


def one_argument(arguments: Sequence[str], what: str) -> str:
    """The first argument, of which there must be one; more are not looked at, as the protocol wants it."""
    if not arguments:
        raise GtpError(f"give {what}")
    return arguments[0]
