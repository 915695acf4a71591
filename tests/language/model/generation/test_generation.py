"""Generation: caches against recomputing, noise by seed and position, stop strings, and counted tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import ALPHABET, PROMPTS, SEEDS, other_model, tiny_llama

from engine.errors import UserError
from engine.language.model.ability import ability_of
from engine.language.model.generation import generation
from engine.language.model.generation.generation import Completion, generate
from engine.language.model.model import LanguageModel
from engine.language.model.model_folder import add_adapter
from engine.language.model.scoring import score_tokens
from engine.language.model.tiny_model import build_model


def same(ours: Sequence[Completion], theirs: Sequence[Completion], tolerance: float) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert (one.text, one.stop, one.ended) == (other.text, other.stop, other.ended)
        assert one.ids.tolist() == other.ids.tolist()
        assert np.abs(one.logprobs - other.logprobs).max() <= tolerance
        assert one.entropy == pytest.approx(other.entropy, abs=10 * tolerance)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("changes", [{}, {"tie_word_embeddings": True}, {"head_dim": 16}])
def test_caches_agree_with_recomputing(
    changes: dict[str, Any], temperature: float, decode_by: Callable[[str], None]
) -> None:
    model = tiny_llama(**changes)
    assert generation.is_small_llama(model)
    found = []
    for decoder in ("recompute", "cache", "llama"):
        decode_by(decoder)
        # Up to the end of the context, which long prompts meet first.
        found.append(
            generate(model, PROMPTS, seeds=SEEDS, temperature=temperature, max_tokens=60, stop=(";)", "="))
        )
    same(found[1], found[0], 1e-4)
    same(found[2], found[0], 1e-4)
    assert max(each.tokens for each in found[0]) > 15


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_bias": True},
        {"hidden_act": "gelu"},
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}},
    ],
)
def test_other_llamas_go_by_the_cache(changes: dict[str, Any]) -> None:
    assert not generation.is_small_llama(tiny_llama(**changes))


def test_a_llama_with_an_adapter_goes_by_the_cache() -> None:
    model = add_adapter(tiny_llama(), rank=2, alpha=2, dropout=0.0, seed=1)
    assert not generation.is_small_llama(model)
    same(
        generate(model, PROMPTS, seeds=SEEDS, max_tokens=8),
        generate(tiny_llama(), PROMPTS, seeds=SEEDS, max_tokens=8),
        1e-4,
    )


@pytest.mark.parametrize(
    ("network", "config", "settings"),
    [
        ("GPT2LMHeadModel", "GPT2Config", {"n_positions": 64}),
        ("BloomForCausalLM", "BloomConfig", {}),
        ("MistralForCausalLM", "MistralConfig", {"sliding_window": 6}),
        ("Gemma2ForCausalLM", "Gemma2Config", {"head_dim": 8}),
        ("OPTForCausalLM", "OPTConfig", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    ],
)
def test_any_architecture_says_what_it_scores(network: str, config: str, settings: dict[str, Any]) -> None:
    model = other_model(network, config, **settings)
    assert ability_of(model).caches
    says_what_it_scores(model)


@pytest.mark.filterwarnings("ignore")
def test_a_network_without_rows_in_its_cache_is_recomputed() -> None:
    model = other_model("MambaForCausalLM", "MambaConfig")
    assert not ability_of(model).caches
    says_what_it_scores(model)


def says_what_it_scores(model: LanguageModel) -> None:
    completions = generate(model, PROMPTS, seeds=SEEDS, max_tokens=12, stop=("=",))
    heads = model.encode_prompts(PROMPTS)
    scored = score_tokens(model, heads, [each.ids.tolist() for each in completions])
    for one, row in zip(completions, scored, strict=True):
        assert np.abs(one.logprobs - row).max() < 1e-4
        assert one.logprob == pytest.approx(row.sum(dtype=np.float64), abs=1e-3)


def test_a_row_does_not_depend_on_its_company() -> None:
    model = tiny_llama()
    together = generate(model, PROMPTS, seeds=SEEDS, max_tokens=12)
    for rows in (1, 7):
        same(generate(model, PROMPTS, seeds=SEEDS, max_tokens=12, max_rows=rows), together, 1e-4)
    order = random.Random(1).sample(range(len(PROMPTS)), len(PROMPTS))
    mixed = generate(
        model, [PROMPTS[row] for row in order], seeds=[SEEDS[row] for row in order], max_tokens=12
    )
    same(mixed, [together[row] for row in order], 1e-4)


def test_the_same_call_gives_the_same_bits() -> None:
    model = tiny_llama()
    once, again = (generate(model, PROMPTS, seeds=SEEDS, max_tokens=12) for _ in range(2))
    same(once, again, 0)


def test_seeds_make_the_difference() -> None:
    model = tiny_llama()
    texts = [each.text for each in generate(model, ["1+"] * 60, seeds=range(60), max_tokens=12)]
    assert len(set(texts)) > 50
    equal = generate(model, ["1+"] * 5, seeds=[2**64 + 7] * 3 + [7, -(2**64) + 7], max_tokens=12)
    assert len({each.text for each in equal}) == 1


def test_greedy_is_what_transformers_does() -> None:
    model = tiny_llama()
    prompts = PROMPTS[:5]
    greedy = generate(model, prompts, seeds=[0] * 5, temperature=0, max_tokens=9)
    for prompt, ours in zip(prompts, greedy, strict=True):
        ids = torch.tensor(model.encode_prompts([prompt]))
        theirs = model.network.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=9, do_sample=False
        )
        assert theirs[0, ids.shape[1] :].tolist() == ours.ids.tolist()


def test_every_step_counts_its_live_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    stepped: list[int] = []
    step = generation.LlamaDecoder.step

    def counting(self: Any, tokens: torch.Tensor) -> torch.Tensor:
        stepped.append(len(tokens))
        return step(self, tokens)

    monkeypatch.setattr(generation.LlamaDecoder, "step", counting)
    completions = generate(model, PROMPTS, seeds=SEEDS, max_tokens=40, stop=("=", "+"))
    lengths = np.array([each.tokens for each in completions])
    live = [int((lengths > position + 1).sum()) for position in range(len(stepped))]
    assert len(stepped) == lengths.max() - 1
    assert all(
        rows <= batch <= rows / generation.SHRINK_AT + 1 for rows, batch in zip(live, stepped, strict=True)
    )


def test_equal_prompts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, int]] = []
    monkeypatch.setattr(generation, "is_small_llama", lambda _: False)
    start = generation.CachedDecoder.__init__

    def counting(self: Any, model: Any, prompts: Any, copies: torch.Tensor) -> None:
        read.append((len(prompts), len(copies)))
        start(self, model, prompts, copies)

    monkeypatch.setattr(generation.CachedDecoder, "__init__", counting)
    generate(tiny_llama(), ["1+2"] * 9 + ["3+4"] * 3, seeds=range(12), max_tokens=2)
    assert read == [(2, 12)]


def test_a_context_that_is_larger_than_any_memory_costs_nothing() -> None:
    model = tiny_llama(context=10**12)
    assert generate(model, ["1+2"], seeds=[1], max_tokens=3)[0].tokens <= 3


def test_limits() -> None:
    model = tiny_llama(context=16)
    model.ends = ()
    one, two = generate(model, ["1" * 13, "1"], seeds=[1, 2], max_tokens=5)
    assert (one.tokens, two.tokens) == (2, 5)
    assert not one.ended
    assert not two.ended
    with pytest.raises(UserError, match="has 16 tokens, the model's context 16"):
        generate(model, ["1" * 15], seeds=[1], max_tokens=5)
    assert generate(model, [], seeds=[], max_tokens=5) == []


def test_a_diverged_model_is_found() -> None:
    model = tiny_llama()
    with torch.no_grad():
        model.network.lm_head.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="not finite"):
        generate(model, ["1"], seeds=[1], max_tokens=3)


def test_a_built_model_generates() -> None:
    model = build_model(ALPHABET, "0.1M", 3)
    (only,) = generate(model, ["1+2="], seeds=[1], max_tokens=7)
    assert only.tokens <= 7
    assert only.entropy == pytest.approx(np.log(len(model.codec.tokenizer)), rel=0.05)
