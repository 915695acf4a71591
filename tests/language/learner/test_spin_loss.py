"""SPIN's loss over all texts of a tiny vocabulary: where an iteration begins, and where it ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from tiny_models import other_model
from torch import Tensor

from engine.language.learner.loss.preference import LOSSES, Form, Likelihoods
from engine.language.learner.objective.preference import Pair, Preferences
from engine.language.model.generation.generation import generate
from engine.language.model.scoring import score_tokens


def flat(loss: Tensor, weights: list[Tensor]) -> Tensor:
    found = torch.autograd.grad(loss, weights)
    return torch.cat([each.reshape(-1) for each in found])


@pytest.mark.parametrize("beta", [0.1, 5.0])
def test_an_iteration_begins_in_the_direction_of_the_likelihood_of_real_data(beta: float) -> None:
    """beta / 2 times its gradient: over all own writing, by its probability, the rejected side is nothing."""
    model = other_model("LlamaForCausalLM", "LlamaConfig", 3, "ab", max_position_embeddings=16)
    head = model.encode_prompts(["a"])[0]
    tails = [list(each) for each in itertools.product(range(model.config.vocab_size), repeat=2)]
    nats = [float(row.sum()) for row in score_tokens(model, [head] * len(tails), tails)]
    own = np.exp(nats)
    assert own.sum() == pytest.approx(1, abs=1e-5)
    real = np.random.default_rng(1).dirichlet(np.ones(len(tails)))
    weights = [weight for _, weight in model.parameters()]
    objective, places = Preferences(beta), range(len(tails))
    total = torch.zeros(())
    for good, bad in itertools.product(places, places):
        pair = Pair(head, tails[good], tails[bad], nats[good], nats[bad])
        total = total + float(real[good] * own[bad]) * objective(model, [pair])[0]
    ids = torch.tensor([head + tail for tail in tails])
    logits = model.network(input_ids=ids, use_cache=False).logits.log_softmax(2)
    start = len(head) - 1
    drawn = logits[:, start:-1].gather(2, ids[:, start + 1 :, None]).sum((1, 2))
    likelihood = flat((torch.from_numpy(real).float() * drawn).sum(), weights)
    assert float(likelihood.abs().max()) > 1e-2
    torch.testing.assert_close(-flat(total, weights), beta / 2 * likelihood, atol=1e-5 * beta, rtol=1e-3)


@pytest.mark.parametrize("beta", [0.5, 1.0, 5.0])
def test_the_best_of_an_iteration_is_nearer_to_the_data_by_one_part_in_beta(beta: float) -> None:
    """At reference^(1 - 1 / beta) data^(1 / beta) the gradient is nothing."""
    source = torch.Generator().manual_seed(1)
    before, data = torch.randn((2, 6), generator=source, dtype=torch.float64).log_softmax(1)
    own = ((1 - 1 / beta) * before + data / beta).requires_grad_()
    chances = data.exp()[:, None] * before.exp()[None]

    def gradient(free: Tensor) -> Tensor:
        now = free.log_softmax(0)
        pairs = Likelihoods(now[:, None], now[None], before[:, None], before[None])
        terms = LOSSES["sigmoid"](pairs, Form("sigmoid", beta))
        (found,) = torch.autograd.grad((chances * terms).sum(), free)
        return found

    assert float(gradient(own).abs().max()) < 1e-12
    assert float(gradient(before.clone().requires_grad_()).abs().max()) > 1e-2


def test_what_is_drawn_has_the_probability_that_it_is_scored_with() -> None:
    """Else own writing would be no sample of the reference, and its mean gradient not nothing."""
    model = other_model("LlamaForCausalLM", "LlamaConfig", 4, "abc ", max_position_embeddings=64)
    found = generate(model, ["ab", "c"] * 40, seeds=range(80), max_tokens=20, stop=(" ",))
    heads = model.encode_prompts(["ab", "c"] * 40)
    scored = score_tokens(model, heads, [list(each.ids) for each in found])
    assert len({len(each.ids) for each in found}) > 3
    for each, row in zip(found, scored, strict=True):
        np.testing.assert_allclose(each.logprobs, row, atol=1e-4)
