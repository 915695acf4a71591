"""Residual policy and value network.

A post-activation tower, so that every BatchNorm follows a convolution and folds into it for inference
(He et al. 2016; heads as in Silver et al. 2017, value as win, draw and loss).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.config.network import NetworkConfig
from engine.errors import UserError

NUM_OUTCOMES = 3
"""Win, draw and loss for the player to move, in this order."""

MAX_PARAMETERS = 1_000_000_000
"""A larger network is a slip of the settings."""

OUTER_LAYERS = ("stem.conv", "policy_out", "value_out", "owner_out", "score_out")
"""Layers that read the planes or write the logits."""

_FINAL_SCALE = 0.1
"""Standard deviation of an untrained network's logits is about this times the size of its features."""


class ConvNorm(nn.Module):
    """A convolution and its BatchNorm; `norm` is the identity once folded."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] to [B, outputs, H, W]."""
        return cast(Tensor, self.norm(self.conv(x)))

    def fold(self) -> None:
        """Move the statistics of `norm` into `conv`."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        self.conv.weight = nn.Parameter(self.conv.weight * scale.reshape(-1, 1, 1, 1))
        self.conv.bias = nn.Parameter(norm.bias - mean * scale)
        self.norm = nn.Identity()


class ResidualBlock(nn.Module):
    """relu(x + conv(relu(conv(x)))), 3x3."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3)
        self.second = ConvNorm(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, H, W], shape kept."""
        return F.relu(x + self.second(F.relu(self.first(x))))


@dataclass(frozen=True)
class Prediction:
    """What the learner compares with its targets, for the player to move."""

    policy: Tensor  # logits [B, A]
    wdl: Tensor  # logits [B, 3]
    owner: Tensor | None = None  # [B, H * W], logits of each cell being ours at the end of the game
    score: Tensor | None = None  # [B], points at the end divided by the root of the number of cells


class PolicyValueNetwork(nn.Module):
    """Planes to policy logits and win/draw/loss logits for the player to move.

    Args:
        planes_shape: (C, H, W) of the game's planes.
        num_actions: A, the game's number of actions.
        config: widths and depth.
        seed: of the first weights; the global generator is left alone.
        has_score: with heads that foretell owners and score, which only the learner asks (Wu 2019,
            section 4.1).
    """

    def __init__(
        self,
        planes_shape: tuple[int, int, int],
        num_actions: int,
        config: NetworkConfig,
        seed: int = 0,
        *,
        has_score: bool = False,
    ) -> None:
        super().__init__()
        self.planes_shape = planes_shape
        self.num_actions = num_actions
        self.config = config
        self.has_score = has_score
        check_size(planes_shape, num_actions, config)
        planes, height, width = planes_shape
        features = config.head_channels * height * width
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.stem = ConvNorm(planes, config.channels, 3)
            self.tower = nn.Sequential(*(ResidualBlock(config.channels) for _ in range(config.blocks)))
            self.policy_conv = ConvNorm(config.channels, config.head_channels, 1)
            self.policy_out = nn.Linear(features, num_actions)
            self.value_conv = ConvNorm(config.channels, config.head_channels, 1)
            self.value_hidden = nn.Linear(features, config.value_hidden)
            self.value_out = nn.Linear(config.value_hidden, NUM_OUTCOMES)
            if has_score:
                self.owner_out = nn.Conv2d(config.channels, 1, 1)
                self.score_out = nn.Linear(config.value_hidden, 1)
            self._initialise()

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """planes [B, C, H, W] to (policy logits [B, A], win/draw/loss logits [B, 3])."""
        trunk = self.trunk(planes)
        return self._policy(trunk), self.value_out(self.value_features(trunk))

    def predict(self, planes: Tensor) -> Prediction:
        """planes [B, C, H, W] to all that the network knows to say."""
        trunk = self.trunk(planes)
        return self.read(trunk, self.value_features(trunk))

    def read(self, trunk: Tensor, features: Tensor) -> Prediction:
        """What the heads say of a trunk and its value features."""
        policy, wdl = self._policy(trunk), self.value_out(features)
        if not self.has_score:
            return Prediction(policy, wdl)
        return Prediction(policy, wdl, self.owner_out(trunk).flatten(1), self.score_out(features).flatten())

    def trunk(self, planes: Tensor) -> Tensor:
        """planes [B, C, H, W] to what all heads read, [B, channels, H, W]."""
        return cast(Tensor, self.tower(F.relu(self.stem(planes))))

    def _policy(self, trunk: Tensor) -> Tensor:
        return cast(Tensor, self.policy_out(F.relu(self.policy_conv(trunk)).flatten(1)))

    def value_features(self, trunk: Tensor) -> Tensor:
        """What the value is told from, [B, value_hidden]."""
        value = F.relu(self.value_conv(trunk)).flatten(1)
        return F.relu(self.value_hidden(value))

    def _initialise(self) -> None:
        """He et al. 2015; blocks start as the identity (Goyal et al. 2017); near-even priors and values."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        finals = [getattr(self, name) for name in OUTER_LAYERS[1:] if hasattr(self, name)]
        for final in finals:
            nn.init.normal_(final.weight, std=_FINAL_SCALE / final.weight[0].numel() ** 0.5)
        for block in self.tower:
            nn.init.zeros_(cast(nn.BatchNorm2d, cast(ResidualBlock, block).second.norm).weight)


def fold_norms(network: PolicyValueNetwork) -> PolicyValueNetwork:
    """A copy for inference: evaluation mode, no gradients, each BatchNorm folded into its convolution."""
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(folded.modules()):
        if isinstance(module, ConvNorm):
            module.fold()
    return folded.requires_grad_(False)


def num_parameters(planes_shape: tuple[int, int, int], num_actions: int, config: NetworkConfig) -> int:
    """Weights of the network that plays: without BatchNorm statistics and the heads of owners and score."""
    planes, height, width = planes_shape
    channels, head, hidden = config.channels, config.head_channels, config.value_hidden
    features = head * height * width
    tower = (9 * planes + 2) * channels + config.blocks * 2 * (9 * channels + 2) * channels
    heads = 2 * (channels + 2) * head + (features + 1) * (num_actions + hidden)
    return tower + heads + (hidden + 1) * NUM_OUTCOMES


def forward_flops(planes_shape: tuple[int, int, int], num_actions: int, config: NetworkConfig) -> int:
    """Multiplications and additions of one position, two a weight of a convolution and cell."""
    planes, height, width = planes_shape
    channels, head = config.channels, config.head_channels
    features = head * height * width
    convolutions = 9 * planes * channels + config.blocks * 18 * channels * channels + 2 * channels * head
    linear = features * (num_actions + config.value_hidden) + config.value_hidden * NUM_OUTCOMES
    return 2 * (convolutions * height * width + linear)


def check_size(planes_shape: tuple[int, int, int], num_actions: int, config: NetworkConfig) -> None:
    """Raise UserError for settings of a network that no machine would hold."""
    count = num_parameters(planes_shape, num_actions, config)
    if count > MAX_PARAMETERS:
        raise UserError(
            f"network of {config.channels} channels x {config.blocks} blocks has {count:,} weights, "
            f"more than {MAX_PARAMETERS:,}; lower network.channels or network.blocks"
        )
