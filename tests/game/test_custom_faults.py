"""Faults in users' games: the message leads to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

NUMBA_NIM = """
from numba import njit
import numpy as np
from engine.numba_game import NumbaGame, Rules

@njit
def start(state):
    state[0] = 7

@njit
def legal_actions(state, out):
    for action in range(min(3, state[0])):
        out[action] = action
    return min(3, state[0])

@njit
def play(state, action):
    {fault}
    state[0] -= action + 1
    state[1] = 1 - state[1]

@njit
def player(state):
    return state[1]

@njit
def outcome(state):
    return np.nan if state[0] else -1.0

@njit
def encode(state, planes):
    planes[0, 0, state[0]] = 1

class Nim(NumbaGame):
    def __init__(self):
        rules = Rules(start, legal_actions, play, player, outcome, encode)
        super().__init__(name="nim", state_bytes=2, state_dtype=np.uint8, rules=rules, num_actions=3,
                         planes_shape=(1, 1, 8), max_plies=7)
"""


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("if state[0] == 3: raise ValueError('boom')", ["ValueError: boom", "numbanim.py:16"]),
        ("state[99] = 1", ["IndexError", "numbanim.py:16"]),
    ],
)
def test_what_numba_cannot_raise_is_said(tmp_path: Path, refused: Any, fault: str, wanted: list[str]) -> None:
    (tmp_path / "numbanim.py").write_text(NUMBA_NIM.format(fault=fault), encoding="utf-8")
    error = refused("check", "numbanim:Nim", "--walks", "5", cwd=tmp_path)
    for text in ["game 'nim'", *wanted]:
        assert text in error


def test_the_numba_game_without_fault_keeps_the_laws(tmp_path: Path, selfplay: Any) -> None:
    (tmp_path / "numbanim.py").write_text(NUMBA_NIM.format(fault="pass"), encoding="utf-8")
    assert selfplay("check", "numbanim:Nim", "--walks", "5", cwd=tmp_path).returncode == 0


PYTHON_FAULTS = """
from engine.game.python_game import PythonGame, PythonState
from games.tictactoe import TicTacToe, TicTacToeState

class Raises(TicTacToeState):
    def play(self, action):
        raise KeyError("x")

class Faulty(TicTacToe):
    def start(self):
        return Raises()

class NoStart(PythonGame):
    def __init__(self):
        super().__init__(name="nostart", num_actions=9, planes_shape=(1, 3, 3), max_plies=9)

class StartsWithNothing(NoStart):
    def start(self):
        return None

class NoPlayer(NoStart):
    def start(self):
        return PythonState()

class NoScore(PythonGame):
    def __init__(self):
        super().__init__(name="x", num_actions=9, planes_shape=(2, 3, 3), max_plies=9, has_score=True)

    def start(self):
        return TicTacToeState()

class Huge(PythonGame):
    def __init__(self):
        super().__init__(name="huge", num_actions=10**12, planes_shape=(1, 3, 3), max_plies=9)

class Shared(TicTacToe):
    kept = TicTacToeState()

    def start(self):
        return self.kept

class Refuses(TicTacToe):
    def __init__(self):
        raise KeyError("oops")
"""


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Faulty", ["KeyError: 'x' in play (faults.py:7)"]),
        ("NoStart", ["class NoStart of faults has no method start"]),
        ("StartsWithNothing", ["start() gives None", "PythonState"]),
        ("NoPlayer", ["class PythonState", "has no method"]),
        ("NoScore", ["class TicTacToeState of games.tictactoe has no method score"]),
        ("Huge", ["num_actions is 1000000000000; give 1 to 1048576"]),
        ("Refuses", ["'faults:Refuses'", "KeyError: 'oops' in __init__ (faults.py:"]),
    ],
)
def test_a_fault_in_a_users_rules_is_led_to(
    tmp_path: Path, refused: Any, name: str, wanted: list[str]
) -> None:
    (tmp_path / "faults.py").write_text(PYTHON_FAULTS, encoding="utf-8")
    error = refused("check", f"faults:{name}", cwd=tmp_path)
    for text in wanted:
        assert text in error


def test_the_rules_service_outlives_a_fault_in_the_rules(tmp_path: Path, selfplay: Any) -> None:
    (tmp_path / "faults.py").write_text(PYTHON_FAULTS, encoding="utf-8")
    lines = '{"id":1,"moves":["1"]}\n{"id":2}\n'
    done = selfplay("rules", "faults:Faulty", cwd=tmp_path, stdin=lines)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == {"id": 1, "error": "KeyError: 'x' in play (faults.py:7)"}
    assert second["to_play"] == 0


def test_a_start_that_is_shared_is_found(tmp_path: Path, selfplay: Any) -> None:
    (tmp_path / "faults.py").write_text(PYTHON_FAULTS, encoding="utf-8")
    done = selfplay("check", "faults:Shared", cwd=tmp_path)
    assert done.returncode == 1
    assert "every game starts from a fresh position" in done.stderr
