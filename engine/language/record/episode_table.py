"""Episodes as rows of Parquet files, a row an episode, that pandas and `datasets` read as they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa

from engine.errors import UserError
from engine.language.episode import Episode, Source, Step
from engine.language.task import Kind, Prompt, VerifyResult
from engine.run.parquet import TableFormat, described
from engine.run.storage import Digest

FORMAT = 2
"""Version of the files; a newer one is refused, older ones are read: format 1 has no `path`, which `parsed`
was then."""

ROWS = 4096
"""Held decoded at a time."""

_TEXTS = pa.list_(pa.field("element", pa.string(), nullable=False))
_FLOATS = pa.list_(pa.field("element", pa.float64(), nullable=False))
_STEP = pa.struct(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("player", pa.int8(), nullable=False),
        pa.field("proposals", _TEXTS, nullable=False),
        pa.field("visits", pa.list_(pa.field("element", pa.int32(), nullable=False)), nullable=False),
        pa.field("prior", _FLOATS, nullable=False),
        pa.field("q", _FLOATS, nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)

EPISODE_SCHEMA = pa.schema(
    [
        described("task", pa.string(), "the task with its options"),
        described("prompt_id", pa.string(), "of the problem, the same in every run of the task"),
        described("prompt", pa.string(), "text that the model continues"),
        described("key", pa.string(), "of the problem behind it; no key is in two splits"),
        described("stratum", pa.string(), "kind of problem, as the task names them"),
        described("completion", pa.string(), "what was written after the prompt, with its end"),
        described("score", pa.float64(), "of the verifier, from 0 to 1"),
        described("parsed", pa.string(), "the answer that was read in it, which votes; empty: none"),
        described("path", pa.string(), "the way to the answer, spelt canonically: equal ones count once"),
        described("reason", pa.string(), "why the score is what it is, in a word or a line"),
        described("flags", _TEXTS, "signs of exploits and of degenerate text"),
        described("kind", pa.string(), "of the verdict: exact, learned or self"),
        described("source", pa.string(), "real, model, hint (answer given away), search or revision"),
        described("iteration", pa.int32(), "of the loop; 0 before the first"),
        described("model", pa.string(), "SHA-256 of the weights that wrote it; empty for real data"),
        described("seed", pa.uint64(), "of its sampling"),
        described("temperature", pa.float64(), "of its sampling; 0 is greedy"),
        described("logprob", pa.float64(), "sum of ln p of its tokens under the model, at temperature 1"),
        described("tokens", pa.int64(), "generated for it; in a search all of the tree's"),
        described("ended", pa.bool_(), "false: cut at the limit of tokens"),
        described("kept", pa.bool_(), "passed the filter, and was learnt from"),
        described("weight", pa.float64(), "in the loss"),
        described(
            "steps",
            pa.list_(pa.field("element", _STEP, nullable=False)),
            "of a search, else empty: text, player, proposals with visits, prior and q, value of the node",
        ),
    ]
)
"""A row an episode; columns are the fields of Episode, Prompt and VerifyResult."""

_FIRST_SCHEMA = EPISODE_SCHEMA.remove(EPISODE_SCHEMA.get_field_index("path"))
_FORMAT = TableFormat("episode", FORMAT, EPISODE_SCHEMA, "task", "episodes", {1: _FIRST_SCHEMA})
_EPISODE_FIELDS = (
    "completion", "source", "iteration", "model", "seed", "temperature", "logprob", "tokens", "ended", "kept",
    "weight",
)  # fmt: skip
_RESULT_FIELDS = ("score", "parsed", "path", "reason", "kind")


def write_episodes(path: Path, episodes: Iterable[Episode], task: str) -> Digest:
    """Write episodes of a task, whole or not at all; `episodes` may be a generator, ROWS are held at a time.

    Raises UserError for text that UTF-8 cannot hold.
    """
    return _FORMAT.write(path, (to_table(rows, task) for rows in _batches(episodes)), task)


def read_episodes(path: Path, task: str | None = None, digest: Digest | None = None) -> Iterator[Episode]:
    """Read what `write_episodes` wrote, ROWS at a time, in order.

    Raises CorruptFileError for a file that is damaged, not what `digest` says, of another task than `task`,
    or of a newer format; where a page is damaged, after the episodes before it.
    """
    with _FORMAT.read(path, task, digest) as file:
        for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
            yield from from_table(_current(pa.Table.from_batches([batch])))


def to_table(episodes: Sequence[Episode], task: str) -> pa.Table:
    """Episodes to a table of EPISODE_SCHEMA."""
    try:
        return pa.Table.from_pylist([_row(episode, task) for episode in episodes], schema=EPISODE_SCHEMA)
    except UnicodeEncodeError as error:
        raise UserError(f"an episode has text that UTF-8 cannot hold: {error.object[:40]!r}") from error


def from_table(table: pa.Table) -> list[Episode]:
    """A table of EPISODE_SCHEMA to episodes; raise ValueError where a value cannot be one of an episode."""
    if any(table[name].null_count for name in EPISODE_SCHEMA.names):
        raise ValueError("a column has a null where it must not")
    return [_episode(row) for row in table.to_pylist()]


def _current(table: pa.Table) -> pa.Table:
    """A table of any format with the columns of this one."""
    if "path" in table.column_names:
        return table
    place = EPISODE_SCHEMA.get_field_index("path")
    return table.add_column(place, EPISODE_SCHEMA.field(place), table["parsed"])


def _batches(episodes: Iterable[Episode]) -> Iterator[list[Episode]]:
    source = iter(episodes)
    while rows := list(islice(source, ROWS)):
        yield rows


def _row(episode: Episode, task: str) -> dict[str, Any]:
    prompt, result = episode.prompt, episode.result
    row = {name: getattr(episode, name) for name in _EPISODE_FIELDS}
    row |= {name: getattr(result, name) for name in _RESULT_FIELDS}
    row |= {"task": task, "prompt_id": prompt.id, "prompt": prompt.text, "key": prompt.key}
    row |= {"stratum": prompt.stratum, "flags": list(result.flags)}
    row["steps"] = [vars(step) for step in episode.steps]
    return row


def _episode(row: dict[str, Any]) -> Episode:
    prompt = Prompt(row["prompt_id"], row["prompt"], row["key"], row["stratum"])
    result = VerifyResult(**{name: row[name] for name in _RESULT_FIELDS}, flags=tuple(row["flags"]))
    episode = Episode(
        prompt=prompt,
        result=result,
        steps=tuple(_step(step) for step in row["steps"]),
        **{name: row[name] for name in _EPISODE_FIELDS},
    )
    if not (math.isfinite(result.score) and 0 <= result.score <= 1):
        raise ValueError(f"a score is {result.score}")
    if result.kind not in get_args(Kind) or episode.source not in get_args(Source):
        raise ValueError(f"an episode is of kind '{result.kind}' and source '{episode.source}'")
    if not (math.isfinite(episode.weight) and episode.weight >= 0):
        raise ValueError(f"a weight is {episode.weight}")
    return episode


def _step(row: dict[str, Any]) -> Step:
    lists = {name: tuple(row[name]) for name in ("proposals", "visits", "prior", "q")}
    if len({len(values) for values in lists.values()}) > 1:
        raise ValueError("lists of a step differ in length")
    return Step(text=row["text"], player=row["player"], value=row["value"], **lists)
