"""What PPO is made of, against naive sums, the papers' formulas, and enumeration on a tiny vocabulary."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_models import other_model, tiny_llama

from engine.language.learner.loss.actor_critic import clipped_value_loss, token_rewards, whitened
from engine.language.learner.loss.policy import generalized_advantages
from engine.language.learner.objective.actor_critic import (
    Acted,
    ActorCritic,
    Critic,
    read_responses,
    values_at_tokens,
)
from engine.language.learner.objective.text import Supervised, texts
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import score_tokens


def drawn(seed: int, rows: int = 5, length: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rewards, values and a mask with prompts before, and padding after, responses of many lengths."""
    source = np.random.default_rng(seed)
    mask = torch.zeros(rows, length)
    for row in range(rows):
        first = int(source.integers(0, 3))
        mask[row, first : first + 1 + int(source.integers(0, length - first))] = 1
    rewards, values = (torch.tensor(source.normal(size=(rows, length)), dtype=torch.float32) for _ in "rv")
    return rewards, values, mask


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.8), (1.0, 1.0), (1.0, 0.0), (0.5, 1.0)])
def test_advantages_are_the_naive_sum(gamma: float, lam: float) -> None:
    rewards, values, mask = drawn(3)
    found, returns = generalized_advantages(rewards, values, mask, gamma=gamma, lam=lam)
    for row, counted in enumerate(mask):
        places = counted.nonzero()[:, 0].tolist()
        r, v = rewards[row, places].double(), [*values[row, places].double(), 0.0]
        errors = [r[t] + gamma * v[t + 1] - v[t] for t in range(len(places))]
        for t, place in enumerate(places):
            naive = sum((gamma * lam) ** (later - t) * errors[later] for later in range(t, len(places)))
            assert float(found[row, place]) == pytest.approx(float(naive), abs=1e-5)
            assert float(returns[row, place]) == pytest.approx(float(naive + v[t]), abs=1e-5)
    assert (found[mask == 0] == 0).all()


def test_rewards_of_tokens_sum_to_the_score_less_the_divergence() -> None:
    logprobs, reference, mask = drawn(5)
    scores = torch.tensor([1.0, -2.0, 0.0, 0.5, 3.0])
    rewards = token_rewards(scores, logprobs, reference, mask, 0.3)
    wanted = scores - 0.3 * ((logprobs - reference) * mask).sum(1)
    assert rewards.sum(1).tolist() == pytest.approx(wanted.tolist(), abs=1e-5)
    assert (rewards[mask == 0] == 0).all()
    free = token_rewards(scores, logprobs, reference, mask, 0.0)
    for row, counted in enumerate(mask):
        last = int(counted.nonzero().max())
        assert float(free[row, last]) == float(scores[row])
        assert float(free[row].abs().sum()) == abs(float(scores[row]))


def test_whitening_is_over_the_mask() -> None:
    terms, _, mask = drawn(7)
    counted = mask > 0
    found = whitened(terms, mask)
    assert float(found[counted].mean()) == pytest.approx(0, abs=1e-6)
    assert float(found[counted].std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert (found[~counted] == 0).all()
    kept = whitened(terms, mask, keep_mean=True)
    assert float(kept[counted].mean()) == pytest.approx(float(terms[counted].mean()), abs=1e-6)
    same = whitened(torch.full((2, 3), 0.7), torch.ones(2, 3))
    assert same.abs().max() < 1e-6, "what does not differ tells nothing apart"
    assert bool(same.isfinite().all())


def test_the_value_loss_by_hand() -> None:
    values = torch.tensor([[0.9, 0.0, 0.5]], requires_grad=True)
    old, targets = torch.tensor([[0.0, 0.0, 0.5]]), torch.tensor([[1.0, -1.0, 9.0]])
    mask = torch.tensor([[1.0, 1, 0]])
    loss = clipped_value_loss(values, old, targets, mask, 0.2)
    assert loss.item() == pytest.approx(0.5 * (0.8**2 + 1) / 2)
    (gradient,) = torch.autograd.grad(loss, values)
    assert gradient[0].tolist() == pytest.approx([0, 0.5, 0]), "past the clip nothing pulls"
    free = clipped_value_loss(values, old, targets, mask, 0.0)
    assert free.item() == pytest.approx(0.5 * (0.1**2 + 1) / 2)


LETTERS = "ab"


def two_letters() -> LanguageModel:
    """A model of four tokens: padding or start, the end, and two letters."""
    return other_model("LlamaForCausalLM", "LlamaConfig", 3, alphabet=LETTERS, max_position_embeddings=16)


def with_returns(model: LanguageModel) -> None:
    """A value head of returns that says something."""
    head = model.add_value_head(returns=True)
    torch.nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(1))


