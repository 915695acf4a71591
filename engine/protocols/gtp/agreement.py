"""Passes where the players, or a server, take dead stones off before they count."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from engine._core import State
from engine.player.thinking import Restriction
from engine.protocols.gtp.life import Status, string_status
from engine.protocols.gtp.session import Choice, Session
from engine.protocols.gtp.thinking import Limits, OnReport

LEAST_S = 1.0
"""For a move, below which dead stones are not looked for."""

SHARE = 0.25
"""Of the time for a move, to look for dead stones at most."""

HOPELESS = -0.9
"""The value, in [-1, 1] for the player, below which a game that may be lost is not played on."""


def choose(
    session: Session,
    player: int,
    restrictions: Sequence[Restriction] = (),
    *,
    every_s: float | None = None,
    on_report: OnReport | None = None,
    is_charged: bool = True,
) -> Choice:
    """As Session.choose, but go on instead of a pass that wins by dead stones of one's own alone.

    Where going on is hopeless, the pass stays: it ends the game, and the judge of dead stones may have erred.
    """
    since = time.monotonic()
    false_pass = -1 if restrictions else _false_pass(session, player, since)
    if false_pass >= 0:
        restrictions = [Restriction(player, frozenset([false_pass]))]
    choice = session.choose(
        player, restrictions, every_s=every_s, on_report=on_report, is_charged=is_charged, since=since
    )
    if false_pass >= 0 and choice.found is not None and choice.found.report.value < HOPELESS:
        return Choice(choice.state, choice.offset, player, false_pass, None)
    return choice


def _false_pass(session: Session, player: int, since: float) -> int:
    """The pass that wins as the board stands and loses without the player's own dead stones; -1 for none."""
    board, state = session.goban, session.state
    if board is None or not (session.is_on_server or board.counts_dead):
        return -1
    if state.outcome() is not None or state.player() != player or len(state.legal_actions()) == 1:
        return -1
    action = session.winning_action(state)
    if action < 0 or state.action_text(action) != "pass":
        return -1
    hard_s = session.limits(player, since).hard_s
    if hard_s < LEAST_S:
        return -1
    dead = _own_dead(session, state, player, Limits(hard_s=hard_s * SHARE, since=since))
    score = board.score(state, dead) + session.history.offset
    return action if dead and math.copysign(1, 0.5 - player) * score <= 0 else -1


def _own_dead(session: Session, state: State, player: int, limits: Limits) -> list[str]:
    own = set(session.board().stones(state)[player])
    return [point for point in string_status(session, limits).points(Status.DEAD) if point in own]
