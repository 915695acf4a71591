"""The network: shapes, first weights, and the folded copy that plays."""

from __future__ import annotations

import pytest
import torch

from engine.config.network import NetworkConfig
from engine.errors import UserError
from engine.evaluator.network import PolicyValueNetwork, fold_norms, forward_flops, num_parameters

SHAPE = (3, 6, 7)
SMALL = NetworkConfig(channels=12, blocks=2, head_channels=5, value_hidden=9)


def random_planes(batch: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 2, (batch, *SHAPE), generator=torch.Generator().manual_seed(seed)).float()


def trained_like(network: PolicyValueNetwork, seed: int = 0) -> PolicyValueNetwork:
    """Statistics and scales as training leaves them, none of them 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if "norm" in name and tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return network


@pytest.mark.parametrize("config", [NetworkConfig(), SMALL, NetworkConfig(channels=1, blocks=0)])
def test_shapes_and_counts(config: NetworkConfig) -> None:
    network = PolicyValueNetwork(SHAPE, 7, config)
    policy, wdl = network(random_planes(5))
    assert policy.shape == (5, 7)
    assert wdl.shape == (5, 3)
    assert num_parameters(SHAPE, 7, config) == sum(weight.numel() for weight in network.parameters())


def test_flops_of_the_reference_network() -> None:
    assert forward_flops(SHAPE, 7, NetworkConfig()) == pytest.approx(31.6e6, rel=0.01)


def test_an_untrained_network_is_near_even() -> None:
    for seed in range(5):
        network = PolicyValueNetwork(SHAPE, 7, NetworkConfig(), seed).eval()
        with torch.inference_mode():
            policy, wdl = network(random_planes(64))
        assert policy.softmax(1).max() < 0.3
        assert wdl.softmax(1).max() < 0.6


def test_weights_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = PolicyValueNetwork(SHAPE, 7, SMALL, seed=7)
    assert torch.equal(torch.rand(3), expected), "the global generator moved"
    again, other = PolicyValueNetwork(SHAPE, 7, SMALL, seed=7), PolicyValueNetwork(SHAPE, 7, SMALL, seed=8)
    pairs = zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(first.stem.conv.weight, other.stem.conv.weight)


def test_folding_changes_nothing_but_the_norms() -> None:
    network = trained_like(PolicyValueNetwork(SHAPE, 7, SMALL, seed=3)).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = fold_norms(network)
    planes = random_planes(33)
    with torch.inference_mode():
        for ours, theirs in zip(folded(planes), network(planes), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert not any("norm" in name for name in folded.state_dict())
    assert not any(weight.requires_grad for weight in folded.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_values_of_a_position_do_not_depend_on_the_others_in_evaluation() -> None:
    network = trained_like(PolicyValueNetwork(SHAPE, 7, SMALL)).eval()
    planes = random_planes(16)
    with torch.inference_mode():
        torch.testing.assert_close(network(planes)[0][3:4], network(planes[3:4])[0])


def test_a_slip_of_the_settings_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(UserError, match=r"network\.channels"):
        PolicyValueNetwork(SHAPE, 7, NetworkConfig(channels=4096, blocks=200))
