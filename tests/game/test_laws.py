"""Every registered game keeps the laws, and a game that breaks one is found."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from engine._core import Connect4, Game
from engine.game.laws import LawError, check_laws
from engine.registry import game_names, load_game

SMALL_BOARDS = [
    "go:size=5",
    "go:size=7x4,rules=aga",
    "go:size=3,rules=chinese,komi=0",
    "go:size=2,rules=chinese,resumptions=3,max_plies=60",
    "chess960:start=17",
]


def walks(game: Game, positions: int) -> int:
    """Random games that come to about so many positions."""
    return max(1, positions // min(game.max_plies, 400))


@pytest.mark.parametrize("name", [*game_names(), *SMALL_BOARDS])
def test_games_keep_the_laws(name: str) -> None:
    game = load_game(name)
    assert check_laws(game, walks(game, 2000), seed=1) > 60


@pytest.mark.slow
@pytest.mark.parametrize("name", [*game_names(), *SMALL_BOARDS])
def test_games_keep_the_laws_on_many_walks(name: str) -> None:
    game = load_game(name)
    check_laws(game, walks(game, 100_000), seed=2)


class BrokenState:
    """Connect Four with some methods replaced; each gets the true state."""

    def __init__(self, state: Any, faults: dict[str, Any]) -> None:
        self._state = state
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        if name in self._faults:
            fault = self._faults[name]
            return lambda *args: fault(self._state, *args)
        return getattr(self._state, name)

    def clone(self) -> BrokenState:
        share = "clone" in self._faults
        return BrokenState(self._state if share else self._state.clone(), self._faults)


class BrokenGame:
    def __init__(self, faults: dict[str, Any], **attributes: Any) -> None:
        self._game = Connect4()
        self._faults = faults
        self._attributes = attributes

    def __getattr__(self, name: str) -> Any:
        return self._attributes[name] if name in self._attributes else getattr(self._game, name)

    def initial(self) -> BrokenState:
        return BrokenState(self._game.initial(), self._faults)

    def parse(self, position: str) -> BrokenState:
        return BrokenState(self._game.parse(position), self._faults)


def test_the_stand_in_itself_keeps_the_laws() -> None:
    check_laws(cast(Game, BrokenGame({})), walks=5)


def noise(state: Any) -> Any:
    return state.encode() + np.random.default_rng().random(state.encode().shape, dtype=np.float32)


@pytest.mark.parametrize(
    ("faults", "law"),
    [
        ({"outcome": lambda _: None}, "wins at once"),
        ({"winning_action": lambda _: 0}, "a winning action"),
        ({"winning_action": lambda _: -1, "outcome": lambda _: None}, "outcome or a legal action"),
        ({"outcome": lambda _: 0.0}, "outcome or a legal action"),
        (
            {"outcome": lambda state: 2 * state.outcome() if state.outcome() else state.outcome()},
            "wins at once",
        ),
        ({"legal_actions": lambda state: state.legal_actions()[::-1]}, "ascend"),
        ({"legal_actions": lambda state: [a + 1 for a in state.legal_actions()]}, "num_actions"),
        ({"player": lambda _: 2}, "player is 0 or 1"),
        ({"ply": lambda _: 50}, "max_plies"),
        ({"clone": None}, "clone"),
        ({"key": lambda state: state.ply()}, "equal key"),
        ({"encode": noise}, "planes"),
        ({"encode": lambda state: state.encode()[:2]}, "planes_shape"),
        ({"encode": lambda state: state.encode().astype(np.float64)}, "float32"),
        ({"encode": lambda state: state.encode() * np.float32("nan")}, "finite"),
        ({"canonical": lambda state: (state.key(), 0)}, "canonical key"),
        ({"canonical": lambda state: (state.canonical()[0], 7)}, "names a symmetry"),
        ({"position": lambda state: ("", state.position()[1][:-1])}, "position"),
        ({"action_text": lambda *_: "1"}, "two texts"),
        ({"parse_action": lambda state, text: state.parse_action(text[:1].replace("n", "1"))}, "nonsense"),
        ({"text": lambda _: ""}, "drawing"),
    ],
)
def test_a_broken_state_is_found(faults: dict[str, Any], law: str) -> None:
    with pytest.raises(LawError, match=law):
        check_laws(cast(Game, BrokenGame(faults)), walks=20)


@pytest.mark.parametrize(
    ("attributes", "law"),
    [
        ({"max_plies": 20}, "plies left"),
        ({"position_text": lambda _: ""}, "its text parsed"),
        ({"num_actions": 8}, "action"),
        ({"planes_shape": (3, 7, 6)}, "planes_shape"),
        ({"action_symmetries": np.array([[0, 1, 2, 3, 4, 5, 6]] * 2, np.int32)}, "turned"),
        ({"action_symmetries": np.array([[6, 5, 4, 3, 2, 1, 0]] * 2, np.int32)}, "identity"),
        ({"cell_symmetries": np.array([range(42), [0] * 42], np.int32)}, "permutation"),
        ({"cell_symmetries": np.array([range(42)] * 2, np.int32)}, "turned planes"),
        ({"cell_symmetries": np.array([range(42), range(41, -1, -1)], np.int32)}, "keep the start"),
    ],
)
def test_a_broken_game_is_found(attributes: dict[str, Any], law: str) -> None:
    with pytest.raises(LawError, match=law):
        check_laws(cast(Game, BrokenGame({}, **attributes)), walks=20)


def first_stones(state: Any) -> Any:
    """The player's stones in the left half: what does not turn with the board."""
    return state.encode()[0] * (np.arange(7) < 3)


@pytest.mark.parametrize(
    ("score", "law"),
    [
        (lambda _: (1.0, np.zeros((6, 7))), "sign of the outcome"),
        (lambda _: (0.0, np.full((6, 7), 0.5)), "owners are"),
        (lambda _: (np.inf, np.zeros((6, 7))), "finite"),
        (lambda state: (state.outcome() or 0.0, first_stones(state)), "turned owners"),
    ],
)
def test_a_broken_score_is_found(score: Any, law: str) -> None:
    with pytest.raises(LawError, match=law):
        check_laws(cast(Game, BrokenGame({"score": score}, has_score=True)), walks=20)


def test_the_message_leads_to_the_position() -> None:
    with pytest.raises(LawError, match=r"actions \[.+\]"):
        check_laws(cast(Game, BrokenGame({"key": lambda state: state.ply()})), walks=20)
