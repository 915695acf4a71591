"""Columns of games from outside, for the replay window and for pools that go on: checked before use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine import _core
from engine.registry import load_game

CONNECT4 = load_game("connect4")


def games_of(game: _core.Game, positions: int = 40) -> dict[str, Any]:
    pool = _core.Pool(game, _core.SearchParams(), _core.PlayParams(simulations=4), seed=3, slots=3)
    pool.start(positions)
    while requests := pool.select():
        pool.backup(requests, _core.uniform(requests))
    return pool.take_games()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("outcome", 2.0, "the outcome of a game is 2, not -1 to 1"),
        ("outcome", np.nan, "the outcome of a game is nan"),
        ("outcome", -np.inf, "the outcome of a game is -inf"),
        ("weight", -1.0, "a weight is -1"),
        ("weight", np.inf, "a weight is inf"),
        ("policy_prob", 5.0, "a policy's probability is 5"),
        ("policy_prob", np.nan, "a policy's probability is nan"),
        ("policy_action", 7, "policy_action"),
        ("policy_action", -1, "policy_action"),
        ("moves", 7, "a move is illegal"),
        ("moves", -1, "a move is illegal"),
        ("move_offsets", -4, "move_offsets"),
        ("move_offsets", 2**62, "move_offsets"),
        ("policy_offsets", -4, "policy_offsets"),
        ("opening_plies", 99, "opening_plies"),
        ("root_wdl", (2.0, 0.0, 0.0), r"'root_wdl' holds \(2, 0, 0\), which are no probabilities"),
        ("raw_wdl", 1e38, "'raw_wdl' holds"),
        ("truncated", 7, "'truncated' is neither true nor false"),
    ],
)
def test_games_that_are_none_are_refused(column: str, value: Any, message: str) -> None:
    games = games_of(CONNECT4)
    wrong = games[column].astype(np.uint8) if games[column].dtype == np.bool_ else games[column].copy()
    wrong[-1] = value
    window = _core.ReplayWindow(CONNECT4)
    with pytest.raises(ValueError, match=message):
        window.append(games | {column: wrong})
    assert (window.positions, window.games) == (0, 0)
    window.append(games)


@pytest.mark.parametrize(
    ("column", "make", "error", "message"),
    [
        ("moves", lambda values: values + 0.5, TypeError, "'moves' is of float64; give whole numbers"),
        (
            "moves",
            lambda values: values.astype(np.int64) + 2**40,
            ValueError,
            "'moves' holds numbers out of range",
        ),
        ("moves", lambda values: values.tolist(), TypeError, "'moves' is a list; give an array"),
        ("moves", lambda values: values[:, None], ValueError, "'moves' has another shape"),
        ("root_wdl", lambda values: values.ravel(), ValueError, "'root_wdl' has another shape"),
        ("outcome", lambda values: values.astype("U"), TypeError, "'outcome' is of <U"),
        ("start", lambda values: values[:-1], ValueError, "one value a game"),
        ("start", lambda values: [5] * len(values), TypeError, "'start' is no list of texts"),
        ("kl", lambda values: values[:-1], ValueError, "one value a ply"),
    ],
)
def test_columns_of_another_kind_are_refused(column: str, make: Any, error: Any, message: str) -> None:
    games = games_of(CONNECT4)
    with pytest.raises(error, match=message):
        _core.ReplayWindow(CONNECT4).append(games | {column: make(games[column])})
    with pytest.raises(ValueError, match=f"no column '{column}'"):
        _core.ReplayWindow(CONNECT4).append({name: games[name] for name in games if name != column})


def test_columns_may_be_views_and_wider_numbers() -> None:
    games = games_of(CONNECT4)
    window = _core.ReplayWindow(CONNECT4)
    wide = {
        name: values if name == "start" else np.repeat(values, 2, axis=0)[::2]
        for name, values in games.items()
    }
    wide["moves"] = wide["moves"].astype(np.int64)
    window.append(games)
    window.append(wide)
    assert window.positions == 2 * np.count_nonzero(games["weight"] > 0)


def test_a_restored_game_still_runs() -> None:
    games = games_of(CONNECT4)
    pool = _core.Pool(CONNECT4, _core.SearchParams(), _core.PlayParams(), seed=1, slots=len(games["game_id"]))
    with pytest.raises(ValueError, match="a game under way is over"):
        pool.restore(games, 50)
