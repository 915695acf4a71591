"""Time to think: what controls of time there are, a clock of one side, and how much of it a move gets.

All time is of the monotonic clock and in seconds. A protocol that tells the clock's reading before each move
(UCI) makes a new `Clock` from it; one that tells changes (GTP) keeps one; a referee counts with one a side.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass

from engine._core import Game
from engine.errors import UserError

MAX_S = 999_999_999.0
"""No time is longer; what is said to be is cut to it."""

CUSHION = 3.0
"""Times the lag that stay on the clock beside it, for a machine that is busy."""

CUSHION_S = 0.07
"""And so much in any case, as long as that leaves an eighth of the time."""

AGAIN = 1.5
"""Times the worst lag seen, which may be worse the next time."""

LONG_GAME = 30.0
"""Moves at least whose lag is kept in reserve where it is longer than what each brings."""

STRETCH = 2.0
"""A move that is not clear gets at most so many times what it is to get, where the clock has that.

Half as much more where no time comes in any more.
"""

FORMS = (
    "60, 1+0.01, 40/60+0.5 (moves/main+increment), 5x30 or 300+5x30 (byo-yomi), 300+25/600 (Canadian), 5/move"
)
"""How a control of time is written, seconds or minutes:seconds."""


@dataclass(frozen=True)
class TimeControl:
    """What time a side has for a game.

    main_s: at the start, infinite without a limit. increment_s: added after each move in main time. moves:
    after so many the main time is added again, 0: never. period_s: of what follows the main time, 0: nothing
    does. periods: of them, one move each (byo-yomi). period_moves: above 0 a period is for so many moves and
    starts anew after them (Canadian). move_s: for each move alone and instead of all that, 0: not so.
    """

    main_s: float = math.inf
    increment_s: float = 0.0
    moves: int = 0
    period_s: float = 0.0
    periods: int = 0
    period_moves: int = 0
    move_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("main_s", "increment_s", "period_s", "move_s"):
            value = getattr(self, name)
            object.__setattr__(self, name, seconds(value) if value != math.inf else value)
        for name in ("moves", "periods", "period_moves"):
            object.__setattr__(self, name, max(0, getattr(self, name)))
        if self.period_s and not (self.periods or self.period_moves):
            raise UserError(
                f"a period of {self.period_s:g} s: give how many there are, or for how many moves one is"
            )

    @classmethod
    def parse(cls, text: str) -> TimeControl:
        """Read one of FORMS, or `inf`; raise UserError."""
        if text == "inf":
            return cls()
        found = next((each for form in _WRITTEN if (each := form.fullmatch(text))), None)
        if found is None:
            raise UserError(f"time control '{text[:40]}': give one of {FORMS}, or inf")
        part = {name: value for name, value in found.groupdict().items() if value is not None}
        main_s = math.inf if "move_s" in part else _read(part.get("main_s", "0"))
        control = cls(
            main_s=main_s,
            increment_s=_read(part.get("increment_s", "0")),
            moves=int(part.get("moves", "0")),
            period_s=_read(part.get("period_s", "0")),
            periods=int(part.get("periods", "0")),
            period_moves=int(part.get("period_moves", "0")),
            move_s=_read(part.get("move_s", "0")),
        )
        if not (control.move_s if "move_s" in part else control.total_s):
            raise UserError(f"time control '{text}' leaves no time; give one of {FORMS}, or inf")
        return control

    def __str__(self) -> str:
        """As `parse` reads it."""
        if self.move_s:
            return f"{_text(self.move_s)}/move"
        if not self.is_limited:
            return "inf"
        main = f"{self.moves}/{_text(self.main_s)}" if self.moves else _text(self.main_s)
        if self.period_s:
            many = f"{self.period_moves}/" if self.period_moves else f"{self.periods}x"
            return f"{main}+{many}{_text(self.period_s)}"
        return f"{main}+{_text(self.increment_s)}" if self.increment_s else main

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return bool(self.move_s) or self.main_s < math.inf

    @property
    def total_s(self) -> float:
        """More than 0 where there is any time for a move."""
        return self.move_s + self.main_s + self.increment_s + self.period_s


class Clock:
    """The clock of one side.

    remaining_s: of the main time or, once in_period, of the period. moves_left: until main time is added, 0
    without. periods_left: with the one under way. period_moves_left: of a Canadian period.
    """

    def __init__(self, control: TimeControl) -> None:
        self.control = control
        self.remaining_s = control.move_s or control.main_s
        self.moves_left = control.moves
        self.in_period = False
        self.periods_left = control.periods
        self.period_moves_left = control.period_moves
        self._started: float | None = None
        if control.period_s and not control.main_s:
            self._enter_period()

    def set_left(self, remaining_s: float, count: int = 0) -> None:
        """What another program says: time left, and with a count above 0 that it is of a period: with so many
        moves to go in it (Canadian), or so many such periods (byo-yomi); else with so many moves to go."""
        self.remaining_s = seconds(remaining_s)
        self.in_period = count > 0 and self.control.period_s > 0
        if self.in_period and self.control.period_moves:
            self.period_moves_left = count
        elif self.in_period:
            self.periods_left = count
        elif count > 0:
            self.moves_left = count

    def start(self, since: float | None = None) -> None:
        """The side is to move, from now on or since then by the monotonic clock."""
        self._started = time.monotonic() if since is None else since

    def stop(self) -> bool:
        """The side has moved; whether its flag fell first."""
        assert self._started is not None, "the clock does not run"
        used = time.monotonic() - self._started
        self._started = None
        return self.charge(used)

    @property
    def elapsed_s(self) -> float:
        """Since the start, 0 where it does not run."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    @property
    def flag_s(self) -> float:
        """For how long a move may be thought about from now on, before any of it is counted."""
        if self.control.move_s:
            return self.control.move_s
        spare = max(0, self.periods_left - 1) if self.in_period else max(self.periods_left, 0)
        if self.control.period_moves:
            spare = 0 if self.in_period else 1
        return self.remaining_s + spare * self.control.period_s

    def charge(self, used_s: float) -> bool:
        """Count a move of so many seconds; whether the flag fell."""
        if self.control.move_s:
            return used_s > self.control.move_s
        if used_s > self.flag_s:
            self.remaining_s = 0.0
            return True
        if not self.in_period and used_s <= self.remaining_s:
            self._charge_main(used_s)
            return False
        if not self.in_period:
            used_s -= self.remaining_s
            self._enter_period()
        if self.control.period_moves:
            self._charge_period_moves(used_s)
        else:
            self._charge_periods(used_s)
        return False

    def _charge_main(self, used_s: float) -> None:
        self.remaining_s += self.control.increment_s - used_s
        if self.moves_left:
            self.moves_left -= 1
            if not self.moves_left:
                self.remaining_s += self.control.main_s
                self.moves_left = self.control.moves
        self.remaining_s = min(self.remaining_s, MAX_S) if self.control.is_limited else math.inf

    def _charge_period_moves(self, used_s: float) -> None:
        self.remaining_s -= used_s
        self.period_moves_left -= 1
        if self.period_moves_left <= 0:
            self._enter_period()

    def _charge_periods(self, used_s: float) -> None:
        over = used_s - self.remaining_s
        if over > 0:
            self.periods_left -= math.ceil(over / self.control.period_s)
        self.periods_left = max(1, self.periods_left)
        self.remaining_s = self.control.period_s

    def _enter_period(self) -> None:
        self.in_period = True
        self.remaining_s = self.control.period_s
        self.period_moves_left = self.control.period_moves


