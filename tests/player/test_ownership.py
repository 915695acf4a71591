"""Owners of cells: by a network's head, by random games, and for whom."""

import numpy as np
import pytest

from engine import _core
from engine.errors import InputError
from engine.player import load_player
from engine.player.thinking import Query
from engine.registry import load_game

WALL = "D1 E1 D2 E2 D3 E3 D4 E4 D5 E5 D6 E6 D7 E7 D8 E8 D9 E9"
"""Two walls side by side: Black's at D, White's at E."""


def walls(extra: str = "") -> _core.State:
    state = load_game("go:size=9").initial()
    for move in f"{WALL} {extra}".split():
        state.play(state.parse_action(move))
    return state


@pytest.mark.parametrize("extra", ["", "G5"])
def test_random_games_tell_owners_for_the_player_to_move(extra: str) -> None:
    state = walls(extra)
    owners, score, wdl = _core.playout_owners(state, 1, 400)
    black = owners if state.player() == 0 else -owners
    assert owners.dtype == np.float32
    assert owners.shape == (9, 9)
    assert black[:, :4].mean() > 0.3
    assert black[:, 4:].mean() < -0.2
    assert (score < 0) == (state.player() == 0)  # White has 45 points and the komi
    assert sum(wdl) == pytest.approx(1)
    again = _core.playout_owners(state, 1, 400)
    assert np.array_equal(owners, again[0])


def test_games_without_a_score_have_no_owners() -> None:
    with pytest.raises(InputError, match="no score"):
        _core.playout_owners(load_game("connect4").initial(), 1, 10)
    with pytest.raises(InputError, match="games"):
        _core.playout_owners(load_game("go:size=5").initial(), 1, 0)


@pytest.mark.parametrize(("name", "source"), [("mcts:60", "playouts"), ("go:size=9:untrained", "network")])
def test_a_thought_tells_owners_by_what_its_player_has(name: str, source: str) -> None:
    player = load_player(name, load_game("go:size=9"), simulations=60)
    thinker = player.thinker()
    state = walls()
    thought = thinker.begin(Query(state, simulations=60))
    while thinker.step():
        pass
    found = thought.ownership()
    assert found is not None
    assert found.source == source
    assert found.owners.shape == (9, 9)
    assert np.abs(found.owners).max() <= 1
    after = thought.ownership(thought.report().best)
    assert after is not None
    if source == "playouts":
        assert found.owners[:, :4].mean() > 0.2
        assert found.owners[:, 4:].mean() < -0.2
        assert after.owners[:, :4].mean() > 0.2  # for the same player, though the other is to move


def test_owners_of_a_network_are_its_head_turned_to_the_root() -> None:
    import torch

    player = load_player("go:size=5:untrained", simulations=30)
    network = player.network  # type: ignore[attr-defined]
    state = player.game.initial()
    thinker = player.thinker()
    thought = thinker.begin(Query(state, simulations=1))
    while thinker.step():
        pass
    found = thought.ownership()
    with torch.inference_mode():
        head = network.predict(torch.from_numpy(state.encode()[None]))
    assert found is not None
    assert np.allclose(found.owners.ravel(), (2 * torch.sigmoid(head.owner[0]) - 1).numpy(), atol=1e-5)
    assert found.score == pytest.approx(float(head.score[0]) * 5, abs=1e-4)
    action = state.parse_action("C3")
    after = thought.ownership(action)
    state.play(action)
    with torch.inference_mode():
        head = network.predict(torch.from_numpy(state.encode()[None]))
    assert after is not None
    assert np.allclose(-after.owners.ravel(), (2 * torch.sigmoid(head.owner[0]) - 1).numpy(), atol=1e-5)


def test_an_untrained_network_is_of_its_seed() -> None:
    state = load_game("go:size=5").initial()

    def prior(name: str) -> list[float]:
        thinker = load_player(name, simulations=1).thinker()
        thought = thinker.begin(Query(state, simulations=1))
        while thinker.step():
            pass
        return [move.prior for move in sorted(thought.report().moves, key=lambda move: move.action)]

    first = prior("go:size=5:untrained")
    assert prior("go:size=5:untrained") == first
    assert prior("go:size=5:untrained:7") != first
