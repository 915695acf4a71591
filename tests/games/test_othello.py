"""Othello in Numba against the same rules in C++: every count, position and search is the same."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from othello_twin import load_twin

from engine import _core
from engine.errors import UserError
from engine.game.python_game import board_symmetries
from engine.numba_game import NumbaGame
from engine.search import search
from games.othello import Othello, turn

PUBLISHED_PERFT = [4, 12, 56, 244, 1396, 8200, 55092, 390216, 3005288]
SIMULATIONS = 400


@pytest.fixture(scope="module")
def numba() -> _core.Game:
    return Othello()


@pytest.fixture(scope="module")
def cpp() -> _core.Game:
    return load_twin()


def random_position(game: _core.Game, seed: int, plies: int) -> str:
    state = game.initial()
    texts = []
    for action in _core.rollout_moves(game, seed, plies):
        texts.append(state.action_text(action))
        state.play(action)
    return " ".join(texts)


def pseudo(requests: _core.Requests) -> _core.DenseReply:
    """Priors and values that depend on the position, though not on how it is turned."""
    planes = requests.planes.reshape(len(requests), -1)
    stones = planes.reshape(len(requests), 3, 64).sum(2)
    mixed = np.sin(stones @ np.array([12.9898, 78.233, 37.719]))
    wdl = np.stack([1 + mixed, np.ones_like(mixed), 1 - mixed], axis=1).astype(np.float32) / 3
    logits = np.zeros((len(requests), 65), np.float32)
    return _core.DenseReply(wdl, logits)


def visits(game: _core.Game, position: str, evaluate: Any, cache_mb: float) -> dict[str, int]:
    trees = _core.Trees(game, _core.SearchParams(), cache_mb=cache_mb)
    state = game.parse(position)
    trees.add(state)
    search(trees, evaluate, SIMULATIONS)
    root = trees.root(0)
    names = [state.action_text(action) for action in root["actions"]]
    return dict(zip(names, root["visits"].tolist(), strict=True))


def test_perft_is_the_published_one(numba: _core.Game, cpp: _core.Game) -> None:
    for game in (numba, cpp):
        start = game.initial()
        assert [start.perft(depth) for depth in range(1, 8)] == PUBLISHED_PERFT[:7]


@pytest.mark.slow
def test_deep_perft_is_the_published_one(numba: _core.Game, cpp: _core.Game) -> None:
    for game in (numba, cpp):
        start = game.initial()
        assert [start.perft(depth) for depth in (8, 9)] == PUBLISHED_PERFT[7:]


def test_perft_is_the_same_anywhere(numba: _core.Game, cpp: _core.Game) -> None:
    for seed in range(30):
        position = random_position(cpp, seed, 2 * seed)
        assert numba.parse(position).perft(4) == cpp.parse(position).perft(4), position


def test_positions_are_the_same(numba: _core.Game, cpp: _core.Game) -> None:
    source = random.Random(1)
    for _ in range(20):
        ours, theirs = numba.initial(), cpp.initial()
        while actions := ours.legal_actions():
            assert actions == theirs.legal_actions()
            assert (ours.player(), ours.outcome()) == (theirs.player(), theirs.outcome())
            np.testing.assert_array_equal(ours.encode(), theirs.encode())
            (lead, owner), (their_lead, their_owner) = ours.score(), theirs.score()
            assert lead == their_lead
            np.testing.assert_array_equal(owner, their_owner)
            action = source.choice(actions)
            assert ours.action_text(action) == theirs.action_text(action)
            ours.play(action)
            theirs.play(action)
        assert (ours.outcome(), theirs.legal_actions()) == (theirs.outcome(), [])


def test_symmetries_are_the_same(numba: _core.Game, cpp: _core.Game) -> None:
    np.testing.assert_array_equal(numba.cell_symmetries, cpp.cell_symmetries)
    np.testing.assert_array_equal(numba.action_symmetries, cpp.action_symmetries)


@pytest.mark.parametrize("evaluate", [_core.uniform, pseudo])
@pytest.mark.parametrize("cache_mb", [0, 4])
def test_searches_make_the_same_visits(
    numba: _core.Game, cpp: _core.Game, evaluate: Any, cache_mb: float
) -> None:
    for seed in range(12):
        position = random_position(cpp, seed, 5 * seed)
        ours, theirs = (visits(game, position, evaluate, cache_mb) for game in (numba, cpp))
        assert ours == theirs, position


def test_states_turn_as_its_symmetries_say() -> None:
    game, random = Othello(), np.random.default_rng(1)
    state = np.zeros(3, np.uint64)
    state[0] = random.integers(0, 2**63)
    state[1] = random.integers(0, 2**63) & ~int(state[0])
    state[2] = 1

    def stones(of: np.ndarray) -> np.ndarray:
        bits = np.arange(64, dtype=np.uint64)
        return np.stack([(of[side] >> bits) & np.uint64(1) for side in range(2)])

    for symmetry in range(8):
        out = np.zeros(3, np.uint64)
        turn(state, symmetry, out)
        np.testing.assert_array_equal(stones(out), stones(state)[:, game.cell_symmetries[symmetry]])
        assert out[2] == 1


def test_states_of_any_size_turn() -> None:
    """The twelve positions after two plies are of three kinds, however many bytes a state has."""
    rules = Othello()._rules
    large = NumbaGame(
        name="large", num_actions=65, planes_shape=(3, 8, 8), max_plies=120, state_bytes=4096,
        state_dtype=np.uint64, rules=rules, symmetries=board_symmetries(8, 8, other_actions=1),
    )  # fmt: skip
    for game in (large, Othello()):
        keys = []
        for first in game.initial().legal_actions():
            state = game.initial()
            state.play(first)
            for second in state.legal_actions():
                after = state.clone()
                after.play(second)
                keys.append(after.canonical()[0])
        assert (len(keys), len(set(keys))) == (12, 3)


def test_bytes_that_no_number_fills_are_refused() -> None:
    rules = Othello()._rules
    with pytest.raises(UserError, match="25 state_bytes are no whole number of uint64"):
        NumbaGame(
            name="odd", num_actions=65, planes_shape=(3, 8, 8), max_plies=120, state_bytes=25,
            state_dtype=np.uint64, rules=rules,
        )  # fmt: skip


def test_games_pass_and_end() -> None:
    state = Othello().initial()
    random = np.random.default_rng(7)
    passes = 0
    while actions := state.legal_actions():
        passes += actions == [64]
        state.play(int(random.choice(actions)))
    planes = state.encode()
    difference = planes[0].sum() - planes[1].sum()
    assert state.outcome() == np.sign(difference)
