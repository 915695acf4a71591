"""Draws without replacement: against enumeration, in one call and over several, in any batch."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from letter_words import LETTERS, Words
from tiny_models import byte_tokenizer, plain_tokenizer, tiny_llama

from engine.config.play import ProposalConfig, ProposedSearchConfig
from engine.errors import UserError
from engine.language.method.registry import build_text_config, method_of
from engine.language.model.codec import Codec
from engine.language.model.generation.distinct import Draw, draw_distinct
from engine.language.model.generation.generation import generate
from engine.language.model.generation.successors import Drawn
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score_tokens, values
from engine.language.rollout import Draw as RolloutDraw
from engine.language.rollout import Policy, sample
from engine.language.search.adapter import LanguageEvaluator, Prior
from engine.language.search.tree_search import Plan, search_completions


@pytest.fixture(scope="module")
def small() -> LanguageModel:
    """Four characters and the special tokens, few enough to write down all that may be said."""
    return tiny_llama(3, alphabet=LETTERS)


def with_value() -> LanguageModel:
    model = tiny_llama()
    torch.nn.init.normal_(model.add_value_head().weight, generator=torch.Generator().manual_seed(1))
    return model


def drawn_with(
    model: LanguageModel, prompts: Sequence[str], counts: Sequence[int], seeds: Sequence[int], **more: Any
) -> list[Draw]:
    options: dict[str, Any] = {"drawn": [Drawn() for _ in prompts], "max_tokens": 3, "stop": (";",), **more}
    return draw_distinct(model, prompts, counts, seeds=seeds, **options)


def enumerated(
    model: LanguageModel, prompt: str, length: int, temperature: float = 1.0
) -> dict[tuple[int, ...], float]:
    """Continuations that end with an end token, a ';' or after `length` tokens, with their probabilities."""
    codec, found = model.codec, {(): 1.0}
    ends = {*model.ends, *(token for token, piece in enumerate(codec.pieces()) if piece and ";" in piece)}
    head = model.encode_prompts([prompt])[0]
    for _ in range(length):
        for row in [row for row in found if not row or row[-1] not in ends]:
            ids = torch.tensor([[*head, *row]])
            with torch.no_grad():
                probs = (model.network(ids).logits[0, -1] / temperature).double().softmax(0)
            mass = found.pop(row)
            found |= {(*row, token): mass * float(p) for token, p in enumerate(probs)}
    return found


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_everything_is_drawn_once(small: LanguageModel, temperature: float) -> None:
    every = enumerated(small, "a", 3, temperature)
    drawn, seen = Drawn(), []
    for call in range(100):
        (draw,) = drawn_with(small, ["a"], [16], [call], drawn=[drawn], temperature=temperature, max_tokens=3)
        seen += [tuple(c.ids.tolist()) for c in draw.completions]
        if len(draw.completions) < 16:
            break
    assert len(seen) == len(set(seen))
    # What has a millionth of the probability, or of its start's, is taken for rounding.
    assert sum(p for row, p in every.items() if row not in set(seen)) < 1e-5
    assert set(seen) <= set(every)
    assert {row for row, p in every.items() if p > 1e-5} <= set(seen)
    assert drawn.mass == pytest.approx(0, abs=1e-5)
    assert drawn_with(small, ["a"], [3], [99], drawn=[drawn], temperature=temperature)[0].completions == []


@pytest.mark.parametrize("calls", [(2,), (1, 1)])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_pairs_come_as_draws_without_replacement_do(
    small: LanguageModel, calls: tuple[int, ...], temperature: float
) -> None:
    """P(a, then b) = p(a) p(b) / (1 - p(a))."""
    count = 3000
    every = enumerated(small, "b", 2, temperature)
    drawn = [Drawn() for _ in range(count)]
    rows: list[list[tuple[int, ...]]] = [[] for _ in range(count)]
    for call, size in enumerate(calls):
        seeds = [10_000 * call + text for text in range(count)]
        draws = drawn_with(
            small, ["b"] * count, [size] * count, seeds, drawn=drawn, temperature=temperature, max_tokens=2
        )
        for row, draw in zip(rows, draws, strict=True):
            row += [tuple(c.ids.tolist()) for c in draw.completions]
    seen = Counter(tuple(row) for row in rows)
    expected = {
        (a, b): count * p * q / (1 - p) for (a, p), (b, q) in itertools.permutations(every.items(), 2)
    }
    large = {pair: mean for pair, mean in expected.items() if mean >= 5}
    rest = count - sum(large.values())
    terms = [(seen[pair] - mean) ** 2 / mean for pair, mean in large.items()]
    terms.append((count - sum(seen[pair] for pair in large) - rest) ** 2 / rest)
    # Chi-square has mean n and variance 2 n; five deviations.
    assert sum(terms) < len(large) + 5 * math.sqrt(2 * len(large)), (sum(terms), len(large))


@settings(max_examples=25)
@given(st.data())
def test_a_text_is_drawn_alike_in_any_batch(data: st.DataObject) -> None:
    model = tiny_llama()
    texts = st.text("1+;a(", min_size=0, max_size=12)
    prompts = data.draw(st.lists(texts, min_size=1, max_size=6))
    counts = data.draw(st.lists(st.integers(1, 6), min_size=len(prompts), max_size=len(prompts)))
    seeds = data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=len(prompts), max_size=len(prompts)))
    rows = data.draw(st.sampled_from([1, 4, 512]))
    together = drawn_with(model, prompts, counts, seeds, max_rows=rows, max_tokens=5)
    for prompt, count, seed, draw in zip(prompts, counts, seeds, together, strict=True):
        (alone,) = drawn_with(model, [prompt], [count], [seed], max_tokens=5)
        assert [c.ids.tolist() for c in draw.completions] == [c.ids.tolist() for c in alone.completions]
        assert [c.ended for c in draw.completions] == [c.ended for c in alone.completions]
        assert (draw.tokens, len(draw.completions)) == (alone.tokens, count)
        assert draw.tokens <= 5 * count


def test_what_is_said_of_a_continuation_holds(decode_by: Any) -> None:
    model = with_value()
    prompts = ["1+", "((", "", "1+1;2"]
    found = []
    for decoder in ("recompute", "cache", "llama"):
        decode_by(decoder)
        found.append(drawn_with(model, prompts, [5, 1, 3, 4], [1, 2, 3, 4], max_tokens=6))
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert [c.ids.tolist() for c in one.completions] == [c.ids.tolist() for c in other.completions]
    heads = model.encode_prompts(prompts)
    said = values(model, heads)
    for head, value, draw in zip(heads, said, found[-1], strict=True):
        scored = score_tokens(
            model, [head] * len(draw.completions), [c.ids.tolist() for c in draw.completions]
        )
        for completion, logprobs in zip(draw.completions, scored, strict=True):
            assert np.abs(completion.logprobs - logprobs).max() < 1e-4
            written = [[*head, *completion.ids[:length].tolist()] for length in range(completion.tokens)]
            assert completion.values == pytest.approx(values(model, written), abs=1e-5)
            assert completion.values[0] == pytest.approx(value, abs=1e-5)
            assert completion.ended == (completion.stop == ";" or int(completion.ids[-1]) in model.ends)


def test_the_only_continuation_left_is_drawn(small: LanguageModel) -> None:
    drawn = Drawn()
    every = list(enumerated(small, "", 1))
    (most,) = drawn_with(small, [""], [len(every) - 1], [0], drawn=[drawn], max_tokens=1)
    (last,) = drawn_with(small, [""], [4], [1], drawn=[drawn], max_tokens=1)
    assert len(last.completions) == 1
    assert {tuple(c.ids.tolist()) for c in most.completions + last.completions} == set(every)
    assert last.tokens == 1


def test_awkward_texts(small: LanguageModel) -> None:
    assert drawn_with(small, [], [], []) == []
    with pytest.raises(UserError, match="context"):
        drawn_with(small, ["a" * small.context], [1], [0])
    near = "a" * (small.context - len(small.encode_prompts([""])[0]) - 1)
    (draw,) = drawn_with(small, [near], [2], [0], max_tokens=9)
    assert [c.tokens for c in draw.completions] == [1, 1]
    with torch.no_grad():
        small.network.lm_head.weight[0] = math.nan
    try:
        with pytest.raises(UserError, match="not finite"):
            drawn_with(small, ["a"], [2], [0])
    finally:
        with torch.no_grad():
            small.network.lm_head.weight[0] = 0


def test_stop_strings_across_tokens_of_bytes() -> None:
    tokenizer = byte_tokenizer(["ab;\n", "ba;;", "bb\n;a"], 300)
    network = tiny_llama(5, vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id).network
    model = LanguageModel(network, tokenizer)
    assert isinstance(model.codec, Codec)
    draws = drawn_with(model, ["ab", "b"], [8, 8], [1, 2], stop=("\n;", "a;"), max_tokens=6)
    for draw in draws:
        assert len({tuple(c.ids.tolist()) for c in draw.completions}) == 8
        for completion in draw.completions:
            (text,) = model.codec.decode([completion.ids.tolist()])
            cut = min((text.find(stop) for stop in ("\n;", "a;") if stop in text), default=len(text))
            assert completion.text == text[:cut]


@pytest.mark.parametrize("rule", ["puct", "gumbel"])
def test_a_tree_whose_steps_come_once(small: LanguageModel, rule: str) -> None:
    task = Words()
    proposals = ProposalConfig(distinct=True, initial_proposals=3, max_proposals=12, widening_factor=2)
    found = search_completions(
        task, Policy(small, ""), task.prompts("test", 4, 0), Plan(60, 200, judge=True),
        ProposedSearchConfig(rule=rule), proposals, lambda pairs: [task.verify(*pair) for pair in pairs],
        seed=1,
    )  # fmt: skip
    for episode in found:
        assert episode.tokens <= 200
        assert max(len(step.proposals) for step in episode.steps) > 3
        for step in episode.steps:
            ended = [text for text in step.proposals if text.endswith(";")]
            assert len(set(ended)) == len(ended)
            assert sum(step.prior) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("prior", ["freq", "logp"])
def test_a_step_weighs_its_probability(small: LanguageModel, prior: Prior) -> None:
    task = Words()
    proposals = ProposalConfig(distinct=True, initial_proposals=300, max_proposals=300)
    prompts = task.prompts("test", 4, 0)
    found = search_completions(
        task, Policy(small, ""), prompts, Plan(1, judge=True, prior=prior), ProposedSearchConfig(), proposals,
        lambda pairs: [task.verify(*pair) for pair in pairs], seed=1,
    )  # fmt: skip
    for prompt, episode in zip(prompts, found, strict=True):
        # Several spellings of a step, with tokens that have no text, are one step.
        mass: Counter[str] = Counter()
        for row, p in enumerated(small, prompt.text, 3).items():
            mass[small.codec.decode([list(row)])[0]] += p
        first = episode.steps[0]
        weights: Counter[str] = Counter()
        for text, prior in zip(first.proposals, first.prior, strict=True):
            weights[text] += prior
        assert len(weights) > 10
        assert max(abs(weights[text] - mass[text]) for text in mass) < 0.005


def test_values_are_read_on_the_way() -> None:
    model, prompts = with_value(), ["1+", "((", "1+", "a;b"]
    made = generate(model, prompts, seeds=[1, 2, 3, 4], max_tokens=9, stop=(";",))
    for head, completion in zip(model.encode_prompts(prompts), made, strict=True):
        texts = [[*head, *completion.ids[:length].tolist()] for length in range(completion.tokens)]
        assert completion.values == pytest.approx(values(model, texts), abs=1e-5)
    assert np.isnan(generate(tiny_llama(), ["1+"], seeds=[1], max_tokens=4)[0].values).all()


@pytest.mark.parametrize("likelihood", [False, True])
@pytest.mark.parametrize("distinct", [False, True])
def test_a_tree_takes_values_as_they_are_read(
    distinct: bool, likelihood: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same search as with every text read anew."""
    tokenizer = plain_tokenizer(LETTERS)
    sizes = {"vocab_size": len(tokenizer), "eos_token_id": 0, "pad_token_id": 0}
    model, task = LanguageModel(tiny_llama(3, **sizes).network, tokenizer), Words()
    torch.nn.init.normal_(model.add_value_head().weight, generator=torch.Generator().manual_seed(1))
    if likelihood:
        nats = model.add_value_head(True).nats
        assert nats is not None
        torch.nn.init.constant_(nats, 0.3)
    starts_read: list[int] = []
    read = LanguageEvaluator._opinions

    def counted(self: LanguageEvaluator, questions: Any) -> Any:
        steps = [self.interns[q.tree].steps[q.path[-1]] if q.path else None for q in questions]
        starts_read[-1] += sum(step is None or not step.ends for step in steps)
        return read(self, questions)

    monkeypatch.setattr(LanguageEvaluator, "_opinions", counted)
    proposals = ProposalConfig(distinct=distinct, initial_proposals=3, max_proposals=12)
    found = []
    for critic in (None, LanguageModel(model.network, model.codec.tokenizer, value_head=model.value_head)):
        starts_read.append(0)
        episodes = search_completions(
            task, Policy(model, ""), task.prompts("test", 4, 0), Plan(40), ProposedSearchConfig(), proposals,
            lambda pairs: [task.verify(*pair) for pair in pairs], seed=2, critic=critic,
        )  # fmt: skip
        found.append([(e.completion, [step.visits for step in e.steps]) for e in episodes])
    assert found[0] == found[1]
    assert starts_read[0] == (starts_read[1] if likelihood else 0)
    assert starts_read[1] >= 4


