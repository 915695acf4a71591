"""Episodes as rows: exact round trips, damage found, readable with the usual tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import CorruptFileError, UserError
from engine.language.episode import Episode, Source, Step
from engine.language.record import episode_table
from engine.language.record.episode_table import (
    EPISODE_SCHEMA,
    from_table,
    read_episodes,
    to_table,
    write_episodes,
)
from engine.language.task import Kind, Prompt, VerifyResult
from engine.run.parquet import column_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    size = draw(st.integers(0, 3))

    def row(values: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(values, min_size=size, max_size=size)))

    return Step(
        text=draw(TEXT),
        player=draw(st.integers(0, 1)),
        proposals=row(TEXT),
        visits=row(st.integers(0, 2**31 - 1)),
        prior=row(st.floats(0, 1)),
        q=row(st.floats(-1, 1)),
        value=draw(st.floats(-1, 1)),
    )


EPISODES = st.builds(
    Episode,
    prompt=st.builds(Prompt, id=TEXT, text=TEXT, key=TEXT, stratum=TEXT),
    completion=TEXT,
    result=st.builds(
        VerifyResult,
        score=st.floats(0, 1),
        parsed=TEXT,
        reason=TEXT,
        flags=st.lists(TEXT, max_size=3).map(tuple),
        kind=st.sampled_from(get_args(Kind)),
        path=TEXT,
    ),
    source=st.sampled_from(get_args(Source)),
    iteration=st.integers(0, 2**31 - 1),
    model=TEXT,
    seed=st.integers(0, 2**64 - 1),
    temperature=FLOAT,
    logprob=st.floats(max_value=0, allow_nan=False),
    tokens=st.integers(0, 2**40),
    ended=st.booleans(),
    kept=st.booleans(),
    weight=st.floats(0, 1e6),
    steps=st.lists(steps(), max_size=3).map(tuple),
)

ONE = Episode(
    prompt=Prompt("countdown 12 3 7=43:", "12 3 7=43:", "3 7 12", "+*"),
    completion="3*12=36;36+7=43;",
    result=VerifyResult(1.0, "3*12=36;7+36=43;", flags=("loop",)),
    source="search",
    iteration=2,
    model="ab" * 32,
    seed=2**64 - 1,
    temperature=0.7,
    logprob=-3.25,
    tokens=96,
    steps=(Step("3*12=36;", 0, ("3*12=36;", "3+7=10;"), (5, 0), (0.75, 0.25), (0.5, float("nan")), 0.4),),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(episodes=st.lists(EPISODES, max_size=6))
def test_every_field_comes_back(episodes: list[Episode], tmp_path: Path) -> None:
    digest = write_episodes(tmp_path / "e.parquet", episodes, "countdown")
    assert list(read_episodes(tmp_path / "e.parquet", "countdown", digest)) == episodes


def test_an_unvisited_q_stays_not_a_number(tmp_path: Path) -> None:
    write_episodes(tmp_path / "e.parquet", [ONE], "t")
    (back,) = read_episodes(tmp_path / "e.parquet")
    assert np.isnan(back.steps[0].q[1])
    assert repr(back) == repr(ONE)


def test_episodes_are_written_and_read_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(episode_table, "ROWS", 10)
    made = 0
    sizes = []
    to_table = episode_table.to_table

    def counted(episodes: Any, task: str) -> Any:
        sizes.append((len(episodes), made))
        return to_table(episodes, task)

    def many() -> Any:
        nonlocal made
        for made in range(1, 26):
            yield replace(ONE, seed=made, steps=())

    monkeypatch.setattr(episode_table, "to_table", counted)
    write_episodes(tmp_path / "e.parquet", many(), "t")
    assert sizes == [(10, 10), (10, 20), (5, 25)]
    back = read_episodes(tmp_path / "e.parquet")
    assert [episode.seed for episode in back] == list(range(1, 26))


def test_usual_tools_read_them(tmp_path: Path) -> None:
    import pandas as pd
    from datasets import load_dataset

    path = tmp_path / "e.parquet"
    write_episodes(path, [ONE, replace(ONE, steps=())], "countdown")
    frame = pd.read_parquet(path)
    assert frame["prompt"].tolist() == ["12 3 7=43:"] * 2
    assert frame["seed"].tolist() == [2**64 - 1] * 2
    loaded = load_dataset("parquet", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]
    assert set(loaded.column_names) == set(EPISODE_SCHEMA.names)
    assert all(len(row["holds"]) > 10 for row in column_rows(EPISODE_SCHEMA))
    assert loaded[0]["steps"][0]["visits"] == [5, 0]


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    digest = write_episodes(path, [ONE] * 50, "countdown")
    data = path.read_bytes()
    for place in range(4, len(data), 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CorruptFileError, match="SHA-256"):
            list(read_episodes(path, digest=digest))
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptFileError, match=r"e\.parquet' is damaged"):
        list(read_episodes(path))


def test_a_file_of_another_kind_task_or_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    write_episodes(path, [ONE], "countdown")
    with pytest.raises(CorruptFileError, match="holds episodes of countdown, not of addition"):
        list(read_episodes(path, "addition"))
    table = to_table([ONE], "countdown")
    newer = {"selfplay.format": "3", "selfplay.task": "countdown"}
    pq.write_table(table.replace_schema_metadata(newer), path)
    with pytest.raises(CorruptFileError, match="format 3, newer than 2"):
        list(read_episodes(path))
    pq.write_table(table, path)
    with pytest.raises(CorruptFileError, match="is no episode file"):
        list(read_episodes(path))
    for version in ("1", "2"):
        other = table.drop_columns("seed").replace_schema_metadata(newer | {"selfplay.format": version})
        pq.write_table(other, path)
        with pytest.raises(CorruptFileError, match="other columns"):
            list(read_episodes(path))


def test_files_of_the_first_format_are_read_with_what_was_the_way_then(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    first = {"selfplay.format": "1", "selfplay.task": "countdown"}
    pq.write_table(to_table([ONE], "countdown").drop_columns("path").replace_schema_metadata(first), path)
    (back,) = read_episodes(path, "countdown")
    assert repr(back) == repr(replace(ONE, result=replace(ONE.result, path=ONE.result.parsed)))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("score", 1.5, "score is 1.5"),
        ("score", float("nan"), "score is nan"),
        ("weight", -1.0, "weight is -1"),
        ("kind", "human", "kind 'human'"),
        ("source", "web", "source 'web'"),
        ("completion", None, "null"),
    ],
)
def test_values_that_no_episode_has_are_refused(column: str, value: Any, reason: str) -> None:
    table = to_table([ONE], "t")
    field = pa.field(column, EPISODE_SCHEMA.field(column).type)
    place = EPISODE_SCHEMA.get_field_index(column)
    with pytest.raises(ValueError, match=reason):
        from_table(table.set_column(place, field, pa.array([value], field.type)))


def test_lists_of_a_step_that_differ_in_length_are_refused() -> None:
    broken = replace(ONE, steps=(replace(ONE.steps[0], visits=(1,)),))
    with pytest.raises(ValueError, match="differ in length"):
        from_table(to_table([broken], "t"))


def test_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="UTF-8"):
        write_episodes(tmp_path / "e.parquet", [replace(ONE, completion="\ud800")], "t")
    assert not list(tmp_path.iterdir())
