"""Commands that set a game up and play it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.protocols.gtp.administration import one_argument
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.position import History
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.session import Session

COMMANDS = Commands()


@COMMANDS.command("boardsize", "N: play on so large a board")
def boardsize(session: Session, arguments: Sequence[str]) -> str:
    """Begin anew on it."""
    text = one_argument(arguments, "a size")
    _, rows, columns = session.game.planes_shape
    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise GtpError("boardsize not an integer")
    if (int(text), int(text)) != (columns, rows):
        raise GtpError("unacceptable size")
    session.history = History(session.game.initial())
    return ""


@COMMANDS.command("clear_board", "begin a new game")
def clear_board(session: Session, arguments: Sequence[str]) -> str:
    """The options of the game stay."""
    del arguments
    session.history = History(session.game.initial())
    return ""


@COMMANDS.command("play", "COLOR MOVE: make a move")
def play(session: Session, arguments: Sequence[str]) -> str:
    """Of either player."""
    if len(arguments) < 2:
        raise GtpError("invalid color or coordinate")
    session.play(session.player_of(arguments[0]), arguments[1])
    return ""


@COMMANDS.command("genmove", "COLOR: choose a move and make it")
def genmove(session: Session, arguments: Sequence[str]) -> str:
    """The move."""
    player = session.player_of(one_argument(arguments, "a color"))
    action = session.clicks.chosen(session.game, session.state) if session.clicks.are_on else None
    if action is None:
        action = session.choose(player)
        left = session.clicks.left(session.game, session.state) if session.clicks.are_on else {action: ()}
        if action not in left:  # of a move that the other side's hand has begun
            found = session.player.analyze([session.state])[0]
            action = max(left, key=lambda each: found["visits"].get(session.state.action_text(each), -1))
    if session.clicks.are_on:
        return session.clicks.answer(session.game, session.history, action)
    session.history.advance(player, action)
    last = session.history.last
    assert last is not None
    return last.text


@COMMANDS.command("undo", "take the last move back")
def undo(session: Session, arguments: Sequence[str]) -> str:
    """One step."""
    del arguments
    if not session.clicks.take_back(session.history):
        session.history.take_back()
    return ""


@COMMANDS.command("showboard", "a drawing of the position")
def showboard(session: Session, arguments: Sequence[str]) -> str:
    """As the game draws it."""
    del arguments
    return "\n" + session.state.text()
