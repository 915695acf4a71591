"""Commands that tell of time; all of it is in seconds, whole or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.player.clock import TimeControl
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.request import GtpError, read_count, read_number
from engine.protocols.gtp.session import Session

COMMANDS = Commands()

MAX_MOVES = 1_000_000


@COMMANDS.command("time_settings", "MAIN PERIOD STONES: main time, then so many stones a period (Canadian)")
def time_settings(session: Session, arguments: Sequence[str]) -> str:
    """A period above 0 for 0 stones is no limit; no period at all is main time alone."""
    if len(arguments) < 3:
        raise GtpError("give main time, time of a period and its stones")
    main_s, period_s = (_seconds(text) for text in arguments[:2])
    session.set_control(_canadian(main_s, period_s, read_count(arguments[2], 0, MAX_MOVES)))
    return ""


def _canadian(main_s: float, period_s: float, stones: int) -> TimeControl:
    if period_s > 0 and stones == 0:
        return TimeControl()
    if stones == 0 or period_s == 0:
        return TimeControl(main_s=main_s)
    return TimeControl(main_s=main_s, period_s=period_s, period_moves=stones)


@COMMANDS.command("time_left", "COLOR TIME STONES: what the clock of a side shows")
def time_left(session: Session, arguments: Sequence[str]) -> str:
    """With 0 stones it is main time; below 0 it counts as 0."""
    if len(arguments) < 2:
        raise GtpError("give color, time and stones")
    player = session.player_of(arguments[0])
    left_s = read_number(arguments[1])
    stones = read_count(arguments[2], 0, MAX_MOVES) if len(arguments) > 2 else 0
    if session.control.is_limited:
        session.clocks[player].set_left(max(0.0, left_s), stones)
    return ""


def _none(numbers: Sequence[str]) -> TimeControl:
    del numbers
    return TimeControl()


def _absolute(numbers: Sequence[str]) -> TimeControl:
    return TimeControl(main_s=_seconds(numbers[0]))


def _byoyomi(numbers: Sequence[str]) -> TimeControl:
    main_s, period_s = _seconds(numbers[0]), _seconds(numbers[1])
    periods = read_count(numbers[2], 0, MAX_MOVES)
    if not period_s or not periods:
        return TimeControl(main_s=main_s)
    return TimeControl(main_s=main_s, period_s=period_s, periods=periods)


def _stones(numbers: Sequence[str]) -> TimeControl:
    stones = read_count(numbers[2], 1, MAX_MOVES)
    return _canadian(_seconds(numbers[0]), _seconds(numbers[1]), stones)


def _fischer(numbers: Sequence[str]) -> TimeControl:
    return TimeControl(main_s=_seconds(numbers[0]), increment_s=_seconds(numbers[1]))


Kinds = dict[str, tuple[int, Callable[[Sequence[str]], TimeControl]]]

KINDS: Kinds = {
    "none": (0, _none),
    "absolute": (1, _absolute),
    "byoyomi": (3, _byoyomi),
    "canadian": (3, _stones),
}
"""By name: how many numbers it has, and what they mean."""

MORE_KINDS = KINDS | {"fischer": (2, _fischer)}


def _set_kind(session: Session, arguments: Sequence[str], kinds: Kinds) -> str:
    name = arguments[0].lower() if arguments else ""
    if name not in kinds:
        raise GtpError(f"time system '{name[:40]}' is none of {', '.join(kinds)}")
    count, read = kinds[name]
    if len(arguments) <= count:
        raise GtpError(f"{name} has {count} numbers")
    session.set_control(read(arguments[1:]))
    return ""


@COMMANDS.command("kgs-time_settings", "none | absolute M | byoyomi M TIME PERIODS | canadian M TIME STONES")
def kgs_time_settings(session: Session, arguments: Sequence[str]) -> str:
    """As the server has them."""
    return _set_kind(session, arguments, KINDS)


@COMMANDS.command("kata-time_settings", "the same, and fischer M INCREMENT")
def kata_time_settings(session: Session, arguments: Sequence[str]) -> str:
    """As KataGo has them."""
    return _set_kind(session, arguments, MORE_KINDS)


@COMMANDS.command("kata-list_time_settings", "the systems that kata-time_settings knows")
def kata_list_time_settings(session: Session, arguments: Sequence[str]) -> str:
    """On one line."""
    del session, arguments
    return " ".join(MORE_KINDS)


def _seconds(text: str) -> float:
    value = read_number(text)
    if value < 0:
        raise GtpError(f"time '{text[:40]}' is below 0")
    return value
