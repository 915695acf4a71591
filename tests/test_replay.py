"""The window of games that the learner draws from: its size, a stop, damaged files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from search_player import GAME, RULES, Player

from engine.config.learning import ReplayConfig
from engine.errors import UserError
from engine.replay import Replay, first_in_window, window_size
from engine.run.manifest import Shard
from engine.selfplay.game_table import (
    join_games,
    num_games,
    num_positions,
    read_games,
    write_games,
)


def test_window_sizes_by_hand() -> None:
    config = ReplayConfig(window_start=1000, window_exponent=0.5, window_scale=0.4, window_max=2000)
    assert [window_size(played, config) for played in (0, 10, 1000)] == [1, 10, 1000]
    assert window_size(4000, config) == 1000 * (1 + 0.4 * (2 - 1) / 0.5)
    assert window_size(10**9, config) == 2000
    flat = config.model_copy(update={"window_exponent": 0.0})
    assert window_size(2718, flat) == pytest.approx(1400, abs=1)
    linear = config.model_copy(update={"window_exponent": 1.0, "window_scale": 0.5, "window_max": 10**9})
    assert window_size(101_000, linear) == 51_000


def window_of(replay: Replay) -> list[Any]:
    drawn = replay.window.sample(64, 5)
    return [
        replay.played,
        replay.window.positions,
        replay.window.games,
        *(drawn[name].tolist() for name in drawn),
    ]


@pytest.mark.parametrize(
    "config",
    [
        ReplayConfig(window_start=50, window_exponent=0.75, window_scale=0.4),
        ReplayConfig(window_start=100_000),
        ReplayConfig(window_start=60, window_exponent=1.0, window_scale=1.5),
        ReplayConfig(window_start=1, window_max=1),
    ],
)
def test_the_window_after_a_stop_is_that_of_a_run_without_one(config: ReplayConfig, tmp_path: Path) -> None:
    player, replay, shards = Player(), Replay(GAME, config, RULES), []
    sizes = np.random.default_rng(0).integers(1, 60, 14)
    for index, size in enumerate(sizes):
        games = player.play(int(size))
        new = replay.add(games)
        assert new == num_positions(games)
        if num_games(games) == 0:
            continue
        name = f"{index:06}.parquet"
        digest = write_games(tmp_path / name, games, RULES)
        shards.append(Shard(name, digest, num_games(games), new))
        resumed = Replay(GAME, config, RULES)
        resumed.load(tmp_path, shards)
        assert window_of(resumed) == window_of(replay)
    first = first_in_window(shards, config)
    assert sum(shard.positions for shard in shards[first:]) == replay.window.positions
    assert replay.size == window_size(replay.played, config)


@pytest.fixture
def shards(tmp_path: Path) -> list[Shard]:
    player, result = Player(), []
    for index in range(10):
        games = player.play(120)
        name = f"{index:06}.parquet"
        digest = write_games(tmp_path / name, games, RULES)
        result.append(Shard(name, digest, num_games(games), num_positions(games)))
    return result


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_damaged_file_is_set_aside_and_counted(shards: list[Shard], tmp_path: Path) -> None:
    flip(tmp_path / shards[3].name)
    warnings: list[str] = []
    replay = Replay(GAME, ReplayConfig(), RULES)
    replay.load(tmp_path, shards, warnings.append)
    assert replay.bad_shards == len(warnings) == 1
    assert shards[3].name in warnings[0]
    assert (tmp_path / "quarantine" / shards[3].name).exists()
    assert not (tmp_path / shards[3].name).exists()
    assert replay.window.positions == sum(shard.positions for shard in shards) - shards[3].positions
    assert replay.played == sum(shard.positions for shard in shards)
    again = Replay(GAME, ReplayConfig(), RULES)
    again.load(tmp_path, shards, warnings.append)
    assert again.bad_shards == 1


def test_many_damaged_files_stop_a_run(shards: list[Shard], tmp_path: Path) -> None:
    for shard in shards[2:5]:
        flip(tmp_path / shard.name)
    warnings: list[str] = []
    with pytest.raises(UserError, match=r"3 of 10 .*max_bad_fraction = 0\.2"):
        Replay(GAME, ReplayConfig(max_bad_fraction=0.2), RULES).load(tmp_path, shards, warnings.append)
    Replay(GAME, ReplayConfig(max_bad_fraction=0.3), RULES).load(tmp_path, shards, warnings.append)
    with pytest.raises(UserError, match="3 of 10"):
        Replay(GAME, ReplayConfig(max_bad_fraction=0), RULES).load(tmp_path, shards, warnings.append)


def test_files_before_the_window_are_not_read(shards: list[Shard], tmp_path: Path) -> None:
    (tmp_path / shards[0].name).unlink()
    config = ReplayConfig(window_start=50, window_max=100)
    replay = Replay(GAME, config, RULES)
    replay.load(tmp_path, shards)
    assert replay.bad_shards == 0
    assert replay.window.positions < sum(shard.positions for shard in shards[-5:])


def test_games_against_the_rules_are_set_aside(shards: list[Shard], tmp_path: Path) -> None:
    games = read_games(tmp_path / shards[5].name)
    games["moves"][-1] = 77
    digest = write_games(tmp_path / shards[5].name, games, RULES)
    shards[5] = Shard(shards[5].name, digest, shards[5].games, shards[5].positions)
    warnings: list[str] = []
    replay = Replay(GAME, ReplayConfig(), RULES)
    replay.load(tmp_path, shards, warnings.append)
    assert replay.bad_shards == 1
    assert "rules" in warnings[0]


def test_nothing_new_leaves_the_window_alone() -> None:
    replay = Replay(GAME, ReplayConfig(), RULES)
    assert replay.add(join_games([])) == 0
    assert replay.window.games == 0


def test_a_run_may_name_its_game_otherwise_than_the_game_itself(tmp_path: Path) -> None:
    typed = "own/mine.py:Mine"
    games = Player().play(120)
    assert games["rules"] == RULES
    digest = write_games(tmp_path / "000001.parquet", games, typed)
    replay = Replay(GAME, ReplayConfig(), typed)
    replay.load(tmp_path, [Shard("000001.parquet", digest, num_games(games), num_positions(games))])
    assert replay.bad_shards == 0
    assert replay.window.games == num_games(games) > 0
