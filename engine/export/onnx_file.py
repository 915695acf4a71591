"""A network as a file of ONNX, to be written once it has given what torch gives."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from engine import _core
from engine.config import Config
from engine.errors import UserError
from engine.evaluator.evaluator import check_fit
from engine.evaluator.network import PolicyValueNetwork
from engine.run import storage
from engine.run.settings_file import versions
from engine.run.storage import Digest

EXTRA = "pip install 'selfplay[export]'"
MODULES = ("onnx", "onnxruntime")

OPSET = 17
"""What runtimes of the last years read."""

NAMED_PLIES = 400
"""Of one random game, in which the names of actions are looked at."""


@dataclass(frozen=True)
class OnnxFile:
    """A file that has given what torch gives.

    parity: largest difference by output over so many positions, see engine.export.onnx_parity.
    """

    data: bytes
    opset: int
    positions: int
    batches: tuple[int, ...]
    parity: dict[str, float]
    metadata: dict[str, str]

    def write(self, path: Path) -> Digest:
        """Write it, whole or not at all; raise UserError where the disk refuses."""
        storage.make_folder(path.absolute().parent)
        return storage.atomic_write(path, self.data)


def require_onnx() -> None:
    """Raise UserError where what writes and runs such files is not installed."""
    for name in MODULES:
        if importlib.util.find_spec(name) is None:
            raise UserError(f"ONNX files need {name}, which is not installed; {EXTRA}")


def make_onnx(game: _core.Game, config: Config, network: PolicyValueNetwork, opset: int = OPSET) -> OnnxFile:
    """The file of the network that plays `game`.

    Raise UserError where it does not fit the game, for an opset that is not known, and where the file does
    not give what torch gives.
    """
    require_onnx()
    from engine.export.onnx_graph import OPSETS, build_graph
    from engine.export.onnx_parity import check_parity

    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise UserError(f"--opset {opset} is not known; give one from {OPSETS[0]} to {OPSETS[1]}")
    check_fit(game, network)
    metadata = describe(game, config, network)
    data = build_graph(network, opset, metadata)
    parity = check_parity(data, network, game)
    return OnnxFile(data, opset, parity.positions, parity.batches, parity.differences, metadata)


def describe(game: _core.Game, config: Config, network: PolicyValueNetwork) -> dict[str, str]:
    """What the file says of itself, each a text of its own; lists and tables as JSON."""
    from engine.export.onnx_graph import INPUT, OUTPUTS

    names = action_names(game)
    outputs = list(OUTPUTS.items())[: 4 if network.has_score else 2]
    return {
        "format": "selfplay network 1",
        "game": config.game,
        "rules": game.name,
        "planes_shape": json.dumps(list(network.planes_shape)),
        "num_actions": str(network.num_actions),
        **({} if names is None else {"action_names": json.dumps(names)}),
        "network": json.dumps(config.network.model_dump()),
        "versions": json.dumps(versions()),
        f"input.{INPUT}": "float32 [batch, channels, height, width], as State.encode() gives them",
        **{f"output.{name}": f"float32 {text}" for name, text in outputs},
    }


def action_names(game: _core.Game) -> list[str] | None:
    """The name of every action, where it is the same in every position and no other's; None elsewhere."""
    state = game.initial()
    names = [state.action_text(action) for action in range(game.num_actions)]
    if len(set(names)) < len(names):
        return None
    for move in _core.rollout_moves(game, 1, min(game.max_plies, NAMED_PLIES)):
        if any(state.action_text(action) != names[action] for action in state.legal_actions()):
            return None
        state.play(int(move))
    return names
