"""The network with the heads that only its learner asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from engine.config import Config
from engine.evaluator.network import PolicyValueNetwork, Prediction
from engine.learner.target.moves_left import MovesLeft
from engine.learner.target.opponent_policy import OpponentPolicy
from engine.learner.target.short_term_value import ShortTermValue
from engine.learner.target.soft_policy import SoftPolicy
from engine.learner.target.target import PolicyHead, Target

PREFIX = "heads."
"""Of the heads' weights beside the network's."""


class LearningModel(nn.Module):
    """What is trained: a network, and a head for each target that the settings switch on.

    Args:
        network: the one that plays; its average leaves the heads out.
        config: whose section `learner` says which heads there are.
        seed: of their first weights; the global generator is left alone.
    """

    def __init__(self, network: PolicyValueNetwork, config: Config, seed: int) -> None:
        super().__init__()
        self.network = network
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.heads = nn.ModuleDict(targets(network, config))

    def predict(self, planes: Tensor) -> tuple[Prediction, dict[str, Tensor]]:
        """planes [B, C, H, W] to what the network says, and each head by its name."""
        if not self.heads:
            return self.network.predict(planes), {}
        trunk = self.network.trunk(planes)
        features = self.network.value_features(trunk)
        return self.network.read(trunk, features), {
            name: head(trunk, features) for name, head in self.heads.items()
        }

    def targets(self) -> list[tuple[str, Target]]:
        """The heads by name."""
        return [(name, cast(Target, head)) for name, head in self.heads.items()]

    @property
    def asked(self) -> dict[str, Any]:
        """Arguments of `_core.ReplayWindow.sample` that have it decode what the heads learn."""
        asked: dict[str, Any] = {}
        for _, target in self.targets():
            asked |= target.asked
        return asked

    def named_weights(self) -> dict[str, nn.Parameter]:
        """Parameters by their names in files: the network's own, and the heads' after PREFIX."""
        return {name.removeprefix("network."): value for name, value in self.named_parameters()}

    def weights(self) -> dict[str, Tensor]:
        """All that files keep, by the same names."""
        return {name.removeprefix("network."): value for name, value in self.state_dict().items()}


def targets(network: PolicyValueNetwork, config: Config) -> Mapping[str, Target]:
    """The targets that `learner` switches on, by name."""
    learner, size = config.learner, network.config
    planes = network.planes_shape

    def policy_head() -> PolicyHead:
        return PolicyHead(size.channels, size.head_channels, planes[1] * planes[2], network.num_actions)

    found: dict[str, Target] = {}
    if learner.soft_policy_weight:
        temperature = config.replay.policy_temperature
        found["soft_policy"] = SoftPolicy(policy_head(), learner.soft_policy_weight, temperature)
    if learner.opponent_policy_weight:
        found["opponent_policy"] = OpponentPolicy(policy_head(), learner.opponent_policy_weight)
    if learner.short_term_value_weight:
        horizons, weight = learner.short_term_horizons, learner.short_term_value_weight
        found["short_term_value"] = ShortTermValue(size.value_hidden, horizons, weight)
    if learner.moves_left_weight:
        found["moves_left"] = MovesLeft(size.value_hidden, learner.moves_left_weight)
    return found
