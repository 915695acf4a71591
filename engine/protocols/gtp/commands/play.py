"""Commands that set a game up and play it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.player.thinking import Restriction
from engine.protocols.gtp import agreement
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.request import GtpError, one_argument, read_count, read_number
from engine.protocols.gtp.session import Choice, Session

COMMANDS = Commands()

MAX_SIDE = 999


def has_board(session: Session) -> bool:
    """Whether the game has a board of stones."""
    return session.goban is not None


@COMMANDS.command("boardsize", "N: begin anew on a board of so many columns and rows")
def boardsize(session: Session, arguments: Sequence[str]) -> str:
    """The player's network stays where it can play there."""
    text = one_argument(arguments, "a size")
    try:
        side = read_count(text, 1, MAX_SIDE)
        other = read_count(arguments[1], 1, MAX_SIDE) if len(arguments) > 1 else side
    except GtpError:
        raise GtpError("boardsize not an integer") from None
    _resize(session, side, other)
    return ""


@COMMANDS.command("rectangular_boardsize", "COLUMNS ROWS: begin anew on such a board")
def rectangular_boardsize(session: Session, arguments: Sequence[str]) -> str:
    """The same for rectangles."""
    if len(arguments) < 2:
        raise GtpError("give columns and rows")
    _resize(session, read_count(arguments[0], 1, MAX_SIDE), read_count(arguments[1], 1, MAX_SIDE))
    return ""


def _resize(session: Session, columns: int, rows: int) -> None:
    board = session.goban
    if board is None:
        _, own_rows, own_columns = session.game.planes_shape
        largest = max(own_rows, own_columns)
        if (columns, rows) not in ((own_columns, own_rows), (largest, largest)):
            raise GtpError(f"unacceptable size: {session.game.name} is played on {own_columns}x{own_rows}")
    elif (columns, rows) != board.size:
        try:
            game = board.resized(columns, rows)
        except ValueError as error:
            raise GtpError(f"unacceptable size: {error}") from error
        session.use(game, keep=False)
        return
    session.restart()


@COMMANDS.command("clear_board", "begin a new game")
def clear_board(session: Session, arguments: Sequence[str]) -> str:
    """Size, komi, rules and time settings stay."""
    del arguments
    session.restart()
    return ""


@COMMANDS.command("komi", "POINTS: for white, whole or half", has_board)
def komi(session: Session, arguments: Sequence[str]) -> str:
    """The game under way goes on with it."""
    try:
        points = read_number(one_argument(arguments, "a number of points"))
    except GtpError:
        raise GtpError("komi not a float") from None
    if points != session.board().komi:
        session.use(session.board().with_komi(points))
    return ""


@COMMANDS.command("get_komi", "points for white", has_board)
def get_komi(session: Session, arguments: Sequence[str]) -> str:
    """Without a bonus for a handicap."""
    del arguments
    return f"{session.board().komi:g}"


@COMMANDS.command("play", "COLOR MOVE: make a move")
def play(session: Session, arguments: Sequence[str]) -> str:
    """Of either player, in turn or not."""
    if len(arguments) < 2:
        raise GtpError("invalid color or coordinate")
    session.play(session.player_of(arguments[0]), arguments[1])
    return ""


@COMMANDS.command("gogui-play_sequence", "COLOR MOVE COLOR MOVE …: make all of these moves, or none")
def play_sequence(session: Session, arguments: Sequence[str]) -> str:
    """An illegal one takes those before it back."""
    if len(arguments) % 2:
        raise GtpError("give pairs of color and move")
    with session.all_or_nothing():
        for color, move in zip(arguments[::2], arguments[1::2], strict=True):
            session.play(session.player_of(color), move)
    return ""


def choose(session: Session, arguments: Sequence[str], is_charged: bool = True) -> Choice:
    """A move of the color that is the first argument."""
    player = session.player_of(one_argument(arguments, "a color"))
    return agreement.choose(session, player, is_charged=is_charged)


@COMMANDS.command("genmove", "COLOR: choose a move and make it")
def genmove(session: Session, arguments: Sequence[str]) -> str:
    """The move, or the next click of it."""
    if session.clicks.are_on:
        return _click(session, session.player_of(one_argument(arguments, "a color")))
    choice = choose(session, arguments)
    session.commit(choice)
    return choice.text


def _click(session: Session, player: int) -> str:
    session.facing(player)
    action = session.clicks.chosen(session.game, session.state)
    if action is None:
        begun = session.clicks.pending(session.state)  # by the hand of a person
        left = frozenset(session.clicks.left(session.game, session.state))
        only = [Restriction(player, left, allowed=True)] if begun else []
        action = session.choose(player, only).action
    return session.clicks.answer(session.game, session.history, action)


@COMMANDS.command("gomill-genmove_ex", "COLOR KEY VALUE …: the same; alone, the keys that are known")
def genmove_ex(session: Session, arguments: Sequence[str]) -> str:
    """None is."""
    return genmove(session, arguments) if arguments else ""


@COMMANDS.command("reg_genmove", "COLOR: choose a move and do not make it")
def reg_genmove(session: Session, arguments: Sequence[str]) -> str:
    """The move; no clock runs."""
    return choose(session, arguments, is_charged=False).text


@COMMANDS.command("undo", "take the last move back")
def undo(session: Session, arguments: Sequence[str]) -> str:
    """Of either player."""
    del arguments
    if not session.clicks.take_back(session.history):
        session.history.take_back()
    return ""


@COMMANDS.command("gg-undo", "[N]: take so many moves back, or none")
def undo_several(session: Session, arguments: Sequence[str]) -> str:
    """By default one."""
    with session.all_or_nothing():
        for _ in range(read_count(arguments[0], 0, 1 << 30) if arguments else 1):
            undo(session, ())
    return ""


@COMMANDS.command("showboard", "a drawing of the position")
def showboard(session: Session, arguments: Sequence[str]) -> str:
    """As the game draws it, with who is to move."""
    del arguments
    state = session.state
    drawing = state.text().rstrip("\n")
    turn = "game over" if state.outcome() is not None else f"{session.colors[state.player()]} to move"
    board = session.goban
    if board is None:
        return f"\n{drawing}\n{turn}"
    black, white = board.captures(state)
    return f"\n{drawing}\n{turn}, komi {board.komi:g}, captures: black {black}, white {white}"
