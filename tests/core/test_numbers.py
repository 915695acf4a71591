"""Numbers and switches as arguments of the core: what would lose something on the way in is refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from engine import _core
from engine.errors import InputError
from engine.game.python_game import PythonGame
from engine.registry import load_game
from games.tictactoe import TicTacToeState

CONNECT4 = load_game("connect4")
NO_WHOLE_NUMBERS = [
    True, np.True_, 3.0, np.float32(3), np.float64(3.7), np.float16(3), np.array(3.0), Decimal("3.7"),
    Fraction(7, 2), "3", 3 + 0j, None, [3], np.array([3, 4]), torch.tensor(3.5),
]  # fmt: skip
WHOLE_NUMBERS = [3, np.int8(3), np.uint64(3), np.array(3), torch.tensor(3)]
NO_NUMBERS = [True, np.True_, False, "1.5", None, [1.5], 1.5 + 0j]
NUMBERS = [1, 1.5, np.float32(1.5), np.int16(1), Decimal("1.5"), Fraction(3, 2), np.array(1.5)]
NO_SWITCHES = [0, 1, 1.0, np.int8(1), "true", "", None, [], [1], np.array([True, False])]
SWITCHES = [True, False, np.True_, np.False_]


def trees() -> _core.Trees:
    made = _core.Trees(CONNECT4, _core.SearchParams())
    made.add(CONNECT4.initial())
    return made


def pool() -> _core.Pool:
    return _core.Pool(CONNECT4, _core.SearchParams(), _core.PlayParams(), seed=1, games=1)


def set_max_in_flight(value: Any) -> None:
    trees().max_in_flight = value


TAKE_WHOLE_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "play": lambda value: CONNECT4.initial().play(value),
    "perft": lambda value: CONNECT4.initial().perft(value),
    "replay": lambda value: CONNECT4.replay("", [value]),
    "Chess": lambda value: _core.Chess(history=value),
    "Go": lambda value: _core.Go(value, 5),
    "solver": lambda value: _core.Connect4Solver(value),
    "seed": lambda value: _core.Trees(CONNECT4, _core.SearchParams(), seed=value),
    "select": lambda value: trees().select(value),
    "most": lambda value: trees().select(5, value),
    "advance": lambda value: trees().advance(0, value),
    "principal_variation": lambda value: trees().principal_variation(0, value),
    "max_in_flight": set_max_in_flight,
    "field": lambda value: _core.SearchParams(considered_actions=value),
    "play field": lambda value: _core.PlayParams(simulations=value),
    "pool": lambda value: pool().start(value),
    "new_weights": lambda value: pool().new_weights(value),
    "trim": lambda value: _core.ReplayWindow(CONNECT4).trim(value),
    "rollout_moves": lambda value: _core.rollout_moves(CONNECT4, value, 2),
}


@pytest.mark.parametrize("name", TAKE_WHOLE_NUMBERS)
def test_a_whole_number_is_one(name: str) -> None:
    take = TAKE_WHOLE_NUMBERS[name]
    for value in WHOLE_NUMBERS:
        take(value)
    for value in NO_WHOLE_NUMBERS:
        with pytest.raises(TypeError):
            take(value)


TAKE_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "cache_mb": lambda value: _core.Trees(CONNECT4, _core.SearchParams(), cache_mb=value),
    "field": lambda value: _core.SearchParams(c_puct=value),
    "play field": lambda value: _core.PlayParams(temperature=value),
    "komi": lambda value: _core.Go(5, 5, komi=value),
}


@pytest.mark.parametrize("name", TAKE_NUMBERS)
def test_a_number_is_no_switch(name: str) -> None:
    for value in NUMBERS:
        TAKE_NUMBERS[name](value)
    for value in NO_NUMBERS:
        if name == "komi" and value is None:
            continue  # that of the rules
        with pytest.raises(TypeError):
            TAKE_NUMBERS[name](value)


TAKE_SWITCHES: dict[str, Callable[[Any], Any]] = {
    "fen": lambda value: _core.Chess().initial().fen(value),  # type: ignore[attr-defined]
    "endings_first": lambda value: trees().select(3, 5, value),
    "field": lambda value: _core.SearchParams(proofs=value),
    "suicide": lambda value: _core.Go(5, 5, suicide=value),
}


@pytest.mark.parametrize("name", TAKE_SWITCHES)
def test_a_switch_is_true_or_false(name: str) -> None:
    for value in SWITCHES:
        TAKE_SWITCHES[name](value)
    for value in NO_SWITCHES:
        if name == "suicide" and value is None:
            continue  # that of the rules
        with pytest.raises(TypeError):
            TAKE_SWITCHES[name](value)


def test_numbers_come_in_as_they_are() -> None:
    params = _core.SearchParams(c_puct=np.float32(1.25), considered_actions=np.int16(7), proofs=np.False_)
    assert (params.c_puct, params.considered_actions, params.proofs) == (1.25, 7, False)
    seeds = [_core.rollout_moves(CONNECT4, seed, 40) for seed in (2**64 - 1, np.uint64(2**64 - 1), 2**63)]
    assert seeds[0] == seeds[1] != seeds[2]
    for seed in (-1, 2**64):
        with pytest.raises(TypeError):
            _core.rollout_moves(CONNECT4, seed, 40)


class TwoMoves(PythonGame):
    """A game whose rules answer with what `answers` says of a method."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(name="two moves", num_actions=9, planes_shape=(1, 3, 3), max_plies=9)
        self.answers = answers

    def start(self) -> Any:
        return TwoMovesState(self.answers)


class TwoMovesState(TicTacToeState):
    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__()
        self.answers = answers

    def clone(self) -> TwoMovesState:
        copy = TwoMovesState(self.answers)
        copy.__dict__.update({name: value for name, value in self.__dict__.items() if name != "answers"})
        return copy

    def player(self) -> Any:
        return self.answers.get("player", 0)

    def legal_actions(self) -> Any:
        return self.answers.get("legal_actions", [0, 1])

    def winning_action(self) -> Any:
        return self.answers.get("winning_action", -1)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("player", 1.0),
        ("player", np.float32(1)),
        ("player", "1"),
        ("legal_actions", [np.float32(0.5), np.float32(1.5)]),
        ("legal_actions", np.array([0, 1], np.float32)),
        ("legal_actions", [False, True]),
        ("winning_action", np.float32(1.5)),
        ("winning_action", True),
    ],
)
def test_what_rules_answer_is_a_whole_number_too(method: str, answer: Any) -> None:
    state = TwoMoves(**{method: answer}).initial()
    with pytest.raises(InputError, match=rf"{method}\(\) gives"):
        getattr(state, method)()


def test_rules_may_tell_the_player_by_a_comparison() -> None:
    for answer in (True, np.True_, 1, np.int8(1)):
        assert TwoMoves(player=answer).initial().player() == 1
    assert TwoMoves(player=False).initial().player() == 0
    assert TwoMoves(legal_actions=np.array([2, 5], np.int16)).initial().legal_actions() == [2, 5]
