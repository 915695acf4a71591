"""The best of n: its score over all choices, and its KL by formula, by enumeration and by samples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_models import other_model

from engine.language.measure.best_of import (
    best_of_n_kl,
    best_of_n_score,
    distribution_kl,
    fit_law,
    sampled_kl,
)
from engine.language.model.generation.generation import generate
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score_tokens, text_values

LETTERS, LENGTH = "abcdef", 5
Enumerated = tuple[LanguageModel, list[str], NDArray[np.float64], NDArray[np.float32]]
"""A model, all that it writes, ln p of each, and a reward of each."""


def test_the_score_is_the_mean_over_all_choices() -> None:
    draw = np.random.default_rng(3)
    values, scores = np.argsort(draw.random((5, 7)), axis=1).astype(float), draw.random((5, 7))
    for n in (1, 2, 4, 7):
        expected = [
            np.mean(
                [
                    score[max(chosen, key=lambda place, row=row: row[place])]  # type: ignore[misc]
                    for chosen in itertools.combinations(range(7), n)
                ]
            )
            for row, score in zip(values, scores, strict=True)
        ]
        assert best_of_n_score(values, scores, n) == pytest.approx(expected)


def test_samples_of_one_value_share_their_chance() -> None:
    values, scores = np.zeros((1, 6)), np.array([[0.0, 0, 0, 1, 1, 1]])
    for n in (1, 3, 6):
        assert best_of_n_score(values, scores, n) == pytest.approx([0.5])


def test_the_formula_by_hand() -> None:
    assert best_of_n_kl(1) == 0
    assert best_of_n_kl(2) == pytest.approx(math.log(2) - 0.5)
    assert best_of_n_kl(512) == pytest.approx(5.2402, abs=1e-4)


def test_two_outcomes_by_hand() -> None:
    """The better of two has probability 1 - (1 - p)^n."""
    p, n = 0.25, 3
    q = 1 - (1 - p) ** n
    expected = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    assert distribution_kl([p, 1 - p], [1.0, 0.0], n) == pytest.approx(expected)
    assert distribution_kl([0.1, 0.2, 0.7], [1.0, 1.0, 1.0], 64) == pytest.approx(0), "nothing to choose by"


def enumerable_model(seed: int) -> LanguageModel:
    """A model that writes six letters, without an end token, at the rates of a small network."""
    model = other_model("LlamaForCausalLM", "LlamaConfig", seed, LETTERS, initializer_range=0.15)
    written = model.codec.decode([[token] for token in range(len(model.codec.tokenizer))])
    blocked = [token for token, text in enumerate(written) if text not in tuple(LETTERS)]
    head = model.network.get_output_embeddings()
    with torch.no_grad():
        head.bias = torch.nn.Parameter(torch.zeros(head.weight.shape[0]))
        head.bias[blocked] = -1e4
    return model


def rewarded(texts: list[str]) -> NDArray[np.float32]:
    """What a reward model of other weights and another alphabet says of them."""
    judge = other_model("LlamaForCausalLM", "LlamaConfig", 9, LETTERS + "#xyz")
    head = judge.add_value_head()
    with torch.no_grad():
        head.weight.normal_(0, 0.5, generator=torch.Generator().manual_seed(5))
    return text_values(judge, ["#"] * len(texts), texts)


@pytest.fixture(scope="module")
def enumerated() -> Enumerated:
    model = enumerable_model(4)
    texts = ["".join(each) for each in itertools.product(LETTERS, repeat=LENGTH)]
    heads = model.encode_prompts(["a"] * len(texts))
    tails = model.codec.encode_completions(["a"] * len(texts), texts)
    logprobs = np.array([row.astype(np.float64).sum() for row in score_tokens(model, heads, tails)])
    assert np.exp(logprobs).sum() == pytest.approx(1, abs=1e-4), "these are all that it writes"
    return model, texts, logprobs, rewarded(texts)


@pytest.mark.parametrize("n", [2, 4, 16, 64])
def test_kl_by_enumeration_is_the_formula_within_five_percent(enumerated: Enumerated, n: int) -> None:
    _, _, logprobs, rewards = enumerated
    exact = distribution_kl(np.exp(logprobs), rewards, n)
    assert exact == pytest.approx(best_of_n_kl(n), rel=0.05)
    assert exact <= best_of_n_kl(n) + 1e-9, "a bound"


@pytest.mark.parametrize("n", [2, 4, 16])
def test_kl_by_samples_is_that_by_enumeration(enumerated: Enumerated, n: int) -> None:
    model, texts, logprobs, rewards = enumerated
    count = 4096
    drawn = generate(model, ["a"] * count, seeds=range(count), max_tokens=LENGTH)
    place = {text: number for number, text in enumerate(texts)}
    index = [place[each.text] for each in drawn]
    assert [each.logprob for each in drawn] == pytest.approx(list(logprobs[index]), abs=1e-3)
    found = sampled_kl([each.logprob for each in drawn], [each.text for each in drawn], rewards[index], n)
    assert found == pytest.approx(distribution_kl(np.exp(logprobs), rewards, n), rel=0.05)
    assert found == pytest.approx(best_of_n_kl(n), rel=0.05)


def test_a_likely_completion_keeps_kl_below_the_formula() -> None:
    """Of one text of probability 0.9 nothing is farther than -ln 0.9."""
    draw = np.random.default_rng(1)
    probabilities, rewards = np.array([0.9, *[0.001] * 100]), np.array([9.0, *draw.random(100)])
    exact = distribution_kl(probabilities, rewards, 64)
    assert exact == pytest.approx(-math.log(0.9), abs=1e-6)
    index = draw.choice(101, 4000, p=probabilities)
    found = sampled_kl(np.log(probabilities[index]), index, rewards[index], 64)
    assert found == pytest.approx(exact, rel=0.05)


def test_laws_are_found_again_with_their_peaks() -> None:
    kl = [best_of_n_kl(2**power) for power in range(10)]
    distance = np.sqrt(kl)
    law = fit_law(kl, 0.25 + distance * (0.3 - 0.1 * distance))
    assert law[:3] == pytest.approx((0.3, 0.1, 1.0))
    assert law.peak == pytest.approx(1.5**2)
    kl = np.linspace(0, 20, 41)
    distance = np.sqrt(kl)
    policy = fit_law(kl, distance * (0.3 - 0.2 * np.log(np.maximum(distance, 1e-9))), "policy")
    assert policy[:3] == pytest.approx((0.3, 0.2, 1.0))
    gains = distance * (0.3 - 0.2 * np.log(np.maximum(distance, 1e-9)))
    assert policy.peak == pytest.approx(kl[int(gains.argmax())], abs=0.3)
    assert fit_law([0, 1, 4], [0, 1, 2]).peak == math.inf, "a straight line has no peak"
