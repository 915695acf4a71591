"""Draws of tokens: their noise, what cuts keep, and what distribution they follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.model.generation.sampling import Noise, Sampling, draw, kept


def test_noise_is_splitmix64() -> None:
    # First outputs of the reference implementation for the state 1234567.
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    from engine.language.model.generation.sampling import _GAMMA, _mixed

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
@settings(max_examples=40)
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
