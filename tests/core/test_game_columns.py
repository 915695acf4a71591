"""Columns of games from outside, for the replay window and for pools that go on: checked before use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine import _core
from engine.errors import InputError
from engine.game.python_game import PythonGame
from engine.registry import load_game
from games.tictactoe import TicTacToe

CONNECT4 = load_game("connect4")


def games_of(game: _core.Game, positions: int = 40) -> dict[str, Any]:
    pool = _core.Pool(game, _core.SearchParams(), _core.PlayParams(simulations=4), seed=3, games=3)
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
        ("policy_probs", 5.0, "a policy's probability is 5"),
        ("policy_probs", np.nan, "a policy's probability is nan"),
        ("policy_actions", 7, "policy_actions"),
        ("policy_actions", -1, "policy_actions"),
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
        name: values if name in ("rules", "start") else np.repeat(values, 2, axis=0)[::2]
        for name, values in games.items()
    }
    wide["moves"] = wide["moves"].astype(np.int64)
    window.append(games)
    window.append(wide)
    assert window.positions == 2 * np.count_nonzero(games["weight"] > 0)


def test_a_restored_game_still_runs() -> None:
    games = games_of(CONNECT4)
    pool = _core.Pool(CONNECT4, _core.SearchParams(), _core.PlayParams(), seed=1, games=len(games["game_id"]))
    with pytest.raises(ValueError, match="a game under way is over"):
        pool.restore(games, 50)


class Cut(TicTacToe):
    """Three moves, and no result."""

    def __init__(self) -> None:
        PythonGame.__init__(self, name="cut", num_actions=9, planes_shape=(2, 3, 3), max_plies=3)


def test_every_column_tells_something() -> None:
    """Over games of all kinds it has values that differ; a pool's games alone begin where all do."""
    kinds = [
        (CONNECT4, {"noise_fraction": 0.25}, {"full_search_fraction": 0.5, "resign_holdout": 0.5}),
        (CONNECT4, {"transpositions": True}, {"simulations": 200}),
        (Cut(), {}, {}),
    ]
    seen: dict[str, set[str]] = {column.name: set() for column in _core.record_columns()}
    for game, search, play in kinds:
        params = _core.PlayParams(**{"simulations": 24, "fast_simulations": 6, "resign_plies": 1, **play})
        pool = _core.Pool(game, _core.SearchParams(**search), params, seed=3, games=8, cache_mb=1)
        for checkpoint in (1, 2):
            pool.new_weights(checkpoint, 0.2)
            pool.start(150)
            while requests := pool.select():
                pool.backup(requests, _core.uniform(requests))
            for games in (pool.take_games(), pool.snapshot()):
                for name in seen.keys() & (games.keys() - {"rules"}):
                    seen[name].update(map(str, games[name]))
    alike = [name for name, values in seen.items() if len(values) == 1]
    assert alike == ["start"]
    assert [name for name, values in seen.items() if not values] == ["rules", "steps"]


def test_a_dict_has_the_columns_and_their_types() -> None:
    games = games_of(CONNECT4)
    columns = [column for column in _core.record_columns() if column.level != "file"]
    assert set(games) == {column.name for column in columns} | {"move_offsets", "policy_offsets", "rules"}
    lengths = {
        "game": len(games["game_id"]),
        "ply": len(games["moves"]),
        "policy": len(games["policy_probs"]),
    }
    for column in columns:
        assert len(games[column.name]) == lengths[column.level]
        if column.dtype == "wdl":
            assert (games[column.name].dtype, games[column.name].shape[1:]) == (np.float32, (3,))
        elif column.dtype != "text":
            assert games[column.name].dtype == column.dtype


@pytest.mark.parametrize("name", [column.name for column in _core.record_columns() if column.level != "file"])
def test_a_column_that_is_missing_is_named_but_one_that_the_rules_tell(name: str) -> None:
    games = games_of(CONNECT4)
    del games[name]
    column = next(each for each in _core.record_columns() if each.name == name)
    window = _core.ReplayWindow(CONNECT4)
    if column.is_from_rules:
        assert window.append(games) > 0
        return
    with pytest.raises(ValueError, match=f"games have no column '{name}'"):
        window.append(games)


@pytest.mark.parametrize(
    ("played", "other"),
    [
        ("go:size=3", "go:size=3,komi=0.5"),
        ("go:size=3", "go:size=3,max_plies=20"),
        ("chess", "chess:draws=fide"),
        ("chess", "chess960"),
        ("connect4", "tictactoe"),
    ],
)
def test_games_of_another_game_are_refused_by_name(played: str, other: str) -> None:
    game, wrong = load_game(played), load_game(other)
    games, window = games_of(game), _core.ReplayWindow(wrong)
    assert games["rules"] == game.name
    message = f"^games of {game.name} where those of {wrong.name} are expected"
    with pytest.raises(InputError, match=message):
        window.append(games)
    assert (window.positions, window.games) == (0, 0)
    pools = [
        _core.Pool(each, _core.SearchParams(), _core.PlayParams(), seed=1, games=2) for each in (game, wrong)
    ]
    before = pools[1].snapshot()
    with pytest.raises(InputError, match=message):
        pools[1].restore(pools[0].snapshot(), 5)
    assert repr(pools[1].snapshot()) == repr(before)
    assert pools[1].next_id == 2
    del games["rules"]  # as from a file, which has told
    _core.ReplayWindow(game).append(games)


@pytest.mark.parametrize("column", ["moves", "visits", "weight", "checkpoint"])
def test_switches_are_no_numbers(column: str) -> None:
    games = games_of(CONNECT4)
    with pytest.raises(TypeError, match=f"'{column}' is of bool; give"):
        _core.ReplayWindow(CONNECT4).append(games | {column: np.ones(len(games["moves"]), np.bool_)})
