"""Games as columns in memory and as rows of Parquet files.

GAME_SCHEMA says what each column of a file holds, a row a game. In memory games travel as a dict of arrays,
one entry a game (G), a ply (M) or an entry of a policy target (P), under the same names and not nested:

    a game: start list of str [G], others arrays [G] (outcome NaN while under way), move_offsets int64 [G + 1]
    a ply: arrays [M], root_wdl and raw_wdl float32 [M, 3], policy_offsets int64 [M + 1]
    a target: policy_action int32 [P], policy_prob float32 [P]
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engine.run.parquet import TableFormat, described
from engine.run.storage import Digest

Games = dict[str, Any]
"""Games as columns."""

FORMAT = 2
"""Version of the files; a newer one is refused. 1 had none of the columns in `_SINCE_2`."""

_WDL = pa.list_(pa.float32(), 3)

SEARCH_COLUMNS = (
    "budget", "evaluations", "cache_hits", "terminal_hits", "proven_hits", "transpositions",
    "reused_visits", "max_depth", "proof",
)  # fmt: skip
"""What the search of a ply did, in whole numbers; -1 where the file does not tell, 2 for `proof`."""


def _ply(name: str, kind: pa.DataType, does: str) -> pa.Field:
    return described(name, pa.list_(kind), does)


GAME_SCHEMA = pa.schema(
    [
        described("game_id", pa.int64(), "number of the game in its run"),
        described("rules", pa.string(), "the game with its options"),
        described("seed", pa.uint64(), "of the game's randomness, a function of run seed and game id"),
        described("start", pa.string(), "position it began from; empty: the usual one"),
        described("outcome", pa.float32(), "-1 to 1 for the first player; null while under way", True),
        described("truncated", pa.bool_(), "cut off at the limit of plies"),
        described("resigned", pa.bool_(), "the last mover gave up after its move"),
        described("holdout", pa.bool_(), "played to the end whatever its values, to set the threshold"),
        described("opening_plies", pa.int32(), "random moves at the beginning, which were not searched"),
        _ply("moves", pa.int32(), "action of each ply"),
        described("steps", pa.list_(pa.string()), "moves that are texts, else null", True),
        _ply("player", pa.int8(), "who moves, 0 or 1"),
        _ply("visits", pa.int32(), "new visits of its search; 0 where it was not searched"),
        _ply("full_search", pa.bool_(), "a full search, which gives a policy target"),
        _ply("weight", pa.float32(), "as a training sample; 0 for opening moves and fast searches"),
        _ply("checkpoint", pa.int32(), "iteration whose weights searched"),
        _ply("kl", pa.float32(), "nats from the network's prior to the policy target"),
        _ply("root_wdl", _WDL, "win, draw, loss that the search found, for the player to move"),
        _ply("raw_wdl", _WDL, "win, draw, loss that the network alone said, for the player to move"),
        _ply("budget", pa.int32(), "new visits it was given; fewer were made where it ended early"),
        _ply("evaluations", pa.int32(), "visits that asked the network"),
        _ply("cache_hits", pa.int32(), "visits answered by the evaluation cache"),
        _ply("terminal_hits", pa.int32(), "visits that ended the game"),
        _ply("proven_hits", pa.int32(), "visits that ended in a proven node"),
        _ply("transpositions", pa.int32(), "visits that joined a node reached in another way"),
        _ply("reused_visits", pa.int32(), "of the root, kept from the search before"),
        _ply("max_depth", pa.int32(), "plies below the root"),
        _ply("proof", pa.int32(), "1, 0 or -1: the root's proven value for the player to move; 2: none"),
        _ply("mean_depth", pa.float32(), "plies below the root, over the new visits"),
        _ply("policy_actions", pa.list_(pa.int32()), "actions of the policy target; empty without one"),
        _ply("policy_probs", pa.list_(pa.float32()), "their probabilities, which sum to 1"),
    ]
)
"""A row a game; what is a list has an entry a ply. In files of format 1 the search's counters are -1."""


_GAME_COLUMNS = {
    "game_id": np.int64,
    "seed": np.uint64,
    "outcome": np.float32,
    "truncated": np.bool_,
    "resigned": np.bool_,
    "holdout": np.bool_,
    "opening_plies": np.int32,
}
_PLY_COLUMNS = {
    "moves": np.int32,
    "player": np.int8,
    "visits": np.int32,
    "full_search": np.bool_,
    "weight": np.float32,
    "checkpoint": np.int32,
    "kl": np.float32,
    **dict.fromkeys(SEARCH_COLUMNS, np.int32),
    "mean_depth": np.float32,
}
_SINCE_2: dict[str, Any] = {
    "resigned": False,
    "holdout": False,
    **dict.fromkeys(SEARCH_COLUMNS, -1),
    "proof": 2,
    "mean_depth": float("nan"),
}
"""Columns that files of format 1 lack, and what stands for them."""

_SCHEMA_1 = pa.schema([field for field in GAME_SCHEMA if field.name not in _SINCE_2])

_FORMAT = TableFormat("replay", FORMAT, GAME_SCHEMA, "game", "games", {1: _SCHEMA_1})
_WDL_COLUMNS = ("root_wdl", "raw_wdl")
_POLICY_COLUMNS = {"policy_actions": ("policy_action", np.int32), "policy_probs": ("policy_prob", np.float32)}


def num_games(games: Games) -> int:
    """G."""
    return len(games["game_id"])


