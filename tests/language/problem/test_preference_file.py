"""Preference files in every form of trl's, and whatever is wrong with them."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import UserError
from engine.language.problem.contamination import EvaluationIndex
from engine.language.problem.preference_file import (
    Labelled,
    Preference,
    form,
    read_labelled,
    read_preferences,
)
from engine.language.task import Prompt
from games.text.countdown import Countdown

SKY = {"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}
USER = {"role": "user", "content": "What colour is the sky?"}
BLUE, GREEN = ({"role": "assistant", "content": f"It is {word}."} for word in ("blue", "green"))


def write(folder: Path, rows: list[dict[str, Any]], ending: str = "jsonl") -> Path:
    path = folder / f"pairs.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif ending == "json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif ending == "jsonl.gz":
        path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if ending == "tsv" else ",")
            writer.writeheader()
            texts = [{k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()} for row in rows]
            writer.writerows(texts)
    return path


@pytest.mark.parametrize("ending", ["jsonl", "json", "jsonl.gz", "csv", "tsv", "parquet"])
def test_every_kind_of_file_holds_the_same(tmp_path: Path, ending: str) -> None:
    rows = [
        SKY | {"probability": 0.75},
        {"prompt": 'a, "b"\nc', "chosen": "1\n2", "rejected": "é", "probability": 1},
    ]
    expected = [
        Preference("The sky is", " blue.", " green.", 0.75, "The sky is"),
        Preference('a, "b"\nc', "1\n2", "é", 1.0, 'a, "b"\nc'),
    ]
    assert read_preferences(write(tmp_path, rows, ending)) == expected


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize(
    "row",
    [
        {"prompt": [USER], "chosen": [BLUE], "rejected": [GREEN]},
        {"chosen": [USER, BLUE], "rejected": [USER, GREEN]},
        {"prompt": USER["content"], "chosen": [USER, BLUE], "rejected": [USER, GREEN]},
    ],
    ids=["explicit", "implicit", "prompt beside a whole conversation"],
)
def test_conversations_are_read_with_and_without_a_prompt(
    tmp_path: Path, ending: str, row: dict[str, Any]
) -> None:
    (found,) = read_preferences(write(tmp_path, [row], ending))
    assert (
        found[:3]
        if isinstance(found, tuple)
        else (found.prompt, found.chosen, found.rejected)
        == (
            "What colour is the sky?",
            "It is blue.",
            "It is green.",
        )
    )


def test_a_conversation_of_several_turns_is_one_that_a_chat_template_reads(tmp_path: Path) -> None:
    from engine.language.model.conversation import conversation

    before = [{"role": "system", "content": "Be brief."}, USER, BLUE, {"role": "user", "content": "Why?"}]
    row = {
        "chosen": [*before, {"role": "assistant", "content": "Light."}],
        "rejected": [*before, {"role": "assistant", "content": "No."}],
    }
    (found,) = read_preferences(write(tmp_path, [row]))
    assert conversation(found.prompt) == before
    assert (found.chosen, found.rejected) == ("Light.", "No.")


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt"),
    [
        ("The sky is blue.", "The sky is green.", "The sky is"),
        ("The sky is blue.", "The sky is black.", "The sky is"),
        ("The sky is", "The sky is blue.", "The sky"),
        ("12+3", "12+4", "12+"),
        (
            "\n\nHuman: Hi\n\nAssistant: Yes, I am",
            "\n\nHuman: Hi\n\nAssistant: Yes, no",
            "\n\nHuman: Hi\n\nAssistant:",
        ),
    ],
)
def test_an_implicit_prompt_ends_where_the_texts_part(
    tmp_path: Path, chosen: str, rejected: str, prompt: str
) -> None:
    (found,) = read_preferences(write(tmp_path, [{"chosen": chosen, "rejected": rejected}]))
    assert (found.prompt, prompt + found.chosen, prompt + found.rejected) == (prompt, chosen, rejected)


def test_a_known_problem_is_the_prompt_that_responses_begin_with(tmp_path: Path) -> None:
    path = write(tmp_path, [{"chosen": "3 5=8:3+5=8", "rejected": "3 5=8:3-5=8"}])
    known = [Prompt("p", "3 5=8:", "3 5"), Prompt("q", "3 5", "x")]
    assert read_preferences(path, problems=known) == [Preference("3 5=8:", "3+5=8", "3-5=8", 1.0, "3 5")]


def test_implicit_prompts_are_those_that_trl_extracts(tmp_path: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    for row in (
        {"chosen": "The sky is blue.", "rejected": "The sky is green."},
        {"chosen": [USER, BLUE], "rejected": [USER, GREEN]},
    ):
        theirs = data_utils.extract_prompt(row)
        assert read_preferences(write(tmp_path, [row])) == read_preferences(write(tmp_path, [theirs]))


def left_out(tmp_path: Path, rows: list[dict[str, Any]], **more: Any) -> tuple[list[Preference], str]:
    told: list[str] = []
    good = {"prompt": "one plus one is", "chosen": " two", "rejected": " three"}
    found = read_preferences(write(tmp_path, [*rows, good]), tell=told.append, **more)
    return [pair for pair in found if pair.prompt != good["prompt"]], "; ".join(told)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([SKY | {"rejected": " blue."}], "1 of two equal responses"),
        ([SKY | {"rejected": "  blue. "}], "1 of two equal responses"),
        ([SKY | {"chosen": "  "}], "1 with an empty text"),
        ([SKY | {"rejected": ""}], "1 with an empty text"),
        ([SKY | {"prompt": ""}], "1 with an empty text"),
        ([SKY, {**SKY, "chosen": " green.", "rejected": " blue."}], "2 preferred both ways"),
        ([{"chosen": "Sky?", "rejected": "Sea?"}, SKY | {"chosen": ""}], "1 with an empty text"),
        ([{"chosen": "Sky", "rejected": "Moon"}], "1 of two different prompts"),
        (
            [{"chosen": [USER, BLUE], "rejected": [{**USER, "content": "x"}, GREEN]}],
            "1 of two different prompts",
        ),
        ([{"prompt": "y", "chosen": [USER, BLUE], "rejected": [USER, GREEN]}], "1 of two different prompts"),
        (
            [{"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: c\n\nAssistant: d"}],
            "1 of two different prompts",
        ),
        ([SKY | {"score_chosen": 1, "score_rejected": 1.0}], "1 tied by their scores"),
        ([SKY | {"chosen_score": 0.25, "rejected_score": 0.5}], "1 whose scores prefer the rejected one"),
    ],
)
def test_what_compares_nothing_is_counted_by_name(
    tmp_path: Path, rows: list[dict[str, Any]], reason: str
) -> None:
    kept, told = left_out(tmp_path, rows)
    assert reason in told
    assert [pair for pair in kept if pair.prompt == "The sky is"] == []


def test_votes_for_the_same_two_responses_are_their_share(tmp_path: Path) -> None:
    other = {"prompt": "The  sky is ", "chosen": " green.", "rejected": " blue."}
    kept, told = left_out(tmp_path, [other, SKY, SKY])
    assert [(pair.chosen, pair.rejected) for pair in kept] == [(" blue.", " green.")]
    assert kept[0].share == pytest.approx(2 / 3)
    assert "2 that join another of the same two" in told


def test_a_share_below_one_half_turns_the_pair(tmp_path: Path) -> None:
    (kept,), _ = left_out(tmp_path, [SKY | {"share": "0.25"}])
    assert (kept.chosen, kept.rejected, kept.share) == (" green.", " blue.", 0.75)


def test_evaluation_items_are_left_out_by_text_and_by_key(tmp_path: Path) -> None:
    task = Countdown()
    (item,), (free,) = task.prompts("test", 1, 0), task.prompts("train", 1, 0)
    twin = Prompt("twin", "another " + item.text, item.key)
    rows = [
        {"prompt": text, "chosen": "1+1=2", "rejected": "1+1=3"} for text in (item.text, twin.text, free.text)
    ]
    told: list[str] = []
    found = read_preferences(
        write(tmp_path, rows), task, problems=[free, twin], index=EvaluationIndex([item]), tell=told.append
    )
    assert [(pair.prompt, pair.key) for pair in found] == [(free.text, free.key)]
    assert "2 that are, or hold, evaluation items" in told[0]


def test_the_end_of_a_response_is_taken_off_and_none_stands_inside(tmp_path: Path) -> None:
    rows = [
        {"prompt": "p", "chosen": "a\n", "rejected": "b"},
        {"prompt": "q", "chosen": "a\nb", "rejected": "c"},
    ]
    kept, told = left_out(tmp_path, rows, task=Countdown())
    assert kept == [Preference("p", "a", "b", 1.0, "p")]
    assert "1 with '\\n' inside, which ends a response of this task" in told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no comparison"),
        ("[]", "is not a JSON object"),
        ('{"prompt": "a", "chosen": "b"}', ":1: no 'rejected'; there are chosen, prompt"),
        ('{"prompt": "a", "chosen": "b", "rejected": ["c"]}', "one of 'chosen' and 'rejected' is text"),
        ('{"prompt": {}, "chosen": "b", "rejected": "c"}', "'prompt' is {}; give text"),
        ('{"prompt": "a", "chosen": null, "rejected": "c"}', "'chosen' is null; give text"),
        ('{"prompt": null, "chosen": "3*5", "rejected": "3+5"}', "'prompt' is null; give text"),
        ('{"prompt": "a", "chosen": "b", "rejected": "c", "share": 2}', "give a probability from 0 to 1"),
        ('{"prompt": "a", "chosen": "b", "rejected": "c", "share": true}', "'share' is true; give a number"),
        ('{"prompt": "a", "chosen": "b", "rejected": "c", "probability": "nan"}', "give a number"),
        ('{"prompt": "a", "chosen": "b", "rejected": "b"}', "can be learnt from: 1 of two equal"),
        ('{"prompt": "a", "completion": "b", "label": true}', "learn from labels by the loss 'kto'"),
        ('{"chosen": [], "rejected": []}', "'chosen': give one message of the assistant"),
        (json.dumps({"chosen": [BLUE], "rejected": [GREEN]}), "no message before the response"),
        ('{"prompt": "a", "chosen": "\\ud800", "rejected": "b"}', "half of a surrogate pair"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as told:
        read_preferences(path)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.parquet", b"PAR1 no", "no Parquet that can be read"),
        ("x.csv", b"prompt,chosen,chosen\n", "'chosen' is named twice"),
        ("x.csv", b"prompt,chosen,rejected\na,b\n", ":2: 2 cells under 3 names"),
        ("x.csv", b'prompt,chosen,rejected\na,"b,c\n', "x.csv:2"),
        ("x.csv", b"prompt,chosen,rejected\n\xff,b,c\n", "is not UTF-8"),
        ("x.csv.gz", gzip.compress(b"prompt", mtime=0)[:-4], "damaged gzip"),
        ("missing.csv", None, "No such file"),
        ("missing.parquet", None, "missing.parquet"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(
    tmp_path: Path, name: str, data: bytes | None, message: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError) as told:
        read_preferences(tmp_path / name)
    assert message in str(told.value)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_labels_are_read_from_single_responses(tmp_path: Path, ending: str) -> None:
    rows = [
        {"prompt": "p", "completion": "a", "label": True},
        {"prompt": "p", "completion": "b", "label": False},
        {"prompt": "p", "completion": "c", "label": True},
        {"prompt": "p", "completion": "c", "label": False},
        {"prompt": "p", "completion": "a ", "label": True},
    ]
    told: list[str] = []
    path = write(tmp_path, rows, ending)
    assert form(path) == "labels"
    assert read_labelled(path, tell=told.append) == [
        Labelled("p", "a", True, "p"),
        Labelled("p", "b", False, "p"),
    ]
    assert "2 labelled both ways, 1 that repeat another" in told[0]


def test_pairs_are_labels_of_both_sides(tmp_path: Path) -> None:
    found = read_labelled(write(tmp_path, [SKY]))
    assert [(each.completion, each.label) for each in found] == [(" blue.", True), (" green.", False)]


def test_a_column_without_effect_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    read_preferences(write(tmp_path, [SKY | {"margin": 0.5}]), tell=told.append)
    assert told == [f"'{tmp_path}/pairs.jsonl': columns that have no effect: margin"]


def test_what_is_exported_is_read_back(tmp_path: Path) -> None:
    from engine.language.episode import Episode
    from engine.language.record.export import export
    from engine.language.task import VerifyResult

    task = Countdown()
    (prompt,) = task.prompts("train", 1, 0)
    episodes = [
        Episode(prompt, text, VerifyResult(score), "model", 1, "m", 1, 1.0, -1.0, 3)
        for text, score in (("1+1=2", 1.0), ("1+1=3", 0.0))
    ]
    for name in ("pairs.jsonl", "pairs.parquet"):
        export(tmp_path / name, "preference", episodes, task)
        assert read_preferences(tmp_path / name, task) == [
            Preference(prompt.text, "1+1=2", "1+1=3", 1.0, prompt.text)
        ]
