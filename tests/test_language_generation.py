"""Generation: caches against recomputing, noise by seed and position, stop strings, and counted tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import ALPHABET, byte_tokenizer, other_model, tiny_llama

from engine.errors import UserError
from engine.language import generation
from engine.language.codec import Codec
from engine.language.generation import Completion, generate
from engine.language.model import LanguageModel
from engine.language.model_folder import add_adapter
from engine.language.sampling import Noise, Sampling, draw, kept
from engine.language.scoring import score, score_tokens, top_tokens, value_logits, values
from engine.language.tiny_model import build_model


def some_prompts(count: int = 30, longest: int = 12) -> list[str]:
    source = random.Random(0)
    return ["".join(source.choices("0123456789+-", k=source.randint(0, longest))) for _ in range(count)]


PROMPTS = some_prompts() * 2
SEEDS = list(range(len(PROMPTS)))


@pytest.fixture
def decode_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Choose the decoder: `llama`, `cache` or `recompute`."""

    def choose(name: str) -> None:
        monkeypatch.setattr(generation, "is_small_llama", lambda _: name == "llama")
        monkeypatch.setattr(generation, "has_rows", lambda _: name == "cache")

    return choose


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
    assert generation.has_rows(model)
    says_what_it_scores(model)


@pytest.mark.filterwarnings("ignore")
def test_a_network_without_rows_in_its_cache_is_recomputed() -> None:
    model = other_model("MambaForCausalLM", "MambaConfig")
    assert not generation.has_rows(model)
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


# Stop strings


