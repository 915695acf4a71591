"""Exports as `datasets` and TRL read them, without a network."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UserError
from engine.language.episode import Episode, Step
from engine.language.problem.task_registry import load_task
from engine.language.record.export import COLUMNS, export, outcome_labels, rows
from engine.language.task import Prompt

TASK = load_task("countdown")
KINDS = sorted(COLUMNS)


def episode(prompt: Prompt, completion: str, **fields: Any) -> Episode:
    given: dict[str, Any] = {
        "source": "model",
        "iteration": 1,
        "model": "ab" * 32,
        "seed": 2**63 + 5,
        "temperature": 1.0,
        "logprob": -2.5,
        "tokens": len(completion) + 1,
    }
    return Episode(prompt, completion, TASK.verify(prompt, completion), **{**given, **fields})


def episodes() -> list[Episode]:
    """Of eight problems a right and two wrong texts."""
    found = []
    for item in TASK.demonstrations(8, 0):
        right = episode(item.prompt, item.completion)
        found += [episode(item.prompt, "1+1=2;"), replace(right, kept=True), episode(item.prompt, "1+")]
    return found


def prompt(text: str = "12 3 7=43:") -> Prompt:
    return Prompt(text, text, "3 7 12")


def test_rows_by_hand() -> None:
    right, wrong = episode(prompt(), "3*12=36;36+7=43;", kept=True), episode(prompt(), "3+7=10;")
    other = episode(prompt("1 2 3=6:"), "1+2=3;")
    found = [wrong, right, other]
    (kept,) = rows("sft", found, TASK)
    assert (kept["prompt"], kept["completion"], kept["score"]) == ("12 3 7=43:", "3*12=36;36+7=43;", 1)
    (pair,) = rows("preference", found, TASK)
    assert (pair["chosen"], pair["rejected"]) == ("3*12=36;36+7=43;", "3+7=10;")
    assert (pair["chosen_score"], pair["rejected_score"]) == (1, 0)
    assert [row["label"] for row in rows("unpaired", found, TASK)] == [False, True, False]
    steps = list(rows("stepwise", found, TASK))
    assert steps[1]["completions"] == ["3*12=36;", "36+7=43;"]
    assert [row["labels"] for row in steps] == [[False], [True, True], [False]]
    for kind in KINDS:
        for row in rows(kind, found, TASK):
            assert list(row) == list(COLUMNS[kind])


def test_real_data_is_for_fine_tuning_whoever_kept_it() -> None:
    real = episode(prompt(), "3*12=36;36+7=43;", source="real", model="")
    assert len(list(rows("sft", [real], TASK))) == 1


def test_steps_of_a_search_are_labelled_by_its_values() -> None:
    first = Step("3*12=36;", 0, ("3+7=10;", "3*12=36;"), (1, 9), (0.5, 0.5), (-0.5, 0.9), 0.8)
    second = Step("36-7=29;", 0, ("36-7=29;",), (3,), (1.0,), (-0.2,), -0.2)
    unvisited = replace(second, q=(float("nan"),))
    searched = episode(prompt(), "3*12=36;36-7=29;", source="search", steps=(first, second))
    (row,) = rows("stepwise", [searched], TASK)
    assert (row["completions"], row["labels"]) == (["3*12=36;", "36-7=29;"], [True, False])
    assert row["visits"] == 13
    assert outcome_labels(replace(searched, steps=(first, unvisited)), ["", ""]) == [True, False]
    (own,) = rows(
        "stepwise", [searched], TASK, step_labels=lambda _, steps: [len(step) > 99 for step in steps]
    )
    assert own["labels"] == [False, False]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
@pytest.mark.parametrize("kind", KINDS)
def test_datasets_loads_them_with_the_columns_of_trl(kind: str, ending: str, tmp_path: Path) -> None:
    from datasets import load_dataset

    path = tmp_path / f"{kind}{ending}"
    export(path, kind, episodes(), TASK)
    builder = "json" if ending == ".jsonl" else "parquet"
    data = load_dataset(builder, data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]
    assert data.column_names == list(COLUMNS[kind])
    assert [dict(row) for row in data] == list(rows(kind, episodes(), TASK))
    assert len(data) == {"sft": 8, "preference": 8, "unpaired": 24, "stepwise": 24}[kind]


def test_json_lines_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    export(path, "sft", [replace(episodes()[1], logprob=float("-inf"), completion="é\n\u2028")], TASK)
    (line,) = path.read_bytes().decode().split("\n")[:-1]
    assert json.loads(line)["completion"] == "é\n\u2028"
    assert json.loads(line)["logprob"] is None


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("a.jsonl", "stf", "no export 'stf'; did you mean 'sft'"),
        ("a.csv", "sft", r"end the name with .jsonl or .parquet"),
        ("a.jsonl", "preference", "no episode makes a row of 'preference'"),
    ],
)
def test_what_cannot_be_exported_is_refused(name: str, kind: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=reason):
        export(tmp_path / name, kind, [episodes()[1]], TASK)
    assert not list(tmp_path.iterdir())


def judged(score: float, reason: str = "", problem: str = "12 3 7=43:", **changes: Any) -> Episode:
    made = episode(prompt(), "3*12=36;36+7=43;", **changes)
    verdict = replace(made.result, score=score, reason=reason)
    return replace(made, result=verdict, prompt=replace(made.prompt, id=problem, text=problem))


@pytest.mark.parametrize(
    ("kind", "found", "reason"),
    [
        ("sft", [], "the run has written no completions; take a method that samples"),
        ("stepwise", [replace(judged(0), completion="")] * 2, "all 2 completions are empty"),
        (
            "sft",
            [*[judged(0, "misses")] * 4, judged(0, "no step"), judged(0.5, "near"), judged(1, ended=False)],
            "of 7 completions 5 wrong, 1 partly right, 1 cut at the limit of tokens "
            "(verdicts: 'misses' 4, 'no step' 1, 'near' 1); train longer or lower filter.thresholds",
        ),
        ("sft", [judged(1)] * 2, "of 2 completions 2 right but left out (repeats, over filter.per_prompt"),
        (
            "preference",
            [
                judged(1, problem="a"),
                *[judged(1, problem="b")] * 2,
                *[judged(0, problem="c")] * 3,
                *[judged(0, problem="d")] * 2,
                *[judged(0.5, problem="e")] * 2,
            ],
            "of 5 problems 2 all wrong, 1 with one completion, 1 all right, 1 all scored alike; "
            "raise sample.samples",
        ),
    ],
)
def test_a_refusal_counts_why_nothing_is_left(
    kind: str, found: list[Episode], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(UserError, match=re.escape(reason)) as caught:
        export(path, kind, found, TASK)
    assert f"no episode makes a row of '{kind}', so '{path}' was not written: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of a tiny Llama and a tokenizer of a token a character, random and offline."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {letter: index for index, letter in enumerate(["<pad>", "<eos>", *TASK.alphabet])}
    raw = Tokenizer(WordLevel(vocabulary, unk_token="<pad>"))
    raw.pre_tokenizer = Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="<pad>", eos_token="<eos>")
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=1,
    )
    folder = str(tmp_path_factory.mktemp("model"))
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    yield folder
    del os.environ["HF_HUB_OFFLINE"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "trainer"), [("sft", "SFT"), ("preference", "DPO"), ("unpaired", "KTO")])
def test_trl_trains_on_them(kind: str, trainer: str, model: str, tmp_path: Path) -> None:
    import trl
    from datasets import load_dataset

    path = tmp_path / f"{kind}.jsonl"
    export(path, kind, episodes(), TASK)
    data = load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]
    arguments = getattr(trl, f"{trainer}Config")(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=4,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        disable_tqdm=True,
    )
    built = getattr(trl, f"{trainer}Trainer")(model=model, args=arguments, train_dataset=data)
    assert built.train().global_step == 2
