"""Inference with torch on a GPU: several batches under way, each a graph of kernels launched at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from engine.evaluator.backend import Answer, FloatArray
from engine.evaluator.network import PolicyValueNetwork
from engine.evaluator.torch_backend import PRECISION, fold_for_inference

DEPTH = 2
"""Batches in flight: the GPU computes one while the search fills the other."""

STEP = 64
"""Batches are padded to a power of two up to this, then to a multiple of it: a graph has one shape."""

_WARM_UP = 3


def padded_rows(rows: int) -> int:
    """Rows of the graph that computes a batch of `rows`."""
    return 1 << max(rows - 1, 7).bit_length() if rows <= STEP else -(-rows // STEP) * STEP


class CudaBackend:
    """Folded BatchNorm in channels_last as CUDA graphs, which read new weights where the old ones were.

    A position's answer depends on the padded size of its batch, not on what else is in it.

    Args:
        network: the weights.
        precision: f32 or bf16.
        device: `cuda`; on `cpu` the same goes on without graphs, streams and pinned memory.
    """

    def __init__(self, network: PolicyValueNetwork, precision: str, device: str = "cuda") -> None:
        self.depth = DEPTH
        self._device = torch.device(device)
        self._network = fold_for_inference(network, self._device, PRECISION[precision])
        self._lanes = deque(_Lane(self._network, self._device, PRECISION[precision]) for _ in range(DEPTH))

    def load(self, network: PolicyValueNetwork) -> None:
        """Take over new weights of the same architecture; no batch may be under way."""
        weights = fold_for_inference(network, self._device, torch.float32).state_dict()
        with torch.no_grad():
            for name, tensor in self._network.state_dict().items():
                tensor.copy_(weights[name])
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def bind(self, planes: FloatArray) -> Callable[[], None]:
        """Inference alone, on `planes` [B, C, H, W] that lie on the device already."""
        return self._lanes[0].bind(planes)

    def submit(self, planes: FloatArray) -> Callable[[], Answer]:
        """Begin to copy and compute `planes` [B, C, H, W]."""
        lane = self._lanes[0]
        self._lanes.rotate(-1)
        return lane.start(planes)

    def __call__(self, planes: FloatArray) -> Answer:
        """(win/draw/loss probabilities [B, 3], prior logits [B, A])."""
        wdl, logits = self.submit(planes)()
        return wdl.copy(), logits.copy()


class _Lane:
    """One batch under way at a time, in a stream of its own."""

    def __init__(self, network: PolicyValueNetwork, device: torch.device, dtype: torch.dtype) -> None:
        self._network = network
        self._device = device
        self._dtype = dtype
        is_gpu = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if is_gpu else None  # type: ignore[no-untyped-call]
        self._shapes: dict[int, _Shape] = {}

    def start(self, planes: FloatArray) -> Callable[[], Answer]:
        """Copy `planes`, compute, and copy the answer back, all in the stream; what waits for it."""
        rows = len(planes)
        shape = self._shape(planes)
        with torch.inference_mode(), self._in_stream():
            shape.host_planes[:rows].copy_(torch.from_numpy(planes))
            shape.planes.copy_(shape.host_planes, non_blocking=True)
            shape.compute()
            shape.host_wdl.copy_(shape.wdl, non_blocking=True)
            shape.host_logits.copy_(shape.logits, non_blocking=True)
            done = self._stream.record_event() if self._stream else None

        def wait() -> Answer:
            if done is not None:
                done.synchronize()
            return shape.host_wdl[:rows].numpy(), shape.host_logits[:rows].numpy()

        return wait

    def bind(self, planes: FloatArray) -> Callable[[], None]:
        """What computes planes that have been copied already."""
        self.start(planes)()
        compute = self._shape(planes).compute

        def work() -> None:
            with torch.inference_mode(), self._in_stream():
                compute()
            if self._stream:
                self._stream.synchronize()

        return work

    def _shape(self, planes: FloatArray) -> _Shape:
        rows = padded_rows(len(planes))
        if rows not in self._shapes:
            with torch.inference_mode():
                self._shapes[rows] = self._prepare(rows, planes.shape[1:])
        return self._shapes[rows]

    def _prepare(self, rows: int, board: tuple[int, ...]) -> _Shape:
        shape = _Shape(self._network, rows, board, self._device, self._dtype)
        if self._stream is None:
            return shape
        with self._in_stream():
            for _ in range(_WARM_UP):  # libraries choose their kernels
                shape.compute()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU meanwhile.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            shape.compute()
        shape.compute = graph.replay
        return shape

    def _in_stream(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self._stream) if self._stream else nullcontext()


class _Shape:
    """The arrays of one padded size, on both sides; `compute` reads and writes those of the device."""

    def __init__(
        self,
        network: PolicyValueNetwork,
        rows: int,
        board: tuple[int, ...],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        pinned = device.type == "cuda"
        self.host_planes = torch.zeros((rows, *board), pin_memory=pinned)
        self.host_wdl = torch.zeros((rows, 3), pin_memory=pinned)
        self.host_logits = torch.zeros((rows, network.num_actions), pin_memory=pinned)
        self.planes, self.wdl, self.logits = (
            tensor.to(device, copy=True) for tensor in (self.host_planes, self.host_wdl, self.host_logits)
        )

        def compute() -> None:
            logits, wdl = network(self.planes.to(dtype, memory_format=torch.channels_last))
            self.wdl.copy_(wdl.float().softmax(1))
            self.logits.copy_(logits)

        self.compute: Callable[[], None] = compute
