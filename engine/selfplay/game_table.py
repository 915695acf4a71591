"""Games as columns in memory and as rows of Parquet files.

cpp/selfplay/columns.def declares the columns; GAME_SCHEMA says what each holds in a file, a row a game. In
memory games travel as a dict of arrays, an entry a game (G), a ply (M) or an entry of a target (P), flat:

    a game: start list of str [G], others arrays [G] (outcome NaN while under way), move_offsets int64 [G + 1]
    a ply: arrays [M], root_wdl and raw_wdl float32 [M, 3], policy_offsets int64 [M + 1]
    a target: policy_actions int32 [P], policy_probs float32 [P]
    rules: the name of the game with its options, where all are of one; others refuse them then
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine import _core
from engine.run.parquet import TableFormat, described
from engine.run.storage import Digest

Games = dict[str, Any]
"""Games as columns."""

_FILE_COLUMNS = _core.record_columns()
_COLUMNS = [column for column in _FILE_COLUMNS if column.level != "file"]

FORMAT = max(column.since for column in _FILE_COLUMNS)
"""Version of the files, the newest in which a column was added; a newer one is refused."""

SEARCH_COLUMNS = tuple(
    column.name for column in _COLUMNS if column.is_of_search and column.dtype.startswith("int")
)
"""What the search of a ply did, in whole numbers; -1 where the file does not tell, 2 for `proof`."""

_ARROW = {"text": pa.string(), "texts": pa.list_(pa.string()), "wdl": pa.list_(pa.float32(), 3)}
_DEPTHS = {"file": 0, "game": 0, "ply": 1, "policy": 2}


def _value_type(column: _core.Column) -> pa.DataType:
    return _ARROW.get(column.dtype) or pa.from_numpy_dtype(column.dtype)


def _field(column: _core.Column) -> pa.Field:
    kind = _value_type(column)
    for _ in range(_DEPTHS[column.level]):
        kind = pa.list_(kind)
    return described(column.name, kind, column.does, column.is_nullable)


GAME_SCHEMA = pa.schema([_field(column) for column in _FILE_COLUMNS])
"""A row a game; what is a list has an entry a ply."""

_SCHEMAS = {
    version: pa.schema([_field(column) for column in _FILE_COLUMNS if column.since <= version])
    for version in range(1, FORMAT)
}
"""Of older files."""

_FORMAT = TableFormat("replay", FORMAT, GAME_SCHEMA, "game", "games", _SCHEMAS)


def num_games(games: Games) -> int:
    """G."""
    return len(games["game_id"])


def num_positions(games: Games) -> int:
    """Plies that can be sampled, those with weight above zero."""
    return int(np.count_nonzero(games["weight"] > 0))


def join_games(batches: Sequence[Games]) -> Games:
    """One batch of games after another as a single one."""
    result = _rules_of({games["rules"] for games in batches if "rules" in games})
    for column in _COLUMNS:
        parts = [games[column.name] for games in batches]
        if column.dtype == "text":
            result[column.name] = [text for part in parts for text in part]
        else:
            dtype, shape = (np.float32, (0, 3)) if column.dtype == "wdl" else (np.dtype(column.dtype), (0,))
            result[column.name] = np.concatenate(
                [np.empty(shape, dtype), *(np.asarray(part, dtype) for part in parts)]
            )
    for name in ("move_offsets", "policy_offsets"):
        lengths = [np.diff(games[name]) for games in batches]
        result[name] = np.concatenate([[0], *lengths]).astype(np.int64).cumsum()
    return result


def split_games(games: Games, counts: Sequence[int]) -> list[Games]:
    """Undo `join_games`: batches of so many games each."""
    ends = np.cumsum([0, *counts])
    assert ends[-1] == num_games(games), (counts, num_games(games))
    return [_slice_games(games, int(a), int(b)) for a, b in itertools.pairwise(ends)]


def to_table(games: Games, rules: str) -> pa.Table:
    """Columns to a table of GAME_SCHEMA; `rules` is the game with its options."""
    offsets = {
        "ply": [pa.array(games["move_offsets"], pa.int32())],
        "policy": [pa.array(games[name], pa.int32()) for name in ("policy_offsets", "move_offsets")],
    }
    count = num_games(games)
    columns = {
        "rules": pa.repeat(pa.scalar(rules), count),
        "steps": pa.nulls(count, pa.list_(pa.string())),
    }
    for column in _COLUMNS:
        values = _to_arrow(column, games[column.name])
        for starts in offsets.get(column.level, []):
            values = pa.ListArray.from_arrays(starts, values)
        columns[column.name] = values
    return pa.table([columns[name] for name in GAME_SCHEMA.names], schema=GAME_SCHEMA)


def _to_arrow(column: _core.Column, values: Any) -> pa.Array:
    if column.dtype == "wdl":
        flat = pa.array(np.ascontiguousarray(values).reshape(-1), pa.float32())
        return pa.FixedSizeListArray.from_arrays(flat, 3)
    return pa.array(values, _value_type(column), from_pandas=column.is_nullable)


def from_table(table: pa.Table) -> Games:
    """A table of GAME_SCHEMA to columns; raise ValueError where lists of a game differ in length."""
    result = _rules_of(set(_array(table["rules"]).to_pylist()))
    for column in _COLUMNS:
        chunks = table[column.name]
        values = chunks.combine_chunks().fill_null(float("nan")) if column.is_nullable else _array(chunks)
        for name in ("move_offsets", "policy_offsets")[: _DEPTHS[column.level]]:
            values, offsets = _unnest(values)
            _require_same(offsets, result.setdefault(name, offsets), column.name)
        result[column.name] = _from_arrow(column, values)
    return result


def _from_arrow(column: _core.Column, values: pa.Array) -> Any:
    if column.dtype == "text":
        return values.to_pylist()
    if column.dtype == "wdl":
        return _values(values.flatten(), np.float32).reshape(-1, 3)
    return _values(values, column.dtype)


def write_games(path: Path, games: Games, rules: str) -> Digest:
    """Write games as Parquet, whole or not at all: zstd, page checksums, format and game in its metadata."""
    return _FORMAT.write(path, [to_table(games, rules)], rules)


def read_games(path: Path, rules: str | None = None, digest: Digest | None = None) -> Games:
    """Read what `write_games` wrote.

    Raises CorruptFileError for a file that is damaged, not what `digest` says, of another game than
    `rules`, or of a newer format. Where `rules` is given the file has been held to it, and the games do not
    repeat it: a name as typed, such as file.py:Name, need not be the one that the game has for itself.
    """
    with _FORMAT.read(path, rules, digest) as file:
        table = file.read(use_threads=False)
        games = from_table(_completed(table))
    if rules is not None:
        games.pop("rules", None)
    return games


def _completed(table: pa.Table) -> pa.Table:
    """With what stands for the columns that an older file lacks."""
    alike = {"file": "game_id", "game": "game_id", "ply": "moves", "policy": "policy_actions"}
    for column in _FILE_COLUMNS:
        if column.name in table.column_names:
            continue
        there, starts = _array(table[alike[column.level]]), []
        for _ in range(_DEPTHS[column.level]):
            there, offsets = _unnest(there)
            starts.append(pa.array(offsets, pa.int32()))
        values = pa.repeat(pa.scalar(column.before, _value_type(column)), len(there))
        for offsets in reversed(starts):
            values = pa.ListArray.from_arrays(offsets, values)
        table = table.append_column(_field(column), values)
    return table.select(GAME_SCHEMA.names)


def _slice_games(games: Games, first: int, last: int) -> Games:
    m = slice(int(games["move_offsets"][first]), int(games["move_offsets"][last]))
    p = slice(int(games["policy_offsets"][m.start]), int(games["policy_offsets"][m.stop]))
    part = {"game": slice(first, last), "ply": m, "policy": p}
    result = {column.name: games[column.name][part[column.level]] for column in _COLUMNS}
    result |= {name: games[name] for name in ("rules",) if name in games}
    result["move_offsets"] = games["move_offsets"][first : last + 1] - m.start
    result["policy_offsets"] = games["policy_offsets"][m.start : m.stop + 1] - p.start
    return result


def _rules_of(names: set[str]) -> Games:
    """The game that all are of, where it is known to be one."""
    return {"rules": names.pop()} if len(names) == 1 else {}


def _array(column: pa.ChunkedArray) -> pa.Array:
    if column.null_count:
        raise ValueError("a column has a null where it must not")
    return column.combine_chunks()


def _unnest(lists: pa.ListArray) -> tuple[pa.Array, NDArray[np.int64]]:
    """(all values of a list column, int64 offsets of its rows)."""
    if lists.null_count:
        raise ValueError("a column has a null where it must not")
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return lists.flatten(), offsets - offsets[0]


def _values(values: pa.Array, dtype: Any) -> NDArray[Any]:
    if values.null_count:
        raise ValueError("a column has a null where it must not")
    return np.array(values.to_numpy(zero_copy_only=False), dtype)


def _require_same(offsets: NDArray[np.int64], expected: NDArray[np.int64], name: str) -> None:
    if not np.array_equal(offsets, expected):
        raise ValueError(f"lists of '{name}' differ in length from those beside them")
