"""Inference with OpenVINO on the processor."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import openvino as ov
import torch
from openvino import opset15 as op
from torch import nn

from engine.errors import UserError
from engine.evaluator.backend import Answer, FloatArray
from engine.evaluator.calibration import LEVELS, Calibration, calibrate, quantise_weight
from engine.evaluator.device import resolve_precision
from engine.evaluator.network import ConvNorm, PolicyValueNetwork, ResidualBlock, fold_norms

PARITY_TOLERANCE = {"f32": 1e-3, "bf16": 6e-2, "int8": 1e-1}
"""Largest difference to torch in float32 that is put down to rounding: the largest of a position's
probabilities, on average over positions."""

_REMEDY = {
    "f32": "set evaluator.backend to 'torch'",
    "bf16": "set evaluator.backend to 'torch'",
    "int8": "set evaluator.precision to 'bf16'",
}


class OpenVinoBackend:
    """One model for every batch size, compiled anew for new weights.

    That takes 20 ms for 64 channels x 5 blocks, and 80 ms in int8, whose ranges are taken anew, too.
    Results do not depend on the batch they come in. In int8 the tower and the convolutions of the heads
    multiply whole numbers: weights with a scale for each output channel, activations from 0 to 255 with one
    scale; the first layer and the last ones keep the processor's best float type.

    Args:
        network: the weights.
        precision: f32, bf16 or int8.
        streams: threads, each of which computes a batch of its own.
        calibration: planes [N, C, H, W]; int8 takes the ranges of activations from them.
    """

    def __init__(
        self,
        network: PolicyValueNetwork,
        precision: str,
        streams: int = 1,
        calibration: FloatArray | None = None,
    ) -> None:
        # With several streams one batch more is ready for the first to be free.
        self.depth = streams + 1 if streams > 1 else 1
        self._precision = precision
        self._calibration = calibration
        # Pinning would put the first thread of every evaluator of the process on the same core.
        self._settings = {
            "INFERENCE_PRECISION_HINT": _float_type(precision),
            "INFERENCE_NUM_THREADS": streams,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,
        }
        self.load(network)
        if precision != "int8":
            generator = np.random.default_rng(0)
            planes = generator.integers(0, 2, size=(8, *network.planes_shape)).astype(np.float32)
            self._check_parity(planes, calibrate(_fold(network), planes))

    def load(self, network: PolicyValueNetwork) -> None:
        """Compile the network with its BatchNorm folded.

        UserError where weights are not finite, or where int8 is far off, which depends on them.
        """
        folded = _fold(network)
        if self._precision != "int8":
            self._compile(build_model(folded))
            return
        if self._calibration is None:
            raise ValueError("int8 takes its ranges from positions; give `calibration`")
        expected = calibrate(folded, self._calibration)
        self._compile(build_model(folded, expected.ranges))
        self._check_parity(self._calibration, expected)

    def bind(self, planes: FloatArray) -> Callable[[], None]:
        """Inference alone, on `planes` [B, C, H, W]."""
        lane = self._lanes[0]
        lane.bind(planes)

        def compute() -> None:
            lane.request.start_async()
            lane.request.wait()

        return compute

    def submit(self, planes: FloatArray) -> Callable[[], Answer]:
        """Begin to compute `planes` [B, C, H, W] on the first stream that is free."""
        lane = self._lanes[0]
        self._lanes.rotate(-1)
        lane.bind(planes)
        lane.request.start_async()
        return lane.wait

    def __call__(self, planes: FloatArray) -> Answer:
        """(win/draw/loss probabilities [B, 3], prior logits [B, A])."""
        wdl, logits = self.submit(planes)()
        return wdl.copy(), logits.copy()

    def _compile(self, model: ov.Model) -> None:
        compiled = _core().compile_model(model, "CPU", self._settings)
        self._lanes = deque(_Lane(compiled.create_infer_request()) for _ in range(self.depth))

    def _check_parity(self, planes: FloatArray, expected: Calibration) -> None:
        error = _difference(self(planes), (expected.wdl, expected.logits))
        tolerance = PARITY_TOLERANCE[self._precision]
        if bool(np.isfinite(expected.logits).all()) and not error <= tolerance:
            raise UserError(
                f"OpenVINO in {self._precision} differs from torch by {error:.3g} in a probability, "
                f"more than {tolerance:g}; {_REMEDY[self._precision]}"
            )


@functools.cache
def _core() -> ov.Core:
    """The one of this process, which stays until its end.

    OpenVINO gives the thread that first compiles a stack for handlers of signals, and frees it with the core:
    where another thread did that, the next signal, such as that of Ctrl-C, would end the process.
    """
    return ov.Core()


class _Lane:
    """A batch under way: a request of OpenVINO, and the arrays that it reads and writes."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self._planes: FloatArray | None = None
        self._answer: Answer | None = None

    def bind(self, planes: FloatArray) -> None:
        """Read `planes`; those of the same object are where they were."""
        if planes is self._planes:
            return
        self._planes = planes
        self.request.set_input_tensor(ov.Tensor(planes, shared_memory=True))
        widths = (int(port.partial_shape[1].get_length()) for port in self.request.model_outputs)
        wdl, logits = (np.empty((len(planes), width), np.float32) for width in widths)
        for index, array in enumerate((wdl, logits)):
            self.request.set_output_tensor(index, ov.Tensor(array, shared_memory=True))
        self._answer = wdl, logits

    def wait(self) -> Answer:
        """What has been computed."""
        self.request.wait()
        assert self._answer is not None
        return self._answer


