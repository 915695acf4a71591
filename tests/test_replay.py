"""Games as rows: exact round trips, damage found, and the same window after a stop as without one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import _core
from engine.config import ReplayConfig
from engine.errors import CorruptFileError, UserError
from engine.replay import Replay, first_in_window, window_size
from engine.run.manifest import Shard
from engine.run.parquet import column_rows
from engine.selfplay.game_table import (
    FORMAT,
    GAME_SCHEMA,
    SEARCH_COLUMNS,
    Games,
    from_table,
    join_games,
    num_games,
    num_positions,
    read_games,
    split_games,
    to_table,
    write_games,
)
from engine.selfplay.game_table import _completed as completed_table
from games.connect4 import Connect4

GAME = Connect4()
RULES = "connect4"


COLUMNS = [column for column in _core.record_columns() if column.level != "file"]


def later_than(version: int) -> list[str]:
    """Columns that files of a format do not have."""
    return [column.name for column in _core.record_columns() if column.since > version]


class Player:
    """Plays games by search with even priors, a batch at a time."""

    def __init__(self, seed: int = 1) -> None:
        search = _core.SearchParams(noise_fraction=0.25)
        play = _core.PlayParams(
            simulations=8, fast_simulations=3, full_search_fraction=0.5, max_opening_plies=3
        )
        self.pool = _core.Pool(GAME, search, play, seed=seed, games=6)

    def play(self, positions: int) -> Games:
        self.pool.start(positions)
        while requests := self.pool.select():
            self.pool.backup(requests, _core.uniform(requests))
        return self.pool.take_games()


def assert_same(one: Games, other: Games) -> None:
    assert one.keys() - {"rules"} == other.keys() - {"rules"}
    assert one.get("rules", RULES) == other.get("rules", RULES)  # a file tells, and a pool; no games do not
    for name, ours in one.items():
        if name == "rules":
            continue
        if name == "start":
            assert list(ours) == list(other[name])
        else:
            assert ours.dtype == other[name].dtype, name
            np.testing.assert_array_equal(ours, other[name], name)


@pytest.fixture(scope="module")
def played() -> Games:
    return Player().play(300)


@pytest.fixture
def shard(tmp_path: Path, played: Games) -> Path:
    path = tmp_path / "000001.parquet"
    write_games(path, played, RULES)
    return path


@st.composite
def columns(draw: st.DrawFn) -> Games:
    """Any games the columns can hold, of no particular rules."""
    games = draw(st.integers(0, 4))
    plies = draw(st.lists(st.integers(0, 3), min_size=games, max_size=games))
    entries = draw(st.lists(st.integers(0, 3), min_size=sum(plies), max_size=sum(plies)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    m, p = sum(plies), sum(entries)

    def values(column: _core.Column) -> Any:
        count = {"game": games, "ply": m, "policy": p}[column.level]
        if column.dtype == "text":
            return draw(st.lists(st.text(max_size=5), min_size=count, max_size=count))
        if column.dtype == "bool":
            return random.random(count) < 0.5
        if column.dtype in ("float32", "wdl"):
            shape = (count, 3) if column.dtype == "wdl" else (count,)
            drawn = random.normal(size=shape).astype(np.float32)
            if column.is_nullable:
                drawn[random.random(count) < 0.3] = np.nan
            return drawn
        limits = np.iinfo(column.dtype)
        return random.integers(limits.min, limits.max, count, column.dtype, endpoint=True)

    return {
        **{column.name: values(column) for column in COLUMNS},
        "move_offsets": np.cumsum([0, *plies]).astype(np.int64),
        "policy_offsets": np.cumsum([0, *entries]).astype(np.int64),
    }


@given(columns())
@settings(max_examples=60)
def test_any_games_come_back_from_a_table(games: Games) -> None:
    assert_same(from_table(to_table(games, RULES)), games)


@given(st.lists(columns(), max_size=3))
@settings(max_examples=30)
def test_joined_games_come_apart_again(batches: list[Games]) -> None:
    parts = split_games(join_games(batches), [num_games(games) for games in batches])
    assert len(parts) == len(batches)
    for part, games in zip(parts, batches, strict=True):
        assert_same(part, games)


def test_played_games_and_games_under_way_come_back_from_a_file(tmp_path: Path) -> None:
    player = Player()
    for index, games in enumerate([player.play(200), player.pool.snapshot()]):
        path = tmp_path / f"{index}.parquet"
        digest = write_games(path, games, RULES)
        back = read_games(path, RULES, digest)
        assert_same(back, games)
        assert back["rules"] == games["rules"] == RULES
        halves = split_games(join_games([back, games]), [num_games(games)] * 2)
        assert [half["rules"] for half in halves] == [RULES] * 2


def test_a_file_is_a_row_a_game_that_others_can_read(shard: Path, played: Games) -> None:
    table = pq.read_table(shard)
    assert table.schema.equals(GAME_SCHEMA)
    assert [field.metadata for field in table.schema] == [field.metadata for field in GAME_SCHEMA]
    assert all(len(row["holds"]) > 10 for row in column_rows(table.schema))
    assert table.num_rows == num_games(played)
    row = table.slice(2, 1).to_pylist()[0]
    first, last = played["move_offsets"][2:4]
    assert row["rules"] == RULES
    assert row["moves"] == played["moves"][first:last].tolist()
    assert row["root_wdl"] == played["root_wdl"][first:last].tolist()
    assert row["steps"] is None
    assert [len(actions) for actions in row["policy_actions"]] == [
        int(np.diff(played["policy_offsets"])[ply]) for ply in range(first, last)
    ]
    state = GAME.parse(row["start"])
    for action in row["moves"]:
        state.play(action)
    assert state.outcome() is not None
    codec = pq.ParquetFile(shard).metadata.row_group(0).column(0).compression
    assert codec == "ZSTD"


def test_every_flipped_bit_and_every_cut_is_found_by_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "small.parquet"
    games = Player().play(60)
    assert num_games(games) > 0
    digest = write_games(path, games, RULES)
    good = path.read_bytes()
    for index in range(0, len(good), 29):
        damaged = bytearray(good)
        damaged[index] ^= 1 << (index % 8)
        path.write_bytes(damaged)
        with pytest.raises(CorruptFileError, match=r"small\.parquet"):
            read_games(path, RULES, digest)
        path.write_bytes(good[:index])
        with pytest.raises(CorruptFileError, match=r"small\.parquet"):
            read_games(path, RULES, digest)


def test_damage_is_found_without_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "small.parquet"
    games = Player().play(60)
    assert num_games(games) > 0
    write_games(path, games, RULES)
    good = path.read_bytes()
    pages_end = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    caught = 0
    tried = range(4, pages_end, 5)
    for index in tried:
        damaged = bytearray(good)
        damaged[index] ^= 0x10
        path.write_bytes(damaged)
        try:
            assert_same(read_games(path, RULES), games)
        except CorruptFileError:
            caught += 1
    assert caught > 0.5 * len(tried)
    for size in range(0, len(good), 11):
        path.write_bytes(good[:size])
        with pytest.raises(CorruptFileError):
            read_games(path, RULES)


def test_files_of_others_are_refused(shard: Path, tmp_path: Path, played: Games) -> None:
    with pytest.raises(CorruptFileError, match="games of connect4, not of chess"):
        read_games(shard, "chess")
    table = to_table(played, RULES)
    for metadata, complaint in [
        ({}, "names no format"),
        ({"selfplay.format": str(FORMAT + 1), "selfplay.game": RULES}, f"newer than {FORMAT}"),
    ]:
        path = tmp_path / "other.parquet"
        pq.write_table(table.replace_schema_metadata(metadata), path)
        with pytest.raises(CorruptFileError, match=complaint):
            read_games(path, RULES)
    wrong = ((FORMAT, ["kl"]), (FORMAT, ["budget"]), (1, [*later_than(1), "kl"]), (1, []))
    for version, dropped in wrong:
        fewer = table.drop_columns(dropped).replace_schema_metadata(
            {"selfplay.format": str(version), "selfplay.game": RULES}
        )
        pq.write_table(fewer, path)
        with pytest.raises(CorruptFileError, match=f"other columns than replay files of format {version}"):
            read_games(path, RULES)
    path.write_bytes(b"")
    with pytest.raises(CorruptFileError):
        read_games(path, RULES)
    with pytest.raises(CorruptFileError, match="cannot be read"):
        read_games(tmp_path / "nowhere.parquet", RULES)


@pytest.mark.parametrize("version", range(1, FORMAT))
@given(games=columns())
@settings(max_examples=30)
def test_older_files_are_read(version: int, games: Games) -> None:
    metadata = {"selfplay.format": str(version), "selfplay.game": RULES}
    table = to_table(games, RULES).drop_columns(later_than(version)).replace_schema_metadata(metadata)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old.parquet"
        pq.write_table(table, path)
        read = read_games(path, RULES)
    unknown = {
        column.name: np.full_like(games[column.name], column.before)
        for column in COLUMNS
        if column.since > version
    }
    assert_same(read, games | unknown)


def test_what_stands_for_the_columns_of_format_2_in_files_of_format_1() -> None:
    before = {column.name: column.before for column in COLUMNS if column.since == 2}
    assert before.pop("resigned") is before.pop("holdout") is False
    assert before.pop("proof") == 2
    assert np.isnan(before.pop("mean_depth"))
    assert {"budget", "evaluations", "max_depth"} < set(before) < set(SEARCH_COLUMNS)
    assert set(before.values()) == {-1}
    assert [column.name for column in COLUMNS if column.since > 1 and column.before is None] == []


def test_what_stands_for_a_column_has_the_shape_of_those_beside_it(played: Games) -> None:
    """At every level: a value a game, a ply and an entry of a policy target."""
    table = to_table(played, RULES)
    for name in ("opening_plies", "kl", "policy_probs"):
        completed = completed_table(table.drop_columns([name]))
        assert completed.schema.equals(table.schema)
        assert shape(completed[name].to_pylist()) == shape(table[name].to_pylist())


def shape(values: Any) -> Any:
    return [shape(value) for value in values] if isinstance(values, list) else None


def test_lists_of_different_length_are_refused(tmp_path: Path, played: Games) -> None:
    table = to_table(played, RULES)
    rows = table.to_pylist()
    rows[1]["kl"] = rows[1]["kl"][:-1]
    path = tmp_path / "uneven.parquet"
    uneven = pa.Table.from_pylist(
        rows, GAME_SCHEMA.with_metadata({"selfplay.format": str(FORMAT), "selfplay.game": RULES})
    )
    pq.write_table(uneven, path)
    with pytest.raises(CorruptFileError, match="'kl' differ in length"):
        read_games(path, RULES)


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
