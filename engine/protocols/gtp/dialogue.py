"""A dialogue: every line is read, carried out and answered, until the client quits or goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.errors import InputError, UserError, describe_error
from engine.protocols.gtp.analysis import commands as analysis
from engine.protocols.gtp.command import Command, Commands
from engine.protocols.gtp.commands import administration, ending, play, record, setup, timing
from engine.protocols.gtp.gogui import rules, shown
from engine.protocols.gtp.kata import network, parameters
from engine.protocols.gtp.kata import rules as rule_sets
from engine.protocols.gtp.reply import Reply, print_out
from engine.protocols.gtp.request import GtpError, read_request
from engine.protocols.gtp.session import Session
from engine.protocols.gtp.thinking import GoneError
from engine.protocols.line_reader import MAX_LINE, Line

LISTS = Commands()
"""Commands about commands."""

COMMANDS: dict[str, Command] = {}
"""All of them; a name is in one file only."""

TABLES = (
    LISTS, administration.COMMANDS, play.COMMANDS, setup.COMMANDS, timing.COMMANDS, ending.COMMANDS,
    record.COMMANDS, rules.COMMANDS, shown.COMMANDS, analysis.COMMANDS, rule_sets.COMMANDS,
    parameters.COMMANDS, network.COMMANDS,
)  # fmt: skip
"""One a file."""

for commands in TABLES:
    assert not COMMANDS.keys() & commands.keys()
    COMMANDS |= commands


def converse(session: Session, write: Callable[[str], None] = print_out) -> None:
    """Answer a client until the end. Raise GoneError where that came while a thought did not end."""
    while not session.has_ended:
        pondering = session.ponder()
        line = session.inbox.take()
        if pondering is not None:
            pondering.stop()
        if line is None:
            return
        answer(session, line, write)


def answer(session: Session, line: Line, write: Callable[[str], None] = print_out) -> None:
    """Answer one line; one without a command is not answered."""
    request = read_request(line)
    if request is None:
        return
    session.reply = reply = Reply(request.identity, write)
    if line.is_cut:
        reply.refuse(f"the line is longer than {MAX_LINE} bytes")
        return
    try:
        command = COMMANDS.get(request.name)
        if command is None or not command.offered(session):
            raise GtpError("unknown command")
        session.is_on_server |= request.name.startswith("kgs-")  # where dead stones are taken off
        reply.end(command.run(session, request.arguments))
    except (GtpError, UserError, InputError) as error:
        reply.refuse(str(error))
    except (BrokenPipeError, GoneError):
        raise
    except Exception as error:  # of a user's rules, or ours: the client may go on with what it had
        reply.refuse(describe_error(error))


def offered_names(session: Session) -> list[str]:
    """Names of the commands that a session's game knows."""
    return sorted(name for name, command in COMMANDS.items() if command.offered(session))


@LISTS.command("list_commands", "all commands, one a line")
def list_commands(session: Session, arguments: Sequence[str]) -> str:
    """Those that this game knows."""
    del arguments
    return "\n".join(offered_names(session))


@LISTS.command("known_command", "NAME: whether there is such a command")
def known_command(session: Session, arguments: Sequence[str]) -> str:
    """True or false."""
    return "true" if arguments and arguments[0] in offered_names(session) else "false"


COMMANDS |= LISTS
