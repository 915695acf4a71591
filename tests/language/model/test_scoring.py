"""Scores, values and likeliest tokens of texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_models import PROMPTS, SEEDS, tiny_llama

from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel, ValueHead
from engine.language.model.scoring import (
    score,
    score_tokens,
    text_values,
    top_tokens,
    value_logits,
    values,
)


def test_scores_are_those_of_the_plain_network() -> None:
    model = tiny_llama()
    completions = ["3;", "", "1+1=2\n", "x"]
    prompts = ["1+2=", "5", "", "0123456789"]
    for ended in (False, True):
        rows = score(model, prompts, completions, ended=ended)
        for prompt, completion, row in zip(prompts, completions, rows, strict=True):
            head, tail = model.codec.encode_prompts([prompt])[0], model.codec._encode([completion])[0]
            tail = tail + [model.codec.end] * ended
            with torch.no_grad():
                table = model.network(torch.tensor([head + tail])).logits[0].log_softmax(1)
            wanted = [float(table[len(head) + place - 1, token]) for place, token in enumerate(tail)]
            assert row.tolist() == pytest.approx(wanted, abs=1e-5)


def test_scoring_in_small_batches_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    whole = score(model, PROMPTS, PROMPTS)
    monkeypatch.setattr("engine.language.model.whole_text.MAX_TOKENS", 40)
    for one, other in zip(whole, score(model, PROMPTS, PROMPTS), strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_values_are_of_the_last_token() -> None:
    model = tiny_llama()
    assert model.add_value_head() is model.add_value_head()
    torch.nn.init.normal_(model.add_value_head().weight, std=0.1, generator=torch.Generator().manual_seed(1))
    got = values(model, model.encode_prompts(PROMPTS))
    for prompt, value in zip(PROMPTS[:8], got, strict=False):
        with torch.no_grad():
            hidden = model.network(
                torch.tensor(model.encode_prompts([prompt])), output_hidden_states=True
            ).hidden_states[-1][0, -1]
            assert value == pytest.approx(float(model.add_value_head()(hidden).sigmoid()), abs=1e-5)
    assert got.dtype == np.float32
    ids = torch.tensor(model.encode_prompts(["1+2"]))
    assert value_logits(model, ids, torch.ones_like(ids)).requires_grad


def test_values_count_the_likelihood_of_what_follows_the_prompt() -> None:
    model = tiny_llama()
    torch.nn.init.normal_(model.add_value_head().weight, std=0.1, generator=torch.Generator().manual_seed(1))
    by_state = text_values(model, PROMPTS, PROMPTS)
    head = model.add_value_head(likelihood=True)
    np.testing.assert_allclose(text_values(model, PROMPTS, PROMPTS), by_state, atol=1e-5)
    assert head is model.add_value_head(likelihood=True)
    assert head.nats is not None
    torch.nn.init.constant_(head.nats, 0.25)
    nats = np.array([row.sum() for row in score(model, PROMPTS, PROMPTS)])
    wanted = 1 / (1 + (1 / by_state - 1) * np.exp(-0.25 * nats))
    np.testing.assert_allclose(text_values(model, PROMPTS, PROMPTS), wanted, atol=1e-4)
    # A prompt alone has nothing that could be likely, and a row's place in a batch changes nothing.
    np.testing.assert_allclose(
        text_values(model, PROMPTS[:1], [""]), values_by_state(model, PROMPTS[:1]), atol=1e-5
    )
    np.testing.assert_allclose(text_values(model, PROMPTS[:1], PROMPTS[:1]), wanted[:1], atol=1e-4)


def test_values_read_while_writing_are_left_out_where_likelihood_counts() -> None:
    model = tiny_llama()
    torch.nn.init.normal_(model.add_value_head().weight, std=0.1, generator=torch.Generator().manual_seed(1))
    known = generate(model, PROMPTS[:2], seeds=[1, 2], max_tokens=4)
    assert all(np.isfinite(each.values).all() for each in known)
    model.add_value_head(likelihood=True)
    unknown = generate(model, PROMPTS[:2], seeds=[1, 2], max_tokens=4)
    assert all(np.isnan(each.values).all() for each in unknown)


def values_by_state(model: LanguageModel, prompts: list[str]) -> np.ndarray:
    head = model.add_value_head()
    bare = ValueHead(model.config.hidden_size)
    bare.load_state_dict({name: each for name, each in head.state_dict().items() if name != "nats"})
    model.value_head = bare
    try:
        return values(model, model.encode_prompts(prompts))
    finally:
        model.value_head = head


def test_top_tokens_are_the_likeliest() -> None:
    model = tiny_llama()
    ids, logprobs = top_tokens(model, model.encode_prompts(PROMPTS), 3)
    assert (np.diff(logprobs) <= 0).all()
    heads = model.encode_prompts(PROMPTS)
    for place in range(3):
        scored = score_tokens(model, heads, [[int(row[place])] for row in ids])
        assert np.allclose(np.concatenate(scored), logprobs[:, place], atol=1e-4)
    greedy = generate(model, PROMPTS, seeds=SEEDS, temperature=0, max_tokens=1)
    assert [int(each.ids[0]) for each in greedy] == ids[:, 0].tolist()
    assert top_tokens(model, model.encode_prompts(["1"]), 10_000)[0].shape == (1, len(model.codec.tokenizer))
