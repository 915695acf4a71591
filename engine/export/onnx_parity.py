"""A file of ONNX held against the network that it was made of, on positions of the game."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from engine import _core
from engine.errors import UserError
from engine.evaluator.backend import FloatArray
from engine.evaluator.calibration import random_positions
from engine.evaluator.network import PolicyValueNetwork
from engine.export.onnx_graph import INPUT

TOLERANCE = 1e-4
"""Largest difference of an output, see `difference`."""

BATCHES = (1, 3, 60)
"""Positions that are computed at a time, one batch after the other."""

Outputs = dict[str, FloatArray]


@dataclass(frozen=True)
class Parity:
    """What was compared: positions of random games, and the largest difference of each output."""

    positions: int
    batches: tuple[int, ...]
    differences: dict[str, float]

    @property
    def largest(self) -> float:
        """Of all outputs."""
        return max(self.differences.values())


def check_parity(data: bytes, network: PolicyValueNetwork, game: _core.Game) -> Parity:
    """Run the file in ONNX Runtime and the network in torch; raise UserError where they differ.

    Both in float32 on the processor; the network is taken as it plays, with its BatchNorm unfolded.
    """
    planes = random_positions(game, sum(BATCHES))
    ends = np.cumsum(BATCHES)
    parts = [planes[end - size : end] for size, end in zip(BATCHES, ends, strict=True)]
    found, expected = run_file(data, parts), run_network(network, planes)
    differences = {name: difference(name, found[name], expected[name]) for name in expected}
    parity = Parity(len(planes), BATCHES, differences)
    for name, largest in differences.items():
        if not largest <= TOLERANCE:
            raise UserError(
                f"the ONNX file differs from torch by {largest:.3g} in '{name}', more than {TOLERANCE:g}; "
                "nothing is written; try an earlier checkpoint, or other versions of onnx and onnxruntime"
            )
    return parity


def run_file(data: bytes, batches: Sequence[FloatArray]) -> Outputs:
    """Outputs of a file by name, those of all batches of planes joined."""
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        answers = [session.run(names, {INPUT: planes}) for planes in batches]
    except Exception as error:  # ONNX Runtime's own kinds share no parent
        reason = str(error).strip().splitlines()[0][:200]
        raise UserError(f"ONNX Runtime {onnxruntime.__version__} refuses the file: {reason}") from error
    return {name: np.concatenate([answer[index] for answer in answers]) for index, name in enumerate(names)}


def run_network(network: PolicyValueNetwork, planes: FloatArray) -> Outputs:
    """What the file must give for planes [N, C, H, W], from torch."""
    with torch.inference_mode():
        played = copy.deepcopy(network).float().cpu().eval()
        prediction = played.predict(torch.from_numpy(planes))
        outputs = {"policy_logits": prediction.policy, "wdl": prediction.wdl.softmax(1)}
        if prediction.owner is not None and prediction.score is not None:
            _, height, width = network.planes_shape
            outputs["owner"] = 2 * prediction.owner.sigmoid().reshape(-1, height, width) - 1
            outputs["score"] = prediction.score * (height * width) ** 0.5
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def difference(name: str, found: FloatArray, expected: FloatArray) -> float:
    """The largest of any number, in units of the largest number of its position where that is above 1.

    Of logits the probabilities that they stand for count, too, as they are.
    """
    assert found.shape == expected.shape, (found.shape, expected.shape)
    ours, theirs = (array.reshape(len(array), -1).astype(np.float64) for array in (found, expected))
    unit = np.maximum(1, np.abs(theirs).max(1, keepdims=True))
    largest = float((np.abs(ours - theirs) / unit).max())
    if name.endswith("logits"):
        return max(largest, float(np.abs(_softmax(ours) - _softmax(theirs)).max()))
    return largest


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(logits - logits.max(1, keepdims=True))
    total: NDArray[np.float64] = powers.sum(1, keepdims=True)
    return np.divide(powers, total)