def enumerated(model: LanguageModel, length: int) -> tuple[list[list[int]], list[int]]:
    """Every response of so many tokens of the vocabulary, and a prompt."""
    size = model.config.vocab_size
    return [list(each) for each in itertools.product(range(size), repeat=length)], model.codec.encode_prompts(
        ["a"]
    )[0]


@pytest.mark.parametrize("lam", [1.0, 0.9])
@pytest.mark.parametrize("valued", [False, True])
def test_the_gradient_is_that_of_the_expected_return(lam: float, valued: bool) -> None:
    """Of all responses by their probability: a baseline, right or wrong, takes nothing away at lambda 1."""
    model, length, beta = two_letters(), 3, 0.2
    torch.nn.init.normal_(
        model.add_value_head(returns=True).weight, generator=torch.Generator().manual_seed(1)
    )
    rows, prompt = enumerated(model, length)
    reference = score_tokens(tiny_reference(), [prompt] * len(rows), rows)
    old = score_tokens(model, [prompt] * len(rows), rows)
    rewards = torch.tensor([float(row.count(rows[-1][0]) ** 2) for row in rows])
    blank = [Acted(prompt, row, *[np.zeros(length, np.float32)] * 4) for row in rows]
    with torch.no_grad():
        read = read_responses(model, [(prompt, row) for row in rows], valued=True)
    logprobs, values, mask = read.logprobs, read.values, read.mask
    assert values is not None
    known = torch.zeros_like(mask)
    known[mask > 0] = torch.tensor(np.concatenate(reference))
    steps = token_rewards(rewards, logprobs, known, mask, beta)
    told = values if valued else torch.zeros_like(values)
    advantages, _ = generalized_advantages(steps, told, mask, lam=lam)
    chances = (logprobs * mask).sum(1).exp()
    assert float(chances.sum()) == pytest.approx(1, abs=1e-5)
    weighted = (advantages * chances[:, None])[mask > 0].reshape(-1, length).numpy()
    acted = [
        replace(each, old=before, advantages=row)
        for each, before, row in zip(blank, old, weighted, strict=True)
    ]
    loss, _ = ActorCritic()(model, acted)
    weights = [weight for name, weight in model.parameters() if not name.startswith("value_head")]
    # The surrogate is a mean over all tokens of all rows; the objective is the sum over each row's.
    found = torch.autograd.grad(-loss * len(rows) * length, weights)
    live = read_responses(model, [(prompt, row) for row in rows]).logprobs
    nats = (live * mask).sum(1)
    returns = rewards - beta * (nats - (known * mask).sum(1))
    wanted = torch.autograd.grad((nats.exp() * returns).sum(), weights)
    gap = max(float((one - other).abs().max()) for one, other in zip(found, wanted, strict=True))
    size = max(float(each.abs().max()) for each in wanted)
    # With lambda below 1 values that are wrong bend the gradient, and zeros are wrong, too.
    assert gap < 1e-4 * size if lam == 1 else gap > 1e-2 * size


def tiny_reference() -> LanguageModel:
    return other_model("LlamaForCausalLM", "LlamaConfig", 4, alphabet=LETTERS, max_position_embeddings=16)


