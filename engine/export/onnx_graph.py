"""A network as a graph of ONNX: standard operators alone, any number of positions at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from engine.errors import UserError
from engine.evaluator.network import ConvNorm, PolicyValueNetwork, ResidualBlock, fold_norms

INPUT = "planes"
OUTPUTS = {
    "policy_logits": "[batch, actions], logits of all actions; mask the illegal ones, then softmax",
    "wdl": "[batch, 3], probabilities of win, draw and loss for the player to move",
    "owner": "[batch, height, width], expected owner of each cell at the end: 1 who is to move, -1 the other",
    "score": "[batch], points by which the player to move is expected to lead at the end",
}
"""What each output is; the last two where the network has them."""

OPSETS = (13, 24)
"""Versions of the operators, the oldest and the newest, that a graph can be written in."""

MAX_BYTES = (1 << 31) - (1 << 20)
"""Of weights: a file of ONNX is one message of protobuf, which ends at 2 GiB."""


def build_graph(network: PolicyValueNetwork, opset: int, metadata: Mapping[str, str]) -> bytes:
    """The file of a network, its BatchNorm folded: `planes` float32 [batch, C, H, W] to OUTPUTS.

    The same weights and metadata give the same bytes. Raise UserError where a weight is not finite and where
    the weights are too many for one file.
    """
    folded = fold_norms(network).float().cpu()
    _check(folded)
    graph = _Graph()
    outputs = _outputs(graph, folded)
    made = helper.make_graph(
        graph.nodes,
        "network",
        [_value(INPUT, ["batch", *network.planes_shape])],
        [_value(name, shape) for name, shape in outputs.items()],
        graph.weights,
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        made,
        opset_imports=imports,
        ir_version=helper.find_min_ir_version_for(imports),
        producer_name="selfplay",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return cast(bytes, model.SerializeToString(deterministic=True))


class _Graph:
    """Nodes in the order in which they are computed, and the weights that they read."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """Append an operation; the name of its result."""
        name = to or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, values: Tensor | np.ndarray[Any, Any]) -> str:
        """Append weights; their name."""
        array = values.detach().contiguous().numpy() if isinstance(values, Tensor) else values
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def convolution(self, x: str, layer: nn.Conv2d, name: str) -> str:
        """x [batch, C, H, W], the size of the board kept."""
        height, width = cast(tuple[int, int], layer.padding)
        weight = self.weight(f"{name}.weight", layer.weight)
        bias = self.weight(f"{name}.bias", cast(Tensor, layer.bias))
        return self.node("Conv", x, weight, bias, pads=[height, width, height, width])

    def linear(self, x: str, layer: nn.Linear, name: str, to: str = "") -> str:
        """x [batch, features]."""
        weight, bias = self.weight(f"{name}.weight", layer.weight), self.weight(f"{name}.bias", layer.bias)
        return self.node("Gemm", x, weight, bias, to=to, transB=1)

    def scaled(self, x: str, factor: float, name: str, to: str = "") -> str:
        """x times a number."""
        return self.node("Mul", x, self.weight(name, np.array(factor, np.float32)), to=to)

    def without_axis(self, x: str, name: str, to: str = "") -> str:
        """x without its second axis, which has one place."""
        return self.node("Squeeze", x, self.weight(name, np.array([1], np.int64)), to=to)


def _outputs(graph: _Graph, network: PolicyValueNetwork) -> dict[str, list[Any]]:
    """Append the whole network; the shapes of its outputs by name."""
    _, height, width = network.planes_shape
    trunk = _trunk(graph, network)
    policy = _flat(graph, trunk, network.policy_conv, "policy_conv")
    graph.linear(policy, network.policy_out, "policy_out", to="policy_logits")
    value = _flat(graph, trunk, network.value_conv, "value_conv")
    hidden = graph.node("Relu", graph.linear(value, network.value_hidden, "value_hidden"))
    graph.node("Softmax", graph.linear(hidden, network.value_out, "value_out"), to="wdl", axis=1)
    shapes: dict[str, list[Any]] = {"policy_logits": ["batch", network.num_actions], "wdl": ["batch", 3]}
    if not network.has_score:
        return shapes
    ours = graph.scaled(graph.convolution(trunk, network.owner_out, "owner_out"), 0.5, "owner.half")
    graph.without_axis(graph.node("Tanh", ours), "owner.axis", to="owner")  # 2 sigmoid(x) - 1
    points = graph.without_axis(graph.linear(hidden, network.score_out, "score_out"), "score.axis")
    graph.scaled(points, (height * width) ** 0.5, "score.unit", to="score")
    return {**shapes, "owner": ["batch", height, width], "score": ["batch"]}


def _trunk(graph: _Graph, network: PolicyValueNetwork) -> str:
    trunk = graph.node("Relu", graph.convolution(INPUT, network.stem.conv, "stem"))
    for index, module in enumerate(network.tower):
        block, name = cast(ResidualBlock, module), f"tower.{index}"
        inner = graph.node("Relu", graph.convolution(trunk, block.first.conv, f"{name}.first"))
        outer = graph.convolution(inner, block.second.conv, f"{name}.second")
        trunk = graph.node("Relu", graph.node("Add", trunk, outer))
    return trunk


def _flat(graph: _Graph, trunk: str, layer: ConvNorm, name: str) -> str:
    return graph.node("Flatten", graph.node("Relu", graph.convolution(trunk, layer.conv, name)), axis=1)


def _value(name: str, shape: list[Any]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _check(network: PolicyValueNetwork) -> None:
    num_bytes = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    if num_bytes > MAX_BYTES:
        raise UserError(
            f"network: its weights have {num_bytes:,} bytes, and a file of ONNX ends at 2 GiB; "
            "export it as a folder"
        )
    for name, weight in network.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise UserError(f"network: {name} is not finite; export an earlier checkpoint")