def scripted(codec: Codec, script: Sequence[Sequence[int]], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A generate() whose rows say what `script` says, by prompts `0`, `1`, …"""

    class Script:
        def __init__(self, rows: list[int]) -> None:
            self.rows, self.position = rows, 0
            self.logits = self.now()

        def now(self) -> torch.Tensor:
            logits = torch.full((len(self.rows), len(codec.tokenizer)), -1e9)
            for place, row in enumerate(self.rows):
                said = script[row]
                logits[place, said[self.position] if self.position < len(said) else codec.end] = 0
            return logits

        def step(self, tokens: torch.Tensor) -> torch.Tensor:
            assert len(tokens) == len(self.rows)
            self.position += 1
            return self.now()

        def select(self, rows: torch.Tensor) -> None:
            self.rows = [self.rows[row] for row in rows.tolist()]

    def start(_: Any, prompts: list[list[int]], *__: Any) -> tuple[Script, torch.Tensor]:
        known = codec.encode_prompts([str(row) for row in range(len(script))])
        decoder = Script([known.index(prompt) for prompt in prompts])
        return decoder, decoder.logits

    monkeypatch.setattr(generation, "start_decoder", start)
    model = tiny_llama(context=200)
    model.codec, model.ends = codec, (codec.end,)

    def run(stop: Sequence[str], max_tokens: int = 100) -> list[Completion]:
        prompts = [str(row) for row in range(len(script))]
        return generate(model, prompts, seeds=range(len(script)), max_tokens=max_tokens, stop=stop)

    return run


def test_stop_strings_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = tiny_llama().codec
    texts = ["1+2;3", "12\n;", "1;\n2", "abc", "x" * 9, ";"]
    run = scripted(codec, codec._encode(texts), monkeypatch)
    found = [(each.text, each.stop, each.tokens, each.ended) for each in run((";", "\n"), 8)]
    assert found == [
        ("1+2", ";", 4, True),
        ("12", "\n", 3, True),
        ("1", ";", 2, True),
        ("abc", "", 4, True),
        ("x" * 8, "", 8, False),
        ("", ";", 1, True),
    ]
    # The longer of two that start at one place; one that needs two tokens.
    assert [(each.text, each.stop) for each in run((";\n", "+2"))][:3] == [
        ("1", "+2"),
        ("12\n;", ""),
        ("1", ";\n"),
    ]


@pytest.mark.parametrize("stops", [(";",), ("; ", "\n"), (";;", "é"), ("=4;",), (" ",)])
def test_stop_strings_inside_and_across_tokens(
    stops: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["1+3=4; 4*2=8;;", "é+é=;\n", "2=4;é", "  ;; =4;", "ééé", "1;;;2;;; 4"]
    codec = Codec(byte_tokenizer(texts * 3, 300))
    rows = codec._encode(texts)
    assert any(len(row) < len(text) for row, text in zip(rows, texts, strict=True))
    for text, row, got in zip(texts, rows, scripted(codec, rows, monkeypatch)(stops), strict=True):
        # The first prefix of tokens whose text holds a stop string, found by trying them all.
        ended = [
            n for n in range(1, len(row) + 1) if any(stop in codec.decode([row[:n]])[0] for stop in stops)
        ]
        tokens = ended[0] if ended else len(row) + 1
        assert got.tokens == tokens
        said = codec.decode([row[:tokens]])[0]
        place = min((said.find(stop) for stop in stops if stop in said), default=len(said))
        assert got.text == said[:place]
        assert bool(got.stop) == bool(ended)
        assert got.ended
        assert text.startswith(got.text + got.stop)


def test_a_stop_character_of_two_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec(byte_tokenizer(["12"], 260))
    rows = codec._encode(["1é2", "è1"])
    assert [len(row) for row in rows] == [4, 3]
    found = [(each.text, each.stop, each.tokens) for each in scripted(codec, rows, monkeypatch)(("é",))]
    assert found == [("1", "é", 3), ("è1", "", 4)]


def test_pieces_know_what_follows_a_text() -> None:
    codec = Codec(byte_tokenizer(["a b a b"] * 5, 280))
    pieces = codec.pieces()
    (row,) = codec._encode([" b a"])
    assert "".join(str(pieces[token]) for token in row) == " b a"
    assert None in pieces  # single bytes of a character


# Sampling


def test_noise_is_splitmix64() -> None:
    # First outputs of the reference implementation for the state 1234567.
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    from engine.language.sampling import _GAMMA, _mixed

    states = [np.uint64((1234567 + step * int(_GAMMA)) % 2**64) for step in (1, 2, 3)]
    assert _mixed(np.array(states, np.uint64)).tolist() == reference


def test_noise_is_uniform() -> None:
    rows = np.arange(500)
    numbers = np.stack([Noise(range(500)).uniform(rows, position) for position in range(40)])
    # Kolmogorov and Smirnov's distance is above 1.95 / sqrt(n) once in a thousand times.
    grid = np.arange(numbers.size) / numbers.size
    assert np.abs(np.sort(numbers.ravel()) - grid).max() < 1.95 / numbers.size**0.5
    for one, other in ((numbers[:, :-1], numbers[:, 1:]), (numbers[:-1], numbers[1:])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.03
    assert numbers.min() >= 0
    assert numbers.max() < 1


@given(
    st.lists(st.floats(-8, 8), min_size=2, max_size=8),
    st.integers(0, 9),
    st.floats(0.05, 1),
    st.floats(0.2, 4),
)
@settings(max_examples=40, deadline=None)
def test_cuts_keep_the_likeliest(logits: list[float], top_k: int, top_p: float, temperature: float) -> None:
    table = torch.tensor([logits])
    probs = (table / temperature).softmax(1)[0].double().numpy()
    got = kept(table, Sampling(temperature, top_k, top_p))[0].double().numpy()
    order = np.argsort(-probs, kind="stable")[: top_k or len(probs)]
    share = probs[order] / probs[order].sum()
    enough = int(np.searchsorted(np.cumsum(share), top_p - 1e-5)) + 1
    assert enough - 1 <= (got > 0).sum() <= enough + 2 or len(set(probs.round(6))) < len(probs)
    assert (got > 0).any()
    assert np.allclose(got[got > 0], probs[got > 0], atol=1e-6)
    assert probs[got > 0].min() >= probs[got == 0].max(initial=0) - 1e-6 or top_k


def test_top_p_by_hand() -> None:
    table = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    for top_p, count in ((0.4, 1), (0.6, 2), (0.79, 2), (0.81, 3), (0.96, 4)):
        assert int((kept(table, Sampling(top_p=top_p)) > 0).sum()) == count
    assert int((kept(table, Sampling(top_k=2)) > 0).sum()) == 2
    # Of the two kept by top-k the first has 0.625.
    assert int((kept(table, Sampling(top_k=2, top_p=0.6)) > 0).sum()) == 1


def test_draws_follow_the_distribution() -> None:
    logits = torch.tensor([[1.0, 0.0, -1.0, float("-inf"), 2.0]])
    count = 20_000
    uniform = torch.from_numpy(Noise(range(count)).uniform(np.arange(count), 3))
    for sampling in (Sampling(), Sampling(temperature=0.5), Sampling(top_k=2)):
        tokens, logprobs, entropy = draw(logits.expand(count, -1), uniform, sampling)
        wanted = kept(logits, sampling)[0]
        wanted = (wanted / wanted.sum()).numpy().astype(np.float64)
        seen = np.bincount(tokens.numpy(), minlength=5)
        assert (seen[wanted == 0] == 0).all()
        some = wanted > 0
        # Of chi-square with at most 3 degrees of freedom, 16.3 is passed once in a thousand times.
        assert ((seen - wanted * count)[some] ** 2 / (wanted * count)[some]).sum() < 16.3
        assert torch.equal(logprobs, logits.log_softmax(1)[0][tokens])
        assert entropy[0] == pytest.approx(float(torch.distributions.Categorical(logits=logits[0]).entropy()))


def test_the_ends_of_the_noise_draw_what_has_probability() -> None:
    logits = torch.tensor([[float("-inf"), 0.0, 1.0, float("-inf")]] * 2)
    tokens, _, _ = draw(logits, torch.tensor([0.0, 1 - 2**-24]), Sampling())
    assert tokens.tolist() == [1, 2]


# Scores


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
    monkeypatch.setattr("engine.language.scoring.MAX_TOKENS", 40)
    for one, other in zip(whole, score(model, PROMPTS, PROMPTS), strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_values_are_of_the_last_token() -> None:
    model = tiny_llama()
    assert model.add_value_head() is model.add_value_head()
    torch.nn.init.normal_(model.add_value_head().weight)
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


def test_a_built_model_generates() -> None:
    model = build_model(ALPHABET, "0.1M", 3)
    (only,) = generate(model, ["1+2="], seeds=[1], max_tokens=7)
    assert only.tokens <= 7
    assert only.entropy == pytest.approx(np.log(len(model.codec.tokenizer)), rel=0.05)
