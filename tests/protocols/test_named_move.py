"""Names of moves that are not the next one."""

from __future__ import annotations

import pytest

from engine.errors import InputError
from engine.protocols.named_move import find_actions
from engine.registry import load_game


def test_a_move_is_found_legal_now_or_not() -> None:
    game = load_game("go:size=5")
    state = game.initial()
    state.play(state.parse_action("C3"))
    for player in (0, 1):
        for name in ("C3", "c3", "D4", "pass"):
            (action,) = find_actions(game, state, player, name)
            assert game.initial().action_text(action).lower() == name.lower()


def test_a_move_of_pieces_is_read_as_the_nearest_turn_of_its_player() -> None:
    game = load_game("chess")
    start = game.initial()
    after = start.clone()
    after.play(after.parse_action("e2e4"))
    for name in ("Nf6", "g8f6", "G8F6"):
        assert after.parse_action("Nf6") in find_actions(game, start, 1, name)
        assert after.parse_action("Nf6") in find_actions(game, after, 1, name)
    assert start.parse_action("g1f3") in find_actions(game, after, 0, "g1f3")


@pytest.mark.parametrize("name", ["", "Z9", "C33", "\x00", "é"])
def test_what_is_no_move_is_refused(name: str) -> None:
    game = load_game("go:size=5")
    with pytest.raises(InputError):
        find_actions(game, game.initial(), 0, name)
