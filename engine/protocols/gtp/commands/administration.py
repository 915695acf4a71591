"""Commands about the session itself."""

from __future__ import annotations

import time
from collections.abc import Sequence

from engine.protocols.gtp.command import Commands
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
    return session.settings.version


@COMMANDS.command("quit", "end the session")
def quit_session(session: Session, arguments: Sequence[str]) -> str:
    """Whatever follows is not read."""
    del arguments
    session.has_ended = True
    return ""


@COMMANDS.command("cputime", "seconds of all processor cores that this program has used")
def cputime(session: Session, arguments: Sequence[str]) -> str:
    """Of this process."""
    del session, arguments
    return f"{time.process_time():.3f}"


COMMANDS.command("gomill-cpu_time", "the same as cputime")(cputime)


@COMMANDS.command("gomill-describe_engine", "the program, its player, game and limits, in words")
def describe_engine(session: Session, arguments: Sequence[str]) -> str:
    """Lines of text."""
    del arguments
    count = session.settings.simulations or session.player.simulations
    limit = "as many simulations as the time allows" if session.control.is_limited else f"{count} simulations"
    limit = limit if session.player.simulations else "no search"
    return (
        f"{NAME} {session.settings.version}\n"
        f"player {session.player.name}, game {session.game.name}, {limit} a move"
    )


@COMMANDS.command("gomill-explain_last_move", "what was found for the last move that was generated")
def explain_last_move(session: Session, arguments: Sequence[str]) -> str:
    """One line."""
    del arguments
    choice = session.last_choice
    if choice is None:
        return "no move was generated"
    if choice.found is None:
        return f"{choice.text} wins at once"
    report = choice.found.report
    line = choice.state.clone()
    variation = []
    for action in report.moves[0].pv:
        variation.append(line.action_text(action))
        line.play(action)
    return (
        f"{choice.text}: value {report.value:+.3f}, {report.simulations} simulations, "
        f"{report.visits} visits, {report.seconds:.2f} s, expecting {' '.join(variation)}"
    )


def nothing(session: Session, arguments: Sequence[str]) -> str:
    """What was under way has ended already when a command comes."""
    del session, arguments
    return ""


COMMANDS.command("stop", "end what is under way, as any command does")(nothing)
COMMANDS.command("stop-ponder", "the same")(nothing)
COMMANDS.command("gogui-interrupt", "that '# interrupt' ends what is under way")(nothing)
COMMANDS.command("kgs-game_over", "told when a game on the server has ended")(nothing)


@COMMANDS.command("clear_cache", "forget what has been found so far")
def clear_cache(session: Session, arguments: Sequence[str]) -> str:
    """Trees and evaluations."""
    del arguments
    session.thinker.forget()
    return ""


@COMMANDS.command("kgs-chat", "(game|private) NAME MESSAGE: an answer for whoever talks to it")
def chat(session: Session, arguments: Sequence[str]) -> str:
    """Who it is."""
    del arguments
    return f"This is {NAME} {session.settings.version}, a program; it plays {session.game.name}."
