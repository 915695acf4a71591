"""Proposing every move is searching the game: proposed trees against games' own and against the formulas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from countdown import Countdown
from hypothesis import given, settings
from hypothesis import strategies as st
from proposed_roots import roots
from proposers import GameProposer, proposed_game, visited
from reference_search import Settings, reference_search

from engine import _core
from engine.search import search
from games.connect4 import Connect4

GAME = Connect4()
RULES = ["puct", "gumbel", "gumbel-full"]
GAMES: dict[str, _core.Game] = {
    "two players": GAME,
    "one player": Countdown("0"),
    "alternating": Countdown("01"),
    "twice in a row": Countdown("001"),
    "pairs of moves": Countdown("0110"),
}
WHOLE = {"proofs": False, "gumbel_scale": 0.0}


def valued(state: _core.State) -> tuple[Sequence[float], Any]:
    """A value out of the position and equal weights."""
    planes = state.encode()
    wdl = _values(planes[None])[0]
    return wdl.tolist(), np.ones(max(state.legal_actions()) + 1, np.float32)


def dense(requests: _core.Requests) -> _core.DenseReply:
    """The same for a game's own search."""
    wdl = _values(requests.planes)
    return _core.DenseReply(wdl, np.zeros((len(wdl), requests.legal.shape[1]), np.float32))


def _values(planes: Any) -> Any:
    def waves(turned: Any) -> Any:
        flat = turned.reshape(len(turned), -1).astype(np.float64)
        return np.sin(flat @ np.sin(np.arange(flat.shape[1]) * 12.9898) * 5)

    mirrored = planes[..., ::-1] if planes.shape[-1] == 7 else planes  # Connect Four is asked about turned
    win = (waves(planes) + waves(mirrored) + 2) / 5
    return np.stack([win, np.full_like(win, 0.1), 0.9 - win], axis=1).astype(np.float32)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=8)
@given(
    plies=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    simulations=st.sampled_from([1, 2, 7, 40, 90]),
)
def test_proposing_every_move_is_searching_the_game(
    name: str, rule: str, plies: list[int], simulations: int
) -> None:
    game = GAMES[name]
    positions = list(roots(game, [count if game is GAME else count % 3 for count in plies]))
    fields = {"rule": rule, "initial_proposals": game.num_actions, "widening_exponent": 0.0} | WHOLE
    grown = proposed_game(positions, simulations, GameProposer(positions, valued), **fields)
    trees = _core.Trees(game, _core.SearchParams(**fields))
    for position in positions:
        trees.add(position)
    search(trees, dense, simulations)
    for tree in range(len(positions)):
        assert visited(grown, tree) == visited(trees, tree)
        ours, theirs = grown.root(tree), trees.root(tree)
        for column in ("actions", "visits", "prior", "q", "target"):
            np.testing.assert_array_equal(ours[column], theirs[column])
        assert grown.best_action(tree) == trees.best_action(tree)
        assert grown.principal_variation(tree) == trees.principal_variation(tree)


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("rule", RULES)
def test_proposed_trees_follow_the_formulas(name: str, rule: str) -> None:
    def answer(state: _core.State) -> tuple[float, dict[int, float]]:
        wdl, _ = valued(state)
        legal = state.legal_actions()
        return wdl[0] - wdl[2], dict.fromkeys(legal, 1 / len(legal))

    game = GAMES[name]
    position = game.initial()
    fields = {"rule": rule, "initial_proposals": game.num_actions, "widening_exponent": 0.0} | WHOLE
    for simulations in (2, 9, 40):
        trees = proposed_game([position], simulations, GameProposer([position], valued), **fields)
        root = reference_search(position, simulations, answer, Settings(rule=rule))
        visits = dict(zip(*(trees.root(0)[column].tolist() for column in ("actions", "visits")), strict=True))
        assert visits == {action: root.visits(action) for action in root.priors}
