"""Games as tables and files: they come back whole, in every format, or are refused."""

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
from search_player import GAME, RULES, Player

from engine import _core
from engine.errors import CorruptFileError
from engine.run.parquet import column_rows
from engine.selfplay.game_table import (
    FORMAT,
    GAME_SCHEMA,
    SEARCH_COLUMNS,
    Games,
    from_table,
    join_games,
    num_games,
    read_games,
    split_games,
    to_table,
    write_games,
)
from engine.selfplay.game_table import _completed as completed_table

COLUMNS = [column for column in _core.record_columns() if column.level != "file"]


def later_than(version: int) -> list[str]:
    """Columns that files of a format do not have."""
    return [column.name for column in _core.record_columns() if column.since > version]


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
        assert "rules" not in read_games(path, RULES, digest)  # a run may name its game in other words
        assert_same(read_games(path, RULES, digest), games)
        back = read_games(path, digest=digest)
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
