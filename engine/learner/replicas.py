"""Gradients of one batch on several processor cores: each takes a part of the batch.

The cores meet once a step. Splitting every operation over them instead makes them meet hundreds of
times a step, and each time the slowest one, or another program on its core, is waited for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.learner.target.model import LearningModel

Forward = Callable[[LearningModel, Mapping[str, Any]], tuple[Tensor, dict[str, Tensor]]]
"""From a network and a part of the samples to its mean loss and its numbers to show."""


class Replicas:
    """Copies of a network that share its weights; each has gradients and BatchNorm statistics of its own.

    Args:
        network: the one whose gradients the optimizer reads; parts of a batch are normalised by their
            own statistics, and its running statistics become the mean over the parts.
        count: parts, each on one thread; 1 computes in the calling thread.
    """

    def __init__(self, network: LearningModel, count: int) -> None:
        self.networks = [network, *(copy.deepcopy(network) for _ in range(count - 1))]
        for replica in self.networks[1:]:
            for own, shared in zip(replica.parameters(), network.parameters(), strict=True):
                own.data = shared.data
        self._threads = (
            ThreadPoolExecutor(count, "learner", torch.set_num_threads, (1,)) if count > 1 else None
        )

    def backward(self, samples: Mapping[str, Any], forward: Forward) -> tuple[Tensor, dict[str, Tensor]]:
        """Put the gradient of the mean loss into the first network; the loss and the numbers to show."""
        if self._threads is None:
            return _backward(self.networks[0], samples, forward)
        parts = _split(samples, len(self.networks))
        self._share_statistics()
        futures = [
            self._threads.submit(_backward, network, part, forward)
            for network, part in zip(self.networks, parts, strict=True)
        ]
        results = [future.result() for future in futures]
        sizes = [len(part["planes"]) for part in parts]
        shares = [size / sum(sizes) for size in sizes]
        self._join(shares)
        loss = sum((share * loss for share, (loss, _) in zip(shares, results, strict=True)), torch.zeros(()))
        numbers = [values for _, values in results]
        return loss, {name: _weighted([values[name] for values in numbers], shares) for name in numbers[0]}

    @torch.no_grad()
    def _share_statistics(self) -> None:
        for replica in self.networks[1:]:
            for own, first in zip(replica.buffers(), self.networks[0].buffers(), strict=True):
                own.copy_(first)

    @torch.no_grad()
    def _join(self, shares: list[float]) -> None:
        for parameters in zip(*(network.parameters() for network in self.networks), strict=True):
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            parameters[0].grad = _weighted(gradients, shares)
        for buffers in zip(*(network.buffers() for network in self.networks), strict=True):
            if buffers[0].is_floating_point():
                buffers[0].copy_(_weighted(list(buffers), shares))


def _backward(
    network: LearningModel, samples: Mapping[str, Any], forward: Forward
) -> tuple[Tensor, dict[str, Tensor]]:
    for parameter in network.parameters():
        parameter.grad = None
    network.train()
    loss, numbers = forward(network, samples)
    torch.autograd.backward(loss)
    return loss.detach(), numbers


def _split(samples: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    parts = {name: np.array_split(values, count) for name, values in samples.items()}
    return [{name: values[index] for name, values in parts.items()} for index in range(count)]


def _weighted(values: list[Tensor], shares: list[float]) -> Tensor:
    total = values[0] * shares[0]
    for value, share in zip(values[1:], shares[1:], strict=True):
        total.add_(value, alpha=share)
    return total