def allot(
    clock: Clock, ply: int, expected_plies: int, lag_s: float, worst_s: float = 0.0
) -> tuple[float, float]:
    """(soft, hard): seconds for the next move, infinite where nothing limits them.

    After `soft` one may move, and should where it is clear which; at `hard` one must. Moves that take `soft`
    each spend nearly all that there is by the next control of moves or, with an increment, by the end of a
    game as long as expected; without an increment most of it, less the longer the game.

    Args:
        clock: of the side to move, which has not been charged for this move.
        ply: of the position, in the whole game.
        expected_plies: of a whole game.
        lag_s: that pass unseen a move: on the way here and back, and until a search hears that it shall end.
        worst_s: the longest lag that was seen of late; it stays on the clock.
    """
    control, lag_s = clock.control, seconds(lag_s)
    if not control.is_limited:
        return math.inf, math.inf
    left = seconds(clock.remaining_s)
    if control.move_s:
        return (most := max(left - lag_s, left / 2)), most
    if clock.in_period and not control.period_moves:
        return (most := _less(left, lag_s, CUSHION_S + (1 + CUSHION) * lag_s)), most
    share = control.period_s / max(1, control.period_moves) if not clock.in_period else 0.0
    moves = clock.period_moves_left if clock.in_period else clock.moves_left
    planned = _moves_expected(ply, expected_plies, control.increment_s > 0)
    horizon = min(moves, max(60.0, planned)) if moves else planned
    bonus = control.increment_s + share
    # What later moves lose beyond what they bring is off what is there now.
    lost = max(0.0, lag_s - bonus) * (horizon if moves else max(horizon, LONG_GAME))
    cushion = CUSHION_S + max(CUSHION * lag_s, AGAIN * seconds(worst_s))
    spare = _less(left, lag_s, cushion + lost)
    most = _less(left + share, lag_s, cushion + lag_s)
    soft = min(max(spare / horizon + max(0.0, bonus - lag_s), spare / (8 * horizon)), most)
    # A move that takes long leaves to the later ones at least half of what they were to have.
    may_stretch = horizon > (1 if moves or bonus else _LEAST)
    later = max(0.0, left - cushion - lost - soft) / 2 if may_stretch else 0.0
    stretch = STRETCH if moves or bonus else (1 + STRETCH) / 2
    hard = max(soft, min(stretch * soft, soft + later, most))
    return soft, hard


