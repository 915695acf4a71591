from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engine.errors import UserError
from engine.game.laws import check_laws
from engine.registry import load_game
from engine.truth import ILLEGAL
from games.nim import Nim

THREE_HEAPS = """\
a |||
b ||
c |||||
"""


def test_a_game_as_it_is_drawn() -> None:
    state = Nim().parse("b2")
    assert state.text() == THREE_HEAPS
    assert state.player() == 1
    texts = [state.action_text(action) for action in state.legal_actions()]
    assert texts == ["a1", "a2", "a3", "b1", "b2", "c1", "c2", "c3", "c4", "c5"]
    np.testing.assert_array_equal(state.encode(), [[[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]])


def test_whoever_takes_the_last_object_wins() -> None:
    state = Nim().parse("a3 b4 c4")
    assert state.outcome() is None
    state.play(state.parse_action("c1"))
    assert (state.player(), state.outcome(), state.legal_actions()) == (0, -1.0, [])


@cache
def wins(heaps: tuple[int, ...]) -> bool:
    """An oracle without the theory: some move leaves a position that loses."""
    rests = [
        (*heaps[:i], size - n, *heaps[i + 1 :]) for i, size in enumerate(heaps) for n in range(1, size + 1)
    ]
    return any(not wins(tuple(sorted(rest))) for rest in rests)


@pytest.mark.parametrize("heaps", ["3-4-5", "1", "2-2", "1-1-1-1"])
def test_every_position_has_its_true_value(heaps: str) -> None:
    game = Nim(heaps)
    (truth,) = game.truth_sets()
    assert len(truth.positions) == np.prod([size + 1 for size in game.heaps]) - 1
    for position, row in zip(truth.positions, truth.outcomes, strict=True):
        state = game.parse(position)
        assert [a for a in range(game.num_actions) if row[a] != ILLEGAL] == state.legal_actions()
        sizes = state.encode()[0].sum(axis=1).astype(int)
        for action in state.legal_actions():
            heap, index = divmod(action, game.width)
            rest = tuple(sorted(sizes - (np.arange(len(sizes)) == heap) * (index + 1)))
            assert row[action] == (-1 if wins(rest) else 1), (position, action)


@pytest.mark.parametrize("heaps", ["7", "1-2-3-4-5-6-7-8", "32"])
def test_other_heaps_keep_the_laws(heaps: str) -> None:
    game = load_game(f"nim:heaps={heaps}")
    assert game.name == f"nim:heaps={heaps}"
    assert check_laws(game, walks=5) > 5


@pytest.mark.parametrize("heaps", ["0", "33", "3-", "-3", "a", "1-2-3-4-5-6-7-8-9", "٣", "3.5", "003"])
def test_heaps_that_are_none_are_refused(heaps: str) -> None:
    with pytest.raises(UserError, match=f"heaps are '{heaps}'; give sizes such as 3-4-5"):
        load_game(f"nim:heaps={heaps}")
