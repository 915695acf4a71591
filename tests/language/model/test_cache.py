"""What was read and written is not read again, and says the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tiny_models import tiny_llama

from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.language.episode import Episode
from engine.language.model.codec import Tokens
from engine.language.model.decoding import llama_reader, text_cache
from engine.language.model.decoding.llama_reader import LlamaReader
from engine.language.model.decoding.text_cache import TextCache
from engine.language.model.generation.distinct import draw_distinct
from engine.language.model.generation.generation import generate
from engine.language.model.generation.successors import Drawn
from engine.language.model.model import LanguageModel
from engine.language.rollout import Policy
from engine.language.search.tree_search import Plan, search_completions
from engine.language.task import Prompt, Split, Task, VerifyResult

PROMPTS = ["12+3*4=(a b)", "12+3*4=(a b", "0000000;x", "z", "", "7-", "98+1*2/3"] * 3


def written(model: LanguageModel, count: int, known: TextCache) -> list[Tokens]:
    """Texts up to a stop string, by single draws or by several together; as tokens."""
    options: dict[str, Any] = {
        "max_tokens": 14,
        "stop": (";", "3", "1", "(", "-"),
        "temperature": 1.5,
        "known": known,
    }
    seeds = range(len(PROMPTS))
    if count == 1:
        groups = [[each] for each in generate(model, PROMPTS, seeds=seeds, **options)]
    else:
        drawn = [Drawn() for _ in PROMPTS]
        draws = draw_distinct(model, PROMPTS, [count] * len(PROMPTS), drawn, seeds=seeds, **options)
        groups = [draw.completions for draw in draws]
    heads = model.encode_prompts(PROMPTS)
    return [
        [*head, *each.ids.tolist()]
        for head, group in zip(heads, groups, strict=True)
        for each in group
        if each.stop
    ]


@pytest.mark.parametrize("count", [1, 4])
def test_what_was_written_is_as_if_read(count: int) -> None:
    model = tiny_llama()
    reader = LlamaReader(model)
    known = TextCache(reader, [])
    rows = written(model, count, known)
    assert len({len(row) for row in rows}) > 5
    for row, found in zip(rows, known.find(rows), strict=True):
        assert found is not None
        fresh = reader.read([row[:-1]]).cache[:, 0]
        assert found.shape == fresh.shape
        assert (found - fresh).abs().max() < 1e-4
    again, reused = reader.read(rows), reader.read(rows, known)
    assert (again.hidden - reused.hidden).abs().max() < 1e-4


def test_what_was_read_is_known_to_itself_and_to_what_follows() -> None:
    model = tiny_llama()
    reader = LlamaReader(model)
    known = TextCache(reader, [[1, 5, 6]])
    reader.read([[1, 7, 8, 9], [1, 5]], known)
    asked = [[1, 7, 8, 9], [1, 7, 8, 9, 4], [1, 7, 8, 9, 4, 4], [1, 5, 3], [1, 5, 6, 3], [1], [1, 7]]
    assert [None if each is None else each.shape[2] for each in known.find(asked)] == [
        3, 4, None, 2, 3, None, None,
    ]  # fmt: skip


def test_one_that_does_not_grow_knows_its_prompts_alone() -> None:
    model = tiny_llama()
    known = TextCache(LlamaReader(model), model.encode_prompts(PROMPTS[:1]), grows=False)
    rows = written(model, 1, known) + written(model, 4, known)
    head = model.encode_prompts(PROMPTS[:1])[0]
    for row, found in zip(rows, known.find(rows), strict=True):
        assert (None if found is None else found.shape[2]) == (
            len(head) if row[: len(head)] == head else None
        )


def test_the_least_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    reader = LlamaReader(model)
    # Two layers of keys and values, two groups of eight numbers of four bytes: 256 a token.
    monkeypatch.setattr(text_cache, "MAX_BYTES", 7 * 256)
    known = TextCache(reader, [])
    first, second, third = [1, 4, 4], [1, 5, 5], [1, 6, 6]
    reader.read([first, second], known)
    assert known.find([first])[0] is not None  # used after the second
    reader.read([third], known)
    assert [each is not None for each in known.find([first, second, third])] == [True, False, True]
    held = {each.untyped_storage().data_ptr(): each for each in known._texts.values()}
    assert sum(each.untyped_storage().nbytes() for each in held.values()) == 6 * 256


class Letters(Task):
    """Steps of a few characters, judged by their number."""

    name = "letters"
    max_tokens = 18
    max_step_tokens = 6
    step_end = ";"

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        return [Prompt(text, text, text) for text in dict.fromkeys(PROMPTS)]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        return VerifyResult((len(completion) % 3) / 2)


@pytest.mark.parametrize("judge", [True, False])
@pytest.mark.parametrize(
    ("prior", "proposals"),
    [("freq", {}), ("freq", {"initial_proposals": 3, "more_proposals": 2}), ("freq", {"distinct": False}),
     ("exact", {})],
)  # fmt: skip
def test_a_search_reads_nothing_twice_and_finds_the_same(
    prior: Any, proposals: dict[str, Any], judge: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, task = tiny_llama(), Letters()
    model.add_value_head()
    read: list[int] = []
    original = LlamaReader._read

    def counted(self: LlamaReader, ids: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        read.append(ids.numel())
        return original(self, ids, *rest)

    def searched() -> tuple[Sequence[Episode], int]:
        read.clear()
        found = search_completions(
            task, Policy(model, ""), task.prompts("test", 9, 0), Plan(12, prior=prior, judge=judge),
            ProposedSearchConfig(), ProposalConfig(**proposals),
            lambda pairs: [task.verify(*pair) for pair in pairs], seed=1,
        )  # fmt: skip
        return found, sum(read)

    monkeypatch.setattr(LlamaReader, "_read", counted)
    reused, few = searched()
    monkeypatch.setattr(llama_reader, "open_text_cache", lambda *_: None)
    plain, many = searched()
    assert [(each.completion, each.tokens) for each in reused] == [
        (each.completion, each.tokens) for each in plain
    ]
    assert [[step.visits for step in each.steps] for each in reused] == [
        [step.visits for step in each.steps] for each in plain
    ]
    assert few < 0.7 * many