@pytest.mark.parametrize("lam", [0.0, 0.5])
def test_with_true_values_any_lambda_gives_that_gradient(lam: float) -> None:
    model, length = two_letters(), 2
    rows, prompt = enumerated(model, length)
    size = model.config.vocab_size
    rewards = torch.arange(float(len(rows))) ** 0.5
    blank = [Acted(prompt, row, *[np.zeros(length, np.float32)] * 4) for row in rows]
    with torch.no_grad():
        read = read_responses(model, [(prompt, row) for row in rows])
    logprobs, mask = read.logprobs, read.mask
    table = logprobs[mask > 0].reshape(-1, length)
    chances = table.sum(1).exp()
    second = table[:, 1].exp()
    after_one = (second * rewards).reshape(size, size).sum(1).repeat_interleave(size)
    true = torch.stack((torch.full_like(after_one, float((chances * rewards).sum())), after_one), 1)
    steps = torch.zeros(len(rows), length)
    steps[:, -1] = rewards
    advantages, _ = generalized_advantages(steps, true, torch.ones_like(steps), lam=lam)
    acted = [
        replace(each, old=row.numpy(), advantages=(chance * advantage).numpy())
        for each, row, chance, advantage in zip(blank, table, chances, advantages, strict=True)
    ]
    loss, _ = ActorCritic()(model, acted)
    weights = [weight for _, weight in model.parameters()]
    found = torch.autograd.grad(-loss * len(rows) * length, weights)
    live = read_responses(model, [(prompt, row) for row in rows]).logprobs
    wanted = torch.autograd.grad(((live * mask).sum(1).exp() * rewards).sum(), weights)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4 * float(other.abs().max() + 1), rtol=1e-3)


def test_values_stand_before_their_tokens_and_learn_returns() -> None:
    model = tiny_llama()
    torch.nn.init.normal_(
        model.add_value_head(returns=True).weight, generator=torch.Generator().manual_seed(2)
    )
    prompt, response = model.codec.encode_prompts(["1+2="])[0], [5, 6, 7]
    blank = Acted(prompt, response, *[np.zeros(3, np.float32)] * 4)
    read = read_responses(model, [(prompt, response)], valued=True)
    logprobs, values, mask = read.logprobs, read.values, read.mask
    assert values is not None
    assert (values_at_tokens(model, [(prompt, response)])[0] == values[mask > 0].detach().numpy()).all()
    assert (logprobs[mask > 0].detach().numpy() == score_tokens(model, [prompt], [response])[0]).all()
    for place, told in enumerate(values[mask > 0]):
        ids = torch.tensor([prompt + response[:place]])
        state = model.trunk(ids).last_hidden_state[0, -1]
        assert told.item() == pytest.approx(model.add_value_head(returns=True)(state).item(), abs=1e-4)
    targets = replace(
        blank, returns=np.array([1, 2, 3], np.float32), values=values[mask > 0].detach().numpy()
    )
    wanted = 0.5 * float(((values[mask > 0].detach() - torch.tensor([1.0, 2, 3])) ** 2).mean())
    loss, numbers = Critic(0.2)(model, [targets])
    assert loss.item() == pytest.approx(wanted, rel=1e-4)
    joint, parts = ActorCritic(value_weight=0.5)(model, [targets])
    assert joint.item() == pytest.approx(float(parts["loss/policy"]) + 0.5 * wanted, rel=1e-4)
    assert float(numbers["loss/value"]) == pytest.approx(wanted, rel=1e-4)


def test_losses_on_parts_add_up_and_texts_count_by_their_share() -> None:
    model = tiny_llama()
    with_returns(model)
    source = np.random.default_rng(2)
    prompts, responses = model.codec.encode_prompts(["1+", "2", "3*4="]), ([5], [6, 7, 8], [9, 5])
    acted = [
        Acted(prompt, row, *(source.normal(size=len(row)).astype(np.float32) for _ in range(4)))
        for prompt, row in zip(prompts, responses, strict=True)
    ]
    words = texts(model, ["1+2=", "3="], ["3", "1;2"])
    objective = ActorCritic(value_weight=0.5, entropy=0.1)
    whole, numbers = objective(model, [*acted, *words])
    split = objective.of([*acted, *words])
    parts = [split(model, each) for each in ([acted[0], words[1]], [acted[2]], [acted[1]], [words[0]])]
    assert sum(loss.item() for loss, _ in parts) == pytest.approx(whole.item(), abs=1e-4)
    assert all(told.keys() == numbers.keys() for _, told in parts)
    alone, nats = objective(model, acted)[0].item(), Supervised()(model, words)[0].item()
    assert whole.item() == pytest.approx(3 / 5 * alone + 2 / 5 * nats, rel=1e-4)
    for name in numbers:
        if name != "loss/nll":  # a mean over tokens in each part
            assert sum(float(told[name]) for _, told in parts) == pytest.approx(
                float(numbers[name]), abs=1e-4
            )
    critics = Critic(0.2).of(acted)
    whole_error = Critic(0.2)(model, acted)[0].item()
    assert sum(critics(model, [each])[0].item() for each in acted) == pytest.approx(whole_error, abs=1e-4)
