"""Reading with small Llamas: the network's own numbers, and prompts read before as if read again."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import other_model, tiny_llama

from engine.language.model.codec import Tokens
from engine.language.model.decoding import llama_reader
from engine.language.model.decoding.decoder import forward, padded_left
from engine.language.model.decoding.llama_reader import LlamaReader, open_text_cache
from engine.language.model.decoding.text_cache import TextCache
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import top_tokens, values

PROMPTS = ["12+3*4=(a b)", "12+3*4=(a b", "0000000;x", "z"]


def texts(model: LanguageModel, count: int = 24) -> list[Tokens]:
    """Some that begin with a prompt, some that are one, some that are shorter."""
    source = random.Random(2)
    tails = [
        "",
        "",
        *("".join(source.choices("0123456789+-;", k=source.randint(1, 9))) for _ in range(count - 2)),
    ]
    return model.encode_prompts([source.choice([*PROMPTS, "", "12"]) + tail for tail in tails])


@pytest.mark.parametrize(
    "changes", [{}, {"tie_word_embeddings": True}, {"head_dim": 16}, {"num_key_value_heads": 4}]
)
@pytest.mark.parametrize("at_once", [1, 1 << 25])
def test_a_text_is_read_as_the_network_does(
    changes: dict[str, Any], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama_reader, "MAX_SCORES", at_once)
    model = tiny_llama(**changes)
    with torch.no_grad():  # norms of ones would hide a norm left out
        for name, weight in model.network.named_parameters():
            if "norm" in name:
                weight.copy_(torch.rand(weight.shape, generator=torch.Generator().manual_seed(3)) + 0.5)
    rows, reader = texts(model), LlamaReader(model)
    reading = reader.read(rows)
    ids, mask = padded_left(rows, model.codec.pad, model.device)
    with torch.no_grad():
        logits, cache = forward(model, ids, mask)
        trunk = model.trunk(input_ids=torch.tensor(rows[:1])).last_hidden_state[0, -1]
    assert (reading.hidden @ reader.head - logits).abs().max() < 1e-4
    assert (reading.hidden[0] * reader.norm - trunk).abs().max() < 1e-4
    assert reading.pads.tolist() == (1 - mask).sum(1).tolist()
    for index, layer in enumerate(cache.layers):
        for row, pad in enumerate(reading.pads.tolist()):
            assert (reading.cache[2 * index, row, :, pad:] - layer.keys[row, :, pad:]).abs().max() < 1e-4
            assert (
                reading.cache[2 * index + 1, row, :, pad:] - layer.values[row, :, pad:]
            ).abs().max() < 1e-4


def test_prompts_read_before_are_as_if_read_again() -> None:
    model = tiny_llama()
    rows, reader = texts(model), LlamaReader(model)
    known = TextCache(reader, model.encode_prompts(PROMPTS))
    for part in (rows, rows[:1], rows[3:5]):
        again, reused = reader.read(part), reader.read(part, known)
        assert (again.hidden - reused.hidden).abs().max() < 1e-4
        for row, pad in enumerate(again.pads.tolist()):
            assert (again.cache[:, row, :, pad:] - reused.cache[:, row, :, pad:]).abs().max() < 1e-4
        assert bool(reused.cache.isfinite().all())


def test_a_text_takes_the_longest_prompt_but_for_its_last_token() -> None:
    model = tiny_llama()
    known = TextCache(LlamaReader(model), [[1, 5], [1, 5, 6, 7], [1, 9]])
    rows = [[1, 5, 6, 7, 8], [1, 5, 6, 7], [1, 5, 6], [1, 5], [1, 9, 9], [1], [2, 5]]
    lengths = [None if found is None else found.shape[2] for found in known.find(rows)]
    assert lengths == [4, 3, 2, 1, 2, None, None]


def test_what_prompts_begin_with_changes_no_completion() -> None:
    model = tiny_llama()
    model.add_value_head()
    asked = [prompt + tail for prompt in PROMPTS for tail in ("", "1", "2;3")] * 3
    known = TextCache(LlamaReader(model), model.encode_prompts(PROMPTS))
    for temperature in (0.0, 1.0):
        plain, reused = (
            generate(model, asked, seeds=range(36), temperature=temperature, max_tokens=20, known=each)
            for each in (None, known)
        )
        for one, other in zip(plain, reused, strict=True):
            assert one.ids.tolist() == other.ids.tolist()
            assert np.abs(one.logprobs - other.logprobs).max() < 1e-4
    rows = model.encode_prompts(asked)
    assert (top_tokens(model, rows, 3)[0] == top_tokens(model, rows, 3, known)[0]).all()
    np.testing.assert_allclose(values(model, rows), values(model, rows, known), atol=1e-4)


def test_short_prompts_and_other_networks_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    rows = [[5] * length for length in (3, 5, 8)]
    asked = [[5] * 4, [5] * 6]

    def found() -> list[bool]:
        known = open_text_cache(model, rows)
        assert known is not None
        return [each is not None for each in known.find(asked)]

    assert found() == [False, False]
    monkeypatch.setattr(llama_reader, "LONG_PROMPT", 5)
    assert found() == [False, True]
    assert open_text_cache(other_model("GPT2LMHeadModel", "GPT2Config", n_positions=64), rows) is None
    # Two layers of keys and values, two groups of eight numbers of four bytes: 256 a token, 13 tokens.
    monkeypatch.setattr(llama_reader, "MAX_PROMPT_BYTES", 13 * 256 - 1)
    assert found() == [False, False]
    monkeypatch.setattr(llama_reader, "MAX_PROMPT_BYTES", 13 * 256)
    assert found() == [False, True]