def build_model(network: PolicyValueNetwork, ranges: Mapping[str, float] | None = None) -> ov.Model:
    """The graph of a folded network: planes [?, C, H, W] to win/draw/loss probabilities and prior logits.

    With `ranges` (see `Calibration`) the convolutions that they name are computed in int8.
    """
    ends, convolution = ranges or {}, _convolution if ranges is None else _int8_convolution
    planes = op.parameter([-1, *network.planes_shape], ov.Type.f32, name="planes")
    trunk = op.relu(_convolution(planes, network.stem))
    for index, module in enumerate(network.tower):
        block = cast(ResidualBlock, module)
        trunk = _quantise(trunk, ends.get(f"tower.{index}.first"))
        inner = op.relu(convolution(trunk, block.first))
        inner = _quantise(inner, ends.get(f"tower.{index}.second"))
        trunk = op.relu(op.add(trunk, convolution(inner, block.second)))
    trunk = _quantise(trunk, ends.get("policy_conv"))
    policy = _flat(op.relu(convolution(trunk, network.policy_conv)))
    value = _flat(op.relu(convolution(trunk, network.value_conv)))
    hidden = op.relu(_linear(value, network.value_hidden))
    wdl = op.softmax(_linear(hidden, network.value_out), 1)
    return ov.Model([op.result(wdl), op.result(_linear(policy, network.policy_out))], [planes], "network")


def _fold(network: PolicyValueNetwork) -> PolicyValueNetwork:
    folded = fold_norms(network).float().cpu()
    # OpenVINO's ReLU and int8 make 0 of what is not a number: the answers would look sound.
    for name, weight in folded.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise UserError(f"network: {name} is not finite; play with an earlier checkpoint")
    return folded


def _float_type(precision: str) -> ov.Type:
    """Of the sums, or in int8 of the layers that stay outside of it."""
    beside = resolve_precision("auto" if precision == "int8" else precision, "cpu")
    return ov.Type.bf16 if beside == "bf16" else ov.Type.f32


def _difference(ours: tuple[FloatArray, FloatArray], theirs: tuple[FloatArray, FloatArray]) -> float:
    wdl = np.abs(ours[0] - theirs[0]).max(1)
    priors = np.abs(_softmax(ours[1]) - _softmax(theirs[1])).max(1)
    return float(np.maximum(wdl, priors).mean())


def _softmax(logits: FloatArray) -> FloatArray:
    return torch.from_numpy(logits).softmax(1).numpy()


def _convolution(x: ov.Node, layer: ConvNorm) -> ov.Node:
    return _convolve(x, layer, _constant(layer.conv.weight))


def _int8_convolution(x: ov.Node, layer: ConvNorm) -> ov.Node:
    whole, scale = quantise_weight(layer.conv.weight)
    return _convolve(x, layer, op.multiply(op.convert(_constant(whole), "f32"), _constant(scale)))


def _convolve(x: ov.Node, layer: ConvNorm, weight: ov.Node) -> ov.Node:
    pad = list(cast(tuple[int, int], layer.conv.padding))
    bias = cast(torch.Tensor, layer.conv.bias).reshape(1, -1, 1, 1)
    return op.add(op.convolution(x, weight, [1, 1], pad, pad, [1, 1]), _constant(bias))


def _quantise(x: ov.Node, end: float | None) -> ov.Node:
    """`x` >= 0 rounded to steps from 0 to `end`; as it is where there is no range."""
    if end is None:
        return x
    low, high = op.constant(np.float32(0)), op.constant(np.float32(end))
    return op.fake_quantize(x, low, high, low, high, LEVELS + 1)


def _linear(x: ov.Node, layer: nn.Linear) -> ov.Node:
    return op.add(op.matmul(x, _constant(layer.weight), False, True), _constant(layer.bias.reshape(1, -1)))


def _flat(x: ov.Node) -> ov.Node:
    return op.reshape(x, op.constant(np.array([0, -1], np.int64)), True)


def _constant(tensor: torch.Tensor) -> ov.Node:
    return op.constant(tensor.detach().contiguous().numpy())
