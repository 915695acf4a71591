"""Every registered game keeps the laws, and a game that breaks one is caught."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.laws import LawError, check_laws
from engine.registry import game_names, load_game


@pytest.mark.parametrize("name", game_names())
def test_a_registered_game_keeps_the_laws(name: str) -> None:
    assert check_laws(load_game(name), walks=30, seed=1) > 30


class BrokenState:
    """A real state in which one method lies."""

    def __init__(self, state: Any, lies: dict[str, Callable[..., Any]]) -> None:
        self.state, self.lies = state, lies

    def __getattr__(self, name: str) -> Any:
        if name in self.lies:
            return lambda *args: self.lies[name](self.state, *args)
        return getattr(self.state, name)

    def clone(self) -> Any:
        return BrokenState(self.state if "shares" in self.lies else self.state.clone(), self.lies)


class BrokenGame:
    """A real game whose states, or whose own attributes, lie."""

    def __init__(self, lies: dict[str, Any], attributes: dict[str, Any]) -> None:
        self.game, self.lies, self.attributes = load_game("connect4"), lies, attributes

    def __getattr__(self, name: str) -> Any:
        return self.attributes[name] if name in self.attributes else getattr(self.game, name)

    def initial(self) -> Any:
        return BrokenState(self.game.initial(), self.lies)

    def parse(self, text: str) -> Any:
        return BrokenState(self.game.parse(text), self.lies)


LIES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("outcome or a legal action", {"outcome": lambda _: None}, {}),
    ("ascend", {"legal_actions": lambda state: state.legal_actions()[::-1]}, {}),
    ("below num_actions", {"legal_actions": lambda state: [*state.legal_actions(), 9]}, {}),
    ("the player is", {"player": lambda _: 2}, {}),
    ("a running game has plies left", {}, {"max_plies": 20}),
    ("planes_shape", {}, {"planes_shape": (3, 7, 6)}),
    ("float32", {"encode": lambda state: state.encode().astype(np.float64)}, {}),
    ("finite", {"encode": lambda state: state.encode() + np.float32("inf")}, {}),
    ("equal key", {"key": lambda _: 1}, {}),
    ("original untouched", {"shares": lambda _: True}, {}),
    ("its text parsed", {}, {"position_text": lambda _: ""}),
    ("same canonical key", {"canonical": lambda state: (state.key(), 0)}, {}),
    ("turned planes", {}, {"cell_symmetries": np.arange(42, dtype=np.int32)[None].repeat(2, 0)}),
    ("permutations", {}, {"action_symmetries": np.stack([np.arange(7), np.zeros(7, np.int64)])}),
    ("identity", {}, {"action_symmetries": np.arange(7)[None, ::-1]}),
    ("two actions have two texts", {"action_text": lambda *_: "1"}, {"position_text": lambda _: ""}),
    (
        "refuses nonsense",
        {"parse_action": lambda _, text: int(text[0]) - 1 if text[0] in "1234567" else 0},
        {},
    ),
    ("there is a drawing", {"text": lambda _: " \n"}, {}),
]


@pytest.mark.parametrize(("law", "lies", "attributes"), LIES, ids=[law for law, _, _ in LIES])
def test_a_broken_law_is_named(law: str, lies: dict[str, Any], attributes: dict[str, Any]) -> None:
    with pytest.raises(LawError, match=law):
        check_laws(BrokenGame(lies, attributes), walks=5)  # type: ignore[arg-type]