@pytest.mark.parametrize("rows", [4, 512])
def test_samples_of_a_problem_differ(rows: int) -> None:
    task = Words()
    models = [tiny_llama(seed, alphabet=LETTERS) for seed in (3, 4)]
    policies = [Policy(model, str(number)) for number, model in enumerate(models)]
    prompts, told = task.prompts("test", 4, 0), list[int]()
    episodes = sample(
        task, policies, prompts, 12, RolloutDraw(rows=rows, distinct=True),
        lambda pairs: [task.verify(*pair) for pair in pairs], seed=1, iteration=0, on_rows=told.append,
    )  # fmt: skip
    assert [e.prompt.id for e in episodes] == [p.id for p in prompts for _ in range(12)]
    assert told[-1] == len(episodes)
    assert told == sorted(told)
    for policy in policies:
        for prompt in prompts:
            own = [e for e in episodes if e.prompt == prompt and e.model == policy.digest]
            assert len({(e.completion, e.logprob) for e in own}) == len(own) == 6
            assert all(e.result == task.verify(prompt, e.completion) for e in own)


def test_a_problem_with_few_completions_gives_them_all() -> None:
    class Short(Words):
        max_tokens = 1

    model, task = tiny_llama(3, alphabet=LETTERS), Short()
    prompts = task.prompts("test", 2, 0)
    episodes = sample(
        task, [Policy(model, "")], prompts, 40, RolloutDraw(distinct=True),
        lambda pairs: [task.verify(*pair) for pair in pairs], seed=1, iteration=0,
    )  # fmt: skip
    vocabulary = model.config.vocab_size
    assert [e.prompt.id for e in episodes] == [p.id for p in prompts for _ in range(vocabulary)]


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ({"temperature": 0}, "temperature above 0"),
        ({"top_k": 3}, "leave sample.top_k"),
        ({"top_p": 0.9}, "sample.top_p out"),
        ({"simulations": 4}, "proposals.distinct"),
    ],
)
def test_distinct_samples_of_a_part_are_refused(setting: dict[str, float], remedy: str) -> None:
    config = build_text_config("rft", "countdown", {"sample": {"distinct": True, **setting}})
    with pytest.raises(UserError, match=remedy):
        method_of(config).check(config)