def num_positions(games: Games) -> int:
    """Plies that can be sampled, those with weight above zero."""
    return int(np.count_nonzero(games["weight"] > 0))


def join_games(batches: Sequence[Games]) -> Games:
    """One batch of games after another as a single one."""
    result: Games = {"start": [start for games in batches for start in games["start"]]}
    dtypes: dict[str, Any] = {**_GAME_COLUMNS, **_PLY_COLUMNS, **dict(_POLICY_COLUMNS.values())}
    for name, dtype in dtypes.items():
        parts = [np.asarray(games[name], dtype) for games in batches]
        result[name] = np.concatenate([np.empty(0, dtype), *parts])
    for name in _WDL_COLUMNS:
        result[name] = np.concatenate([np.empty((0, 3), np.float32), *(games[name] for games in batches)])
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
    move_offsets = pa.array(games["move_offsets"], pa.int32())
    policy_offsets = pa.array(games["policy_offsets"], pa.int32())

    def by_game(values: pa.Array) -> pa.Array:
        return pa.ListArray.from_arrays(move_offsets, values)

    count = num_games(games)
    columns: dict[str, pa.Array] = {name: pa.array(games[name]) for name in _GAME_COLUMNS}
    columns["outcome"] = pa.array(games["outcome"], pa.float32(), from_pandas=True)
    columns["rules"] = pa.repeat(pa.scalar(rules), count)
    columns["start"] = pa.array(games["start"], pa.string())
    columns["steps"] = pa.nulls(count, pa.list_(pa.string()))
    columns |= {name: by_game(pa.array(games[name])) for name in _PLY_COLUMNS}
    for name in _WDL_COLUMNS:
        flat = pa.array(np.ascontiguousarray(games[name]).reshape(-1), pa.float32())
        columns[name] = by_game(pa.FixedSizeListArray.from_arrays(flat, 3))
    for name, (source, _) in _POLICY_COLUMNS.items():
        columns[name] = by_game(pa.ListArray.from_arrays(policy_offsets, pa.array(games[source])))
    return pa.table([columns[name] for name in GAME_SCHEMA.names], schema=GAME_SCHEMA)


def from_table(table: pa.Table) -> Games:
    """A table of GAME_SCHEMA to columns; raise ValueError where lists of a game differ in length."""
    result: Games = {"start": _array(table["start"]).to_pylist()}
    outcome = table["outcome"].combine_chunks().fill_null(float("nan"))
    for name, dtype in _GAME_COLUMNS.items():
        result[name] = _values(outcome if name == "outcome" else _array(table[name]), dtype)
    lists = (*_PLY_COLUMNS, *_WDL_COLUMNS, *_POLICY_COLUMNS)
    plies = {name: _unnest(_array(table[name])) for name in lists}
    result["move_offsets"] = plies["moves"][1]
    for name, (values, offsets) in plies.items():
        _require_same(offsets, result["move_offsets"], name)
        if name in _PLY_COLUMNS:
            result[name] = _values(values, _PLY_COLUMNS[name])
        elif name in _WDL_COLUMNS:
            result[name] = _values(values.flatten(), np.float32).reshape(-1, 3)
    for name, (target, dtype) in _POLICY_COLUMNS.items():
        entries, offsets = _unnest(plies[name][0])
        _require_same(offsets, result.setdefault("policy_offsets", offsets), name)
        result[target] = _values(entries, dtype)
    return result


def write_games(path: Path, games: Games, rules: str) -> Digest:
    """Write games as Parquet, whole or not at all: zstd, page checksums, format and game in its metadata."""
    return _FORMAT.write(path, [to_table(games, rules)], rules)


def read_games(path: Path, rules: str | None = None, digest: Digest | None = None) -> Games:
    """Read what `write_games` wrote.

    Raises CorruptFileError for a file that is damaged, not what `digest` says, of another game than
    `rules`, or of a newer format.
    """
    with _FORMAT.read(path, rules, digest) as file:
        table = file.read(use_threads=False)
        return from_table(_from_format_1(table) if table.schema.equals(_SCHEMA_1) else table)


def _from_format_1(table: pa.Table) -> pa.Table:
    for name, value in _SINCE_2.items():
        field = GAME_SCHEMA.field(name)
        if name in _GAME_COLUMNS:
            column = pa.repeat(pa.scalar(value, field.type), len(table))
        else:
            moves = _array(table["moves"])
            values = pa.repeat(pa.scalar(value, field.type.value_type), len(moves.flatten()))
            column = pa.ListArray.from_arrays(pa.array(_unnest(moves)[1], pa.int32()), values)
        table = table.append_column(field, column)
    return table.select(GAME_SCHEMA.names)


def _slice_games(games: Games, first: int, last: int) -> Games:
    m = slice(int(games["move_offsets"][first]), int(games["move_offsets"][last]))
    p = slice(int(games["policy_offsets"][m.start]), int(games["policy_offsets"][m.stop]))
    result: Games = {name: games[name][first:last] for name in (*_GAME_COLUMNS, "start")}
    result |= {name: games[name][m] for name in (*_PLY_COLUMNS, *_WDL_COLUMNS)}
    result |= {name: games[name][p] for name, _ in _POLICY_COLUMNS.values()}
    result["move_offsets"] = games["move_offsets"][first : last + 1] - m.start
    result["policy_offsets"] = games["policy_offsets"][m.start : m.stop + 1] - p.start
    return result


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
