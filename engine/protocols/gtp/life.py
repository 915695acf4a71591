"""Life and death: which strings stay on the board, by who will own their points."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from engine._core import State
from engine.game.offer import Goban
from engine.protocols.gtp.session import Session

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


def string_status(session: Session) -> StringStatus:
    """The status of every string on the board."""
    board = session.board()
    player = session.state.player()
    state, _ = session.facing(player)
    ownership = session.ownership(state)
    found: dict[Status, list[list[str]]] = {status: [] for status in Status}
    for owner, points, _ in board.strings(state):
        if ownership is None:
            found[Status.ALIVE].append(points)
            continue
        own = ownership.owners if owner == state.player() else -ownership.owners
        found[Status.DEAD if _mean(board, own, points) < DEAD else Status.ALIVE].append(points)
    source = ownership.source if ownership else "nobody, so that all are alive"
    _move_seki(board, state, found)
    if source != session.judge:
        session.judge = source
        print(f"gtp: dead stones are judged by {source}", file=sys.stderr, flush=True)
    return StringStatus(found, source)


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
