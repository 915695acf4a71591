"""Time as GTP engines are told it: whole seconds, fractions where an engine is known to read them."""

from __future__ import annotations

import math
from collections.abc import Set

from engine.errors import UserError
from engine.player.clock import Clock, TimeControl


def settings_line(control: TimeControl, known: Set[str], player: str) -> str:
    """The command for a control of time, by the commands that an engine knows.

    Where the engine has none for it, one that leaves it less: byo-yomi as a Canadian period of one move, an
    increment as none (each move tells the time that is left). Raise UserError for less than a second.
    """
    extended = "kata-time_settings" in known
    if control.increment_s and extended:
        return f"kata-time_settings fischer {_number(control.main_s)} {_number(control.increment_s)}"
    if control.periods and control.main_s > 0 and extended:
        times = f"{_number(control.main_s)} {_number(control.period_s)}"
        return f"kata-time_settings byoyomi {times} {control.periods}"
    if control.periods and "kgs-time_settings" in known:
        times = f"{_whole(control.main_s, player)} {_whole(control.period_s, player)}"
        return f"kgs-time_settings byoyomi {times} {control.periods}"
    if control.move_s:
        parts = (0.0, control.move_s, 1)
    elif control.moves:
        parts = (0.0, control.main_s, control.moves)
    else:
        parts = (control.main_s, control.period_s, control.period_moves or (1 if control.periods else 0))
    main_s, period_s, moves = parts
    if extended:
        return f"time_settings {_number(main_s)} {_number(period_s)} {moves}"
    return f"time_settings {_whole(main_s, player)} {_whole(period_s, player)} {moves}"


def time_left_line(color: str, clock: Clock, known: Set[str]) -> str:
    """The command that tells a side's clock."""
    control = clock.control
    if control.move_s:
        left_s, count = control.move_s, 1
    elif clock.in_period:
        left_s, count = (
            clock.remaining_s,
            clock.period_moves_left if control.period_moves else clock.periods_left,
        )
        if control.periods and not {"kata-time_settings", "kgs-time_settings"} & known:
            count = 1
    else:
        left_s, count = clock.remaining_s, clock.moves_left
    told = _number(left_s) if "kata-time_settings" in known else f"{math.floor(max(0.0, left_s))}"
    return f"time_left {color} {told} {count}"


def _number(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def _whole(seconds: float, player: str) -> int:
    if 0 < seconds < 1:
        raise UserError(f"player '{player}': {seconds:g} s: GTP counts whole seconds; give one or more")
    return math.floor(seconds)
