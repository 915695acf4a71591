"""The core from Python: what is alive, and what wrong types meet with."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from engine import _core
from engine.registry import load_game
from games.tictactoe import TicTacToe


class Watched(TicTacToe):
    """Can be watched by a weak reference."""


@pytest.mark.parametrize(
    "make", [lambda state: state, _core.State.clone, lambda state: state.clone().clone()]
)
def test_a_game_lives_as_long_as_its_positions(make: Callable[[_core.State], _core.State]) -> None:
    game = Watched()
    watched = weakref.ref(game)
    state = make(game.parse(""))
    del game
    gc.collect()
    assert watched() is not None
    assert len(state.legal_actions()) == 9
    del state
    gc.collect()
    assert watched() is None


def test_a_clone_does_not_keep_what_it_was_cloned_from() -> None:
    game = Watched()
    state = game.initial()
    watched = weakref.ref(state)
    clone = state.clone()
    del state
    gc.collect()
    assert watched() is None
    assert clone.ply() == 0


@pytest.mark.parametrize("name", ["connect4", "chess", "go:size=5", "othello", "tictactoe"])
@pytest.mark.parametrize("wrong", [5, None, [], "\ud800"])
def test_wrong_types_are_refused(name: str, wrong: object) -> None:
    game = load_game(name)
    state = game.initial()
    for call in (game.parse, state.parse_action):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            call(wrong)  # type: ignore[arg-type]
    for method in (_core.Game.initial, _core.State.clone):
        with pytest.raises(TypeError, match="incompatible function arguments"):
            method(wrong)  # type: ignore[arg-type]
