"""Commands that put stones on the board: handicap and positions that are set up."""

from __future__ import annotations

from collections.abc import Sequence

from engine._core import InputError, State
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.commands.play import has_board
from engine.protocols.gtp.position import Step
from engine.protocols.gtp.request import GtpError, one_argument, read_count
from engine.protocols.gtp.session import Session

COMMANDS = Commands()


@COMMANDS.command("fixed_handicap", "N: so many stones of black on the points of the protocol", has_board)
def fixed_handicap(session: Session, arguments: Sequence[str]) -> str:
    """The points."""
    count = _count(session, arguments)
    try:
        points = session.board().fixed_handicap(count)
    except InputError as error:
        raise GtpError(f"invalid number of stones: {error}") from error
    return _begin(session, points)


@COMMANDS.command("place_free_handicap", "N: the same on points of its own choice", has_board)
def place_free_handicap(session: Session, arguments: Sequence[str]) -> str:
    """The points; fewer than asked for where the board is full of them."""
    count = _count(session, arguments)
    return _begin(session, _free_points(session, count))


@COMMANDS.command("set_free_handicap", "POINT POINT …: stones of black", has_board)
def set_free_handicap(session: Session, arguments: Sequence[str]) -> str:
    """White is to move next, and gets the bonus that the rules have for a handicap."""
    _require_empty(session)
    points = [_point(session, text) for text in arguments]
    if len(points) < 2 or len(set(points)) < len(points):
        raise GtpError("bad vertex list")
    _begin(session, points)
    return ""


def _count(session: Session, arguments: Sequence[str]) -> int:
    try:
        count = read_count(one_argument(arguments, "a number of stones"), 2, 1000)
    except GtpError:
        raise GtpError("invalid number of stones") from None
    _require_empty(session)
    return count


def _require_empty(session: Session) -> None:
    if any(session.board().stones(session.state)):
        raise GtpError("board not empty")


def _begin(session: Session, points: Sequence[str]) -> str:
    try:
        state = session.board().handicap(points)
    except InputError as error:
        raise GtpError(f"bad vertex list: {error}") from error
    session.begin_from(state)
    return " ".join(points)


def _free_points(session: Session, count: int) -> list[str]:
    """The fixed points as far as they go, then those that are farthest from the others, off the edge."""
    board = session.board()
    points: list[str] = []
    for stones in range(min(count, 9), 1, -1):
        try:
            points = board.fixed_handicap(stones)
            break
        except InputError:
            continue
    columns, rows = board.size
    edge = 2 if min(columns, rows) > 6 else 1 if min(columns, rows) > 2 else 0
    inside = [(x, y) for y in range(edge, rows - edge) for x in range(edge, columns - edge)]
    taken = [board.cell(point) for point in points]
    while len(taken) < count and len(taken) < len(inside):
        free = [cell for cell in inside if cell not in taken]
        taken.append(max(free, key=lambda cell: _distance(cell, taken, (columns, rows))))
    if len(taken) < 2:
        raise GtpError("invalid number of stones")
    return [board.point(*cell) for cell in taken]


def _distance(cell: tuple[int, int], others: Sequence[tuple[int, int]], size: tuple[int, int]) -> float:
    """To the nearest of the others, or from the middle of the board where there is none."""
    if not others:
        return -abs(cell[0] - (size[0] - 1) / 2) - abs(cell[1] - (size[1] - 1) / 2)
    return min((cell[0] - x) ** 2 + (cell[1] - y) ** 2 for x, y in others)


@COMMANDS.command("set_position", "COLOR POINT COLOR POINT …: begin a game with these stones", has_board)
def set_position(session: Session, arguments: Sequence[str]) -> str:
    """On an empty board; black is to move."""
    stones = _read_stones(session, arguments, {})
    session.begin_from(_placed(session, stones, 0))
    return ""


@COMMANDS.command("gogui-setup", "COLOR POINT …: put stones on the board, or none (empty)", has_board)
def gogui_setup(session: Session, arguments: Sequence[str]) -> str:
    """Beside those that are there; the same player is to move."""
    black, white = session.board().stones(session.state)
    before = dict.fromkeys(black, 0) | dict.fromkeys(white, 1)
    stones = _read_stones(session, arguments, before)
    player = session.state.player()
    _set_up(session, stones, player, " ".join(arguments))
    return ""


@COMMANDS.command("gogui-setup_player", "COLOR: who is to move", has_board)
def gogui_setup_player(session: Session, arguments: Sequence[str]) -> str:
    """The board stays."""
    player = session.player_of(one_argument(arguments, "a color"))
    if player != session.state.player() or session.state.outcome() is not None:
        black, white = session.board().stones(session.state)
        _set_up(session, dict.fromkeys(black, 0) | dict.fromkeys(white, 1), player, "")
    return ""


def _set_up(session: Session, stones: dict[str, int], player: int, text: str) -> None:
    state = _placed(session, stones, player)
    session.history.add(Step(state, player, None, text, session.history.offset))


def _placed(session: Session, stones: dict[str, int], player: int) -> State:
    black, white = ([point for point in stones if stones[point] == color] for color in (0, 1))
    try:
        return session.board().placed(black, white, player)
    except InputError as error:
        raise GtpError(f"invalid position: {error}") from error


def _read_stones(session: Session, arguments: Sequence[str], before: dict[str, int]) -> dict[str, int]:
    if len(arguments) % 2:
        raise GtpError("give pairs of color and point")
    stones = dict(before)
    for color, text in zip(arguments[::2], arguments[1::2], strict=True):
        point = _point(session, text)
        stones.pop(point, None)
        if color.lower() not in ("e", "empty"):
            stones[point] = session.player_of(color)
    return stones


def _point(session: Session, text: str) -> str:
    """A point of the board as the game writes it."""
    if text.lower() == "pass" or not session.is_vertex(text):
        raise GtpError("invalid color or coordinate")
    return text.upper()
