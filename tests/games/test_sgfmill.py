"""sgfmill as the judge of Go: the board after every move, simple ko, superko and the area on random games."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from engine._core import GoState
from engine.registry import load_game

boards: Any = pytest.importorskip("sgfmill.boards", reason="sgfmill is not installed here")

SIZES = (2, 3, 4, 5, 6, 7, 9, 13, 19)
COLOURS = "bw"
TRIALS = 3
"""Points at each ply whose legality is found by playing there, beside those that ours forbids."""

Cells = tuple[tuple[str | None, ...], ...]


def cells_of(board: Any) -> Cells:
    return tuple(tuple(row) for row in board.board)


def place(board: Any, action: int, player: int) -> int | None:
    """Play in sgfmill, whose rows are counted from the bottom; the action that simple ko forbids."""
    size = board.side
    ko = board.play(size - 1 - action // size, action % size, COLOURS[player])
    return None if ko is None else (size - 1 - ko[0]) * size + ko[1]


class Judge:
    """One game in sgfmill, with the boards and players to move that it has been through."""

    def __init__(self, size: int, ko: str, suicide: bool) -> None:
        self.board = boards.Board(size)
        self.ko_rule, self.suicide = ko, suicide
        self.forbidden: int | None = None
        self.seen = {self._situation(self.board, 0)}

    def _situation(self, board: Any, player: int) -> tuple[Cells, int]:
        return cells_of(board), player if self.ko_rule == "situational" else 0

    def play(self, action: int, player: int) -> None:
        size = self.board.side
        self.forbidden = None if action == size * size else place(self.board, action, player)
        self.seen.add(self._situation(self.board, 1 - player))

    def is_legal(self, action: int, player: int) -> bool:
        """By trying the move."""
        size = self.board.side
        row, column = size - 1 - action // size, action % size
        if self.board.get(row, column) is not None:
            return False
        trial = self.board.copy()
        place(trial, action, player)
        if trial.get(row, column) is None and not self.suicide:
            return False
        if self.ko_rule == "simple":
            return action != self.forbidden
        return self._situation(trial, 1 - player) not in self.seen


def check_board(state: GoState, judge: Judge) -> None:
    own, other = state.encode()[:2].astype(bool)
    mine, yours = COLOURS[state.player()], COLOURS[1 - state.player()]
    theirs = np.array(judge.board.board[::-1])
    assert np.array_equal(own, theirs == mine), state.text()
    assert np.array_equal(other, theirs == yours), state.text()


def check_legal_actions(state: GoState, judge: Judge, source: random.Random) -> int:
    """A few points, and all that ours forbids: how many those were."""
    size = judge.board.side
    legal = set(state.legal_actions())
    refused = [
        action
        for action in range(size * size)
        if action not in legal and judge.board.get(size - 1 - action // size, action % size) is None
    ]
    for action in {*refused, *source.choices(range(size * size), k=TRIALS)}:
        assert (action in legal) == judge.is_legal(action, state.player()), (state.text(), action)
    return len(refused)


def play(size: int, rules: str, source: random.Random, tally: Counter[str]) -> None:
    ko, suicide = rules.split()
    state = load_game(f"go:size={size},ko={ko},suicide={suicide},komi=0.5").initial()
    assert isinstance(state, GoState)
    judge = Judge(size, ko, suicide == "true")
    while state.outcome() is None:
        tally["refused"] += check_legal_actions(state, judge, source)
        actions = state.legal_actions()
        passes = len(actions) == 1 or source.random() < 0.02
        action = actions[-1] if passes else source.choice(actions[:-1])
        situations = len(judge.seen)
        judge.play(action, state.player())
        if ko == "situational" and action != size * size:
            assert len(judge.seen) == situations + 1, state.text()
        state.play(action)
        check_board(state, judge)
        tally["plies"] += 1
    assert state.area_score() == judge.board.area_score() - 0.5
    tally["games"] += 1


def play_all(plies: int, seed: int, sizes: tuple[int, ...] = SIZES) -> Counter[str]:
    """Games on the given sizes under all rules, until `plies` have been compared in each."""
    total: Counter[str] = Counter()
    for size in sizes:
        for rules in (
            f"{ko} {suicide}"
            for ko in ("simple", "positional", "situational")
            for suicide in ("true", "false")
        ):
            source, tally = random.Random(seed), Counter[str]()
            while tally["plies"] < plies:
                play(size, rules, source, tally)
            total += tally
    return total


def test_random_games() -> None:
    assert play_all(60, seed=1, sizes=(2, 3, 5, 9))["refused"] > 0


@pytest.mark.slow
def test_a_million_plies() -> None:
    assert play_all(1_000_000 // (6 * len(SIZES)) + 1, seed=2)["refused"] > 10_000