def expected_plies(game: Game) -> int:
    """How long a game may be thought to last, from the size of its board."""
    _, height, width = game.planes_shape
    return max(1, min(game.max_plies, max(60, height * width * 4 // 5)))


def seconds(value: float) -> float:
    """A time that was said by another, as a number from 0 to MAX_S; raise UserError for no number."""
    if value != value:
        raise UserError("a time must be a number of seconds, not nan")
    return float(min(max(value, 0), MAX_S))


def _moves_expected(ply: int, expected: int, has_increment: bool) -> float:
    """Of the side to move: until the game's end, and never few, since it may last longer."""
    planned = (0.7 if has_increment else 1.0) * max(0, expected)
    return max((planned - max(0, ply)) / 2, 5.0 if has_increment else _LEAST)


def _less(time_s: float, lag_s: float, reserve_s: float) -> float:
    """Time without a reserve; an eighth of what one lag leaves where that is more."""
    return max(time_s - reserve_s, (time_s - lag_s) / 8, 0.0)


_LEAST = 12.0
"""Moves that a game without an increment has always before it."""

_TIME = r"(?:\d{1,9}:)?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"
_MAIN = rf"(?:(?P<moves>\d{{1,6}})/)?(?P<main_s>{_TIME})"
_WRITTEN = [
    re.compile(form, re.ASCII)
    for form in (
        rf"(?P<move_s>{_TIME})/move",
        rf"{_MAIN}(?:\+(?P<increment_s>{_TIME}))?",
        rf"(?:{_MAIN}\+)?(?P<periods>\d{{1,6}})x(?P<period_s>{_TIME})",
        rf"{_MAIN}\+(?P<period_moves>\d{{1,6}})/(?P<period_s>{_TIME})",
    )
]


def _text(time_s: float) -> str:
    return f"{time_s:.9f}".rstrip("0").rstrip(".")


def _read(text: str) -> float:
    minutes, _, rest = text.rpartition(":")
    return (60.0 * float(minutes) if minutes else 0.0) + float(rest)
