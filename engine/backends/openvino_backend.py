"""Inference with OpenVINO on the processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import openvino as ov
import torch
from openvino import opset15 as op
from torch import nn

from engine.backends import FloatArray
from engine.errors import UserError
from engine.network import ConvNorm, PolicyValueNetwork, ResidualBlock, fold_norms

_PRECISION = {"f32": ov.Type.f32, "bf16": ov.Type.bf16}

PARITY_TOLERANCE = {"f32": 1e-3, "bf16": 6e-2}
"""Largest difference in a probability to torch in float32 that is put down to rounding."""


class OpenVinoBackend:
    """One model for every batch size, compiled anew for new weights (20 ms for 64 channels x 5 blocks).

    Results do not depend on the batch they come in.
    """

    def __init__(self, network: PolicyValueNetwork, precision: str, threads: int) -> None:
        self._core = ov.Core()
        self._tolerance = PARITY_TOLERANCE[precision]
        # Pinning would put the first thread of every evaluator of the process on the same core.
        self._settings = {
            "INFERENCE_PRECISION_HINT": _PRECISION[precision],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
        }
        self.load(network)
        self._check_parity(network)

    def load(self, network: PolicyValueNetwork) -> None:
        """Compile the network with its BatchNorm folded."""
        model = build_model(fold_norms(network).float().cpu())
        self._request: Any = self._core.compile_model(model, "CPU", self._settings).create_infer_request()

    def bind(self, planes: FloatArray) -> Callable[[], None]:
        """Inference alone, on `planes` [B, C, H, W]."""
        self._request.set_input_tensor(ov.Tensor(planes, shared_memory=True))

        def compute() -> None:
            self._request.start_async()
            self._request.wait()

        return compute

    def __call__(self, planes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(win/draw/loss probabilities [B, 3], prior logits [B, A])."""
        request = self._request
        request.set_input_tensor(ov.Tensor(planes, shared_memory=True))
        request.start_async()
        request.wait()
        return request.get_output_tensor(0).data.copy(), request.get_output_tensor(1).data.copy()

    def _check_parity(self, network: PolicyValueNetwork) -> None:
        generator = np.random.default_rng(0)
        planes = generator.integers(0, 2, size=(8, *network.planes_shape)).astype(np.float32)
        wdl, logits = self(planes)
        with torch.inference_mode():
            expected = fold_norms(network).float().cpu()(torch.from_numpy(planes))
        ours = torch.from_numpy(wdl), torch.from_numpy(logits).softmax(1)
        theirs = expected[1].softmax(1), expected[0].softmax(1)
        error = max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))
        if bool(torch.isfinite(expected[0]).all()) and not error <= self._tolerance:
            raise UserError(
                f"OpenVINO differs from torch by {error:.3g} in a probability, more than "
                f"{self._tolerance:g}; set evaluator.backend to 'torch'"
            )


def build_model(network: PolicyValueNetwork) -> ov.Model:
    """The graph of a folded network: planes [?, C, H, W] to win/draw/loss probabilities and prior logits."""
    planes = op.parameter([-1, *network.planes_shape], ov.Type.f32, name="planes")
    trunk = op.relu(_convolution(planes, network.stem))
    for module in network.tower:
        block = cast(ResidualBlock, module)
        inner = op.relu(_convolution(trunk, block.first))
        trunk = op.relu(op.add(trunk, _convolution(inner, block.second)))
    policy = _flat(op.relu(_convolution(trunk, network.policy_conv)))
    value = _flat(op.relu(_convolution(trunk, network.value_conv)))
    hidden = op.relu(_linear(value, network.value_hidden))
    wdl = op.softmax(_linear(hidden, network.value_out), 1)
    return ov.Model([op.result(wdl), op.result(_linear(policy, network.policy_out))], [planes], "network")


def _convolution(x: ov.Node, layer: ConvNorm) -> ov.Node:
    pad = list(cast(tuple[int, int], layer.conv.padding))
    bias = cast(torch.Tensor, layer.conv.bias).reshape(1, -1, 1, 1)
    y = op.convolution(x, _constant(layer.conv.weight), [1, 1], pad, pad, [1, 1])
    return op.add(y, _constant(bias))


def _linear(x: ov.Node, layer: nn.Linear) -> ov.Node:
    return op.add(op.matmul(x, _constant(layer.weight), False, True), _constant(layer.bias.reshape(1, -1)))


def _flat(x: ov.Node) -> ov.Node:
    return op.reshape(x, op.constant(np.array([0, -1], np.int64)), True)


def _constant(tensor: torch.Tensor) -> ov.Node:
    return op.constant(tensor.detach().contiguous().numpy())
