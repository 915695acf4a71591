"""Ranges of a network's activations, from which inference in int8 takes its scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from engine import _core
from engine.evaluator.backend import FloatArray
from engine.evaluator.network import PolicyValueNetwork

NUM_POSITIONS = 64
"""Ranges from more positions give the same answers to within their rounding."""

LEVELS = 255
"""Steps from 0 to the end of a range."""

_BINS = 2048
_CLIPS = 64


@dataclass(frozen=True)
class Calibration:
    """What a network does on some positions in float32.

    ranges: by name of a convolution of the tower, or of `policy_conv` (whose input is `value_conv`'s,
        too), the largest input that int8 tells apart; inputs start at 0, for they come out of a ReLU.
    wdl: win/draw/loss probabilities [N, 3].
    logits: of the priors [N, A].
    """

    ranges: dict[str, float]
    wdl: FloatArray
    logits: FloatArray


def random_positions(game: _core.Game, count: int = NUM_POSITIONS) -> FloatArray:
    """Planes [count, C, H, W] of positions from all stages of random games, the same on every call."""
    planes = []
    for seed in range(count):
        moves = _core.rollout_moves(game, seed, game.max_plies)
        state = game.initial()
        for move in moves[: len(moves) * seed // count]:
            state.play(move)
        planes.append(state.encode())
    return np.stack(planes)


def calibrate(network: PolicyValueNetwork, planes: FloatArray) -> Calibration:
    """Run a folded network on `planes` [N, C, H, W] in one thread, so that the same comes out everywhere."""
    ranges: dict[str, float] = {}
    tower = [f"tower.{block}.{part}" for block in range(len(network.tower)) for part in ("first", "second")]
    hooks = [
        network.get_submodule(name).register_forward_pre_hook(_recorder(ranges, name))
        for name in (*tower, "policy_conv")
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            logits, wdl = network(torch.from_numpy(planes))
    finally:
        torch.set_num_threads(threads)
        for hook in hooks:
            hook.remove()
    return Calibration(ranges, wdl.softmax(1).numpy(), logits.numpy())


def best_clip(values: Tensor) -> float:
    """The end of the range from 0 that rounds `values` >= 0 to LEVELS steps at the least squared error.

    What lies beyond is cut off. 1 where all values are 0 or one is not finite.
    """
    largest = float(values.max())
    if not 0 < largest < float("inf"):
        return 1.0
    counts = torch.histc(values, _BINS, 0, largest).double().numpy()
    centres = (np.arange(_BINS) + 0.5) * (largest / _BINS)
    clips = np.arange(1, _CLIPS + 1)[:, None] * (largest / _CLIPS)
    steps = clips / LEVELS
    rounded = np.minimum(np.round(centres / steps), LEVELS) * steps
    return float(clips[np.argmin((rounded - centres) ** 2 @ counts), 0])


def quantise_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """`weight` [O, ...] as int8 in [-127, 127] times a scale for each output channel [O, 1, ...]."""
    largest = weight.detach().flatten(1).abs().amax(1).reshape(-1, *[1] * (weight.dim() - 1))
    scale = torch.where(largest > 0, largest, 127.0) / 127
    return torch.round(weight.detach() / scale).to(torch.int8), scale


def _recorder(ranges: dict[str, float], name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def record(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        ranges[name] = best_clip(inputs[0])

    return record
