"""Which library computes a network here, on what device and in which precision."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from engine.config.network import EvaluatorConfig
from engine.errors import UserError
from engine.evaluator.backend import Backend, FloatArray
from engine.evaluator.device import computes_bf16, resolve_device, resolve_precision
from engine.evaluator.network import PolicyValueNetwork

OPENVINO_REMEDY = "install the extra with `pip install 'selfplay[cpu]'`"


@dataclass(frozen=True)
class BackendChoice:
    """What will compute the network here, and why."""

    name: str  # "torch" or "openvino"
    device: str  # "cpu" or "cuda"
    precision: str  # "f32", "bf16" or "int8"
    reason: str

    def __str__(self) -> str:
        return f"{self.name} {self.precision} on {self.device}"


def resolve_backend(config: EvaluatorConfig) -> BackendChoice:
    """Choose library, device and precision; raise UserError naming the remedy where one is missing."""
    device = resolve_device(config.device)
    installed = importlib.util.find_spec("openvino") is not None
    name = config.backend
    if name == "openvino" and not installed:
        raise UserError(f"evaluator.backend = 'openvino' is not installed; {OPENVINO_REMEDY}")
    if name == "openvino" and config.device == "cuda":
        raise UserError("evaluator.backend = 'openvino' runs on the processor; set evaluator.device to 'cpu'")
    if name == "openvino":
        device, why = "cpu", "asked for"
    elif name == "torch":
        why = "asked for"
    elif device == "cuda":
        name, why = "torch", "there is a GPU"
    elif installed:
        name, why = "openvino", "installed, and faster than torch on a processor"
    else:
        name, why = "torch", f"OpenVINO, which is faster, is not there: {OPENVINO_REMEDY}"
    precision = resolve_precision(config.precision, device)
    if precision == "int8" and name != "openvino":
        raise UserError(f"evaluator.precision = 'int8' needs the OpenVINO backend: {_int8_remedy(config)}")
    return BackendChoice(name, device, precision, f"{why}; {_precision_reason(config, device)}")


def create_backend(
    choice: BackendChoice,
    network: PolicyValueNetwork,
    streams: int = 1,
    calibration: FloatArray | None = None,
) -> Backend:
    """Build what was chosen with the network's weights.

    Args:
        choice: see `resolve_backend`.
        network: the weights.
        streams: threads of the processor, each of which computes a batch of its own.
        calibration: planes [N, C, H, W] of typical positions, which int8 needs at every change of weights.
    """
    if choice.name == "openvino":
        from engine.evaluator.openvino_backend import OpenVinoBackend

        return OpenVinoBackend(network, choice.precision, streams, calibration)
    if choice.device == "cuda":
        from engine.evaluator.cuda_backend import CudaBackend

        return CudaBackend(network, choice.precision)
    from engine.evaluator.torch_backend import TorchBackend

    return TorchBackend(network, choice.precision, streams)


def _int8_remedy(config: EvaluatorConfig) -> str:
    if importlib.util.find_spec("openvino") is None:
        return OPENVINO_REMEDY
    if config.backend == "torch":
        return "set evaluator.backend to 'openvino'"
    return "set evaluator.device to 'cpu'"


def _precision_reason(config: EvaluatorConfig, device: str) -> str:
    if config.precision != "auto":
        return f"{config.precision} asked for"
    return "bf16 in hardware" if computes_bf16(device) else "no bf16 in hardware"
