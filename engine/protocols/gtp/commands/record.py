"""Commands about files of games, which lie in one folder that whoever started the session has named."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from engine.errors import InputError, UserError
from engine.game import inquiry
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.commands.play import has_board
from engine.protocols.gtp.position import MAX_STEPS, History, Step
from engine.protocols.gtp.request import GtpError, one_argument, read_count
from engine.protocols.gtp.session import Session

COMMANDS = Commands()

MAX_BYTES = 1 << 20


@COMMANDS.command("loadsgf", "FILE [N]: take over the position of a record, before its move N", has_board)
def load_record(session: Session, arguments: Sequence[str]) -> str:
    """Size and komi are the file's, the rules stay. The color to move."""
    path = _path(session, one_argument(arguments, "a file"))
    last = read_count(arguments[1], 1, 1 << 30) - 1 if len(arguments) > 1 else None
    board = session.board()
    try:
        game, start, moves = board.read_record(_read(path))
        if len(moves[:last]) > MAX_STEPS:
            raise UserError(f"it has more than {MAX_STEPS} moves")
        history = History(game.parse(start))
        for move in moves[:last]:
            state, text = history.state.clone(), move
            player, action = state.player(), state.parse_action(text)
            state.play(action)
            history.add(Step(state, player, action, text))
    except (UserError, InputError) as error:
        raise GtpError(f"cannot load file: {error}") from error
    if game.name != session.game.name:
        session.use(game, keep=False)
        history = history.under(session.game)
    session.restart()
    session.history = history
    return session.colors[session.state.player()]


@COMMANDS.command("printsgf", "[FILE]: the game under way as a record, or written to a new file", has_board)
def print_record(session: Session, arguments: Sequence[str]) -> str:
    """What was before stones were set up in the middle of a game is not in it."""
    tags = {"event": "GTP"}
    written = inquiry.record_text(session.game, session.state, tags)
    if written is None:
        raise GtpError("unknown command")
    if not arguments:
        return written[1]
    path = _path(session, arguments[0], is_new=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(written[1])
    except OSError as error:
        raise GtpError(f"cannot write file: {error.strerror}") from error
    return ""


def _path(session: Session, name: str, is_new: bool = False) -> Path:
    """A file below the folder, wherever links lead."""
    folder = session.settings.records
    if folder is None:
        raise GtpError("no folder of records was allowed; start with --records FOLDER")
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=not is_new)
    except (OSError, ValueError, RuntimeError):
        raise GtpError("no such file in the folder of records") from None
    if not path.is_relative_to(root) or path == root:
        raise GtpError("the file is outside the folder of records")
    return path


def _read(path: Path) -> bytes:
    """All of a regular file that is not too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise GtpError("cannot load file: it is no regular file")
            if found.st_size > MAX_BYTES:
                raise GtpError(f"cannot load file: it has more than {MAX_BYTES} bytes")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise GtpError(f"cannot load file: {error.strerror}") from error
