"""Inference with torch on the processor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from engine.evaluator.backend import Answer, FloatArray
from engine.evaluator.network import PolicyValueNetwork, fold_norms

PRECISION = {"f32": torch.float32, "bf16": torch.bfloat16}


class TorchBackend:
    """Eager inference with folded BatchNorm in channels_last.

    Results may differ by 1e-7 with the batch they come in.

    Args:
        network: the weights.
        precision: f32 or bf16.
        streams: threads, each of which computes a batch of its own.
    """

    def __init__(self, network: PolicyValueNetwork, precision: str, streams: int = 1) -> None:
        self._dtype = PRECISION[precision]
        # With several streams one batch more is ready for the first to be free.
        self.depth = streams + 1 if streams > 1 else 1
        self._threads = ThreadPoolExecutor(streams, "torch") if streams > 1 else None
        self.load(network)

    def load(self, network: PolicyValueNetwork) -> None:
        """Take over new weights."""
        self._network = fold_for_inference(network, torch.device("cpu"), self._dtype)

    def bind(self, planes: FloatArray) -> Callable[[], None]:
        """Inference alone, on `planes` [B, C, H, W]."""
        ready = self._tensor(planes)

        def compute() -> None:
            _use_one_thread()
            with torch.inference_mode():
                self._network(ready)

        return compute

    def submit(self, planes: FloatArray) -> Callable[[], Answer]:
        """Begin to compute `planes` [B, C, H, W] in the first thread that is free."""
        if self._threads is None:
            return partial(self, planes)
        return self._threads.submit(self, planes).result

    def __call__(self, planes: FloatArray) -> Answer:
        """(win/draw/loss probabilities [B, 3], prior logits [B, A])."""
        _use_one_thread()
        with torch.inference_mode():
            logits, wdl = self._network(self._tensor(planes))
            return wdl.float().softmax(1).numpy(), logits.float().numpy()

    def _tensor(self, planes: FloatArray) -> Tensor:
        return torch.from_numpy(planes).to(self._dtype, memory_format=torch.channels_last, copy=True)


def fold_for_inference(
    network: PolicyValueNetwork, device: torch.device, dtype: torch.dtype
) -> PolicyValueNetwork:
    """A copy with its BatchNorm folded and its convolutions in channels_last."""
    folded = fold_norms(network).to(device, dtype)
    for weight in folded.parameters():
        if weight.dim() == 4:
            weight.data = weight.contiguous(memory_format=torch.channels_last)
    return folded


def _use_one_thread() -> None:
    # The count belongs to the calling thread, and the learner sets its own in the meantime.
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
