"""Muon and AdamW: which weights go to which, and what a step of Muon does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.config import build_config
from engine.config.network import NetworkConfig
from engine.evaluator.network import PolicyValueNetwork
from engine.learner.optimizer import AdamW, Muon, create_optimizers, orthogonalised


def matrices(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3, 16, 144), (2, 64, 64), (2, 40, 7), (1, 1, 9)])
def test_singular_values_end_near_one_and_vectors_are_kept(shape: tuple[int, ...]) -> None:
    given = matrices(*shape)
    left, values, right = torch.linalg.svd(given, full_matrices=False)
    # Five iterations lift smaller ones only part of the way.
    keep = values > 0.02 * values.amax(1, keepdim=True)
    found = left.mT @ orthogonalised(given) @ right.mT
    diagonal = found.diagonal(dim1=1, dim2=2)
    assert bool((diagonal[keep] > 0.5).all() and (diagonal[keep] < 1.3).all())
    assert float((found - torch.diag_embed(diagonal)).abs().max()) < 1e-3


def test_the_iteration_is_the_published_one() -> None:
    given = matrices(2, 8, 20)
    expected = given / given.norm(dim=(1, 2), keepdim=True)
    for _ in range(5):
        gram = expected @ expected.mT
        expected = 3.4445 * expected + (-4.7750 * gram + 2.0315 * gram @ gram) @ expected
    torch.testing.assert_close(orthogonalised(given), expected, atol=1e-4, rtol=1e-4)


def test_no_gradient_makes_no_update() -> None:
    assert torch.equal(orthogonalised(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


def test_a_step_by_hand() -> None:
    weight = nn.Parameter(matrices(4, 6))
    before, rate, momentum, decay = weight.detach().clone(), 0.1, 0.9, 0.5
    optimizer = Muon([weight], lr=rate, momentum=momentum, weight_decay=decay)
    mean = torch.zeros(4, 6)
    expected = before
    for seed in (2, 3):
        gradient = matrices(4, 6, seed=seed)
        weight.grad = gradient.clone()
        optimizer.step()
        mean = momentum * mean + (1 - momentum) * gradient
        update = orthogonalised(((1 - momentum) * gradient + momentum * mean)[None])[0]
        expected = expected * (1 - rate * decay) - rate * 0.2 * 6**0.5 * update
        assert update.square().mean().sqrt() * 6**0.5 == pytest.approx(1, abs=0.25)
    torch.testing.assert_close(weight.detach(), expected)


def test_convolutions_are_trained_as_matrices_whatever_their_memory_format() -> None:
    given, gradient = matrices(4, 3, 3, 3), matrices(4, 3, 3, 3, seed=2)
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(given.clone(memory_format=layout))
        weight.grad = gradient.clone(memory_format=layout)
        Muon([weight], lr=0.1, momentum=0.9, weight_decay=0.0).step()
        results.append(weight.detach())
    torch.testing.assert_close(results[0], results[1])


def test_weights_without_gradients_stay() -> None:
    weights = [nn.Parameter(matrices(3, 3)), nn.Parameter(matrices(3, 3, seed=2))]
    before = [weight.detach().clone() for weight in weights]
    weights[0].grad = matrices(3, 3, seed=3)
    Muon(weights, lr=0.1, momentum=0.9, weight_decay=0.1).step()
    assert not torch.equal(weights[0].detach(), before[0])
    assert torch.equal(weights[1].detach(), before[1])


def test_every_weight_has_one_optimizer_and_only_those_of_layers_decay() -> None:
    network = PolicyValueNetwork((3, 6, 7), 7, NetworkConfig(channels=8, blocks=1))
    muon, adamw = create_optimizers(
        dict(network.named_parameters()), build_config({"learner": {"weight_decay": 0.5}}).learner
    )
    assert isinstance(muon, Muon)
    assert isinstance(adamw, AdamW)
    owners: dict[int, tuple[object, float]] = {}
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            for weight in group["params"]:
                assert id(weight) not in owners
                owners[id(weight)] = (optimizer, group["weight_decay"])
    for name, weight in network.named_parameters():
        is_outer = name.split(".")[0] in ("stem", "policy_out", "value_out")
        expected = muon if weight.dim() > 1 and not is_outer else adamw
        decays = name.endswith("weight") and "norm" not in name
        assert owners[id(weight)] == (expected, 0.5 if decays else 0.0), name
