"""Inference with torch, on the processor and on CUDA."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from engine.backends import Answer, FloatArray
from engine.network import PolicyValueNetwork, fold_norms

_PRECISION = {"f32": torch.float32, "bf16": torch.bfloat16}


class TorchBackend:
    """Eager inference with folded BatchNorm in channels_last.

    On the processor results may differ by 1e-7 with the batch they come in. `streams` threads of it compute
    a batch each.
    """

    def __init__(self, network: PolicyValueNetwork, device: str, precision: str, streams: int = 1) -> None:
        self._device = torch.device(device)
        self._dtype = _PRECISION[precision]
        self.depth = streams + 1 if streams > 1 else 1
        self._threads = ThreadPoolExecutor(streams, "torch") if streams > 1 else None
        self.load(network)

    def load(self, network: PolicyValueNetwork) -> None:
        """Take over new weights."""
        folded = fold_norms(network)
        self._network = folded.to(self._device, self._dtype)
        for weight in self._network.parameters():
            if weight.dim() == 4:
                weight.data = weight.contiguous(memory_format=torch.channels_last)

    def bind(self, planes: FloatArray) -> Callable[[], None]:
        """Inference alone, on `planes` [B, C, H, W] that lie on the device already."""
        ready = self._to_device(planes)

        def compute() -> None:
            self._set_threads()
            with torch.inference_mode():
                self._network(ready)
                if self._device.type == "cuda":
                    torch.cuda.synchronize(self._device)

        return compute

    def submit(self, planes: FloatArray) -> Callable[[], Answer]:
        """Begin to compute `planes` [B, C, H, W] in the first thread that is free."""
        if self._threads is None:
            return partial(self, planes)
        return self._threads.submit(self, planes).result

    def __call__(self, planes: FloatArray) -> Answer:
        """(win/draw/loss probabilities [B, 3], prior logits [B, A])."""
        self._set_threads()
        with torch.inference_mode():
            logits, wdl_logits = self._network(self._to_device(planes))
            wdl = wdl_logits.float().softmax(1)
            return wdl.cpu().numpy(), logits.float().cpu().numpy()

    def _to_device(self, planes: FloatArray) -> Tensor:
        return torch.from_numpy(planes).to(
            self._device, self._dtype, memory_format=torch.channels_last, copy=True
        )

    def _set_threads(self) -> None:
        # The count belongs to the calling thread, and the learner sets its own in the meantime.
        if self._device.type == "cpu" and torch.get_num_threads() != 1:
            torch.set_num_threads(1)
