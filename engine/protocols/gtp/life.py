"""Life and death: which strings stay on the board, by who will own their points."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from engine._core import State
from engine.game.offer import Goban
from engine.protocols.gtp.session import PLAYOUTS, Session
from engine.protocols.gtp.thinking import NO_LIMITS, Limits

DEAD = -0.3
"""Mean ownership of a string's points, for its own player, below which it is dead."""


LARGEST_SHARED = 8
"""Empty points of a region between two groups in seki; a larger one is a game that goes on."""


class Status(Enum):
    """Of a string when the game is over."""

    ALIVE = "alive"
    DEAD = "dead"
    SEKI = "seki"


@dataclass(frozen=True)
class StringStatus:
    """Strings by their status, each as its points, and what they were judged by."""

    strings: Mapping[Status, list[list[str]]]
    source: str

    def points(self, status: Status) -> list[str]:
        """Of all strings of a status."""
        return [point for points in self.strings[status] for point in points]


def string_status(session: Session, limits: Limits = NO_LIMITS) -> StringStatus:
    """The status of every string on the board."""
    board = session.board()
    player = session.state.player()
    state, _ = session.facing(player)
    ownership = session.ownership(state, limits)
    found: dict[Status, list[list[str]]] = {status: [] for status in Status}
    by_chance = ownership.source == PLAYOUTS
    for owner, points, liberties in board.strings(state):
        own = ownership.owners if owner == state.player() else -ownership.owners
        is_dead = _mean(board, own, points) < DEAD
        if is_dead and by_chance and not _is_approachable(board, state, owner, liberties):
            is_dead = False  # games of chance do not know that nobody plays there
        found[Status.DEAD if is_dead else Status.ALIVE].append(points)
    _move_seki(board, state, found)
    if ownership.source != session.judge:
        session.judge = ownership.source
        print(f"gtp: dead stones are judged by {ownership.source}", file=sys.stderr, flush=True)
    return StringStatus(found, ownership.source)


def _is_approachable(board: Goban, state: State, owner: int, liberties: Sequence[str]) -> bool:
    """Whether the other player can take a liberty and stay there, or some liberty is the string's alone."""
    border = {point: set(around) for points, around in board.regions(state) for point in points}
    stones = board.stones(state)
    if any(border[point] <= set(stones[owner]) for point in liberties):
        return True
    facing = board.placed(*stones, 1 - owner)
    legal = {facing.action_text(action): action for action in facing.legal_actions()}
    return any(point in legal and is_sound(board, facing, legal[point]) for point in liberties)


def is_sound(board: Goban, state: State, action: int) -> bool:
    """Whether a stone that is played has more than one liberty then, or takes something."""
    point, after = state.action_text(action), state.clone()
    after.play(action)
    if board.captures(after)[state.player()] > board.captures(state)[state.player()]:
        return True
    return any(point in string and len(liberties) > 1 for _, string, liberties in board.strings(after))


def _mean(board: Goban, owners: NDArray[np.float32], points: list[str]) -> float:
    _, rows = board.size
    cells = [board.cell(point) for point in points]
    return float(np.mean([owners[rows - 1 - y, x] for x, y in cells]))


def _move_seki(board: Goban, state: State, found: dict[Status, list[list[str]]]) -> None:
    """Living groups whose empty regions are all small and shared with the other player's are in seki.

    Strings of one player that touch the same region, dead stones taken off, are one group.
    """
    cleaned = board.without(state, [point for points in found[Status.DEAD] for point in points])
    owner = {point: player for player, points, _ in board.strings(cleaned) for point in points}
    home = {point: points[0] for _, points, _ in board.strings(cleaned) for point in points}
    group = {first: first for first in home.values()}
    is_safe: dict[str, bool] = dict.fromkeys(group, False)
    for points, border in board.regions(cleaned):
        is_shared = {owner[point] for point in border} == {0, 1} and len(points) <= LARGEST_SHARED
        for player in (0, 1):
            firsts = sorted({home[point] for point in border if owner[point] == player})
            groups = {_root(group, first) for first in firsts}
            for other in groups:
                group[other] = min(groups)
            for first in firsts:
                is_safe[first] = is_safe[first] or not is_shared
    safe = {_root(group, first) for first in group if is_safe[first]}
    strings = found[Status.ALIVE]
    found[Status.ALIVE] = [points for points in strings if _root(group, home[points[0]]) in safe]
    found[Status.SEKI] = [points for points in strings if _root(group, home[points[0]]) not in safe]


def _root(group: Mapping[str, str], first: str) -> str:
    while group[first] != first:
        first = group[first]
    return first
