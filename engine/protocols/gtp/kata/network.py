"""What the network says by itself, and how fast the search is."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine._core import Game, State
from engine.player.tree_player import TreePlayer
from engine.protocols.gtp.command import Commands
from engine.protocols.gtp.request import GtpError
from engine.protocols.gtp.session import Session
from engine.protocols.gtp.thinking import Limits

if TYPE_CHECKING:
    from engine.evaluator.network import PolicyValueNetwork

COMMANDS = Commands()

BENCHMARK_VISITS, MAX_BENCHMARK_VISITS = 800, 10_000_000


def _network(session: Session) -> PolicyValueNetwork | None:
    return session.player.network if isinstance(session.player, TreePlayer) else None


@COMMANDS.command("kata-get-models", "the networks in use, as JSON")
def get_models(session: Session, arguments: Sequence[str]) -> str:
    """A list of one object, empty for players without a network."""
    del arguments
    network = _network(session)
    if network is None:
        return "[]"
    model = {
        "name": session.player.name,
        "internalName": session.game.name,
        "channels": network.config.channels,
        "blocks": network.config.blocks,
        "hasOwnership": network.has_score,
    }
    return json.dumps([model], separators=(",", ":"))


@COMMANDS.command(
    "kata-raw-nn", "SYMMETRY: what the network alone says of the position turned so, or `all`",
    lambda session: _network(session) is not None,
)  # fmt: skip
def raw_network(session: Session, arguments: Sequence[str]) -> str:
    """Values for White, by lines; the policy in points of the board and last what is no point."""
    network = _network(session)
    assert network is not None
    count = len(session.game.cell_symmetries)
    text = arguments[0] if arguments else "0"
    if text != "all" and not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) < count):
        raise GtpError(f"symmetry '{text[:40]}': this game has 0 to {count - 1}, and all")
    if session.state.outcome() is not None:
        raise GtpError("the game is over")
    chosen = range(count) if text == "all" else [int(text)]
    white = session.colors.index("white")
    parts = [_raw_text(session.game, session.state, network, symmetry, white) for symmetry in chosen]
    return "\n".join(parts)


@COMMANDS.command("kata-benchmark", "[VISITS]: search this position and tell how fast that was")
def benchmark(session: Session, arguments: Sequence[str]) -> str:
    """Until a line comes at the latest."""
    text = arguments[0] if arguments else str(BENCHMARK_VISITS)
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MAX_BENCHMARK_VISITS):
        raise GtpError(f"visits '{text[:40]}': give 1 to {MAX_BENCHMARK_VISITS}")
    state, _ = session.facing(session.state.player())
    start = time.monotonic()
    report = session.think(state, Limits(int(text)), until_line=True).report
    seconds = max(time.monotonic() - start, 1e-9)
    return f"visits {report.simulations} seconds {seconds:.3f} visits/s {report.simulations / seconds:.1f}"


def _raw_text(game: Game, state: State, network: PolicyValueNetwork, symmetry: int, white: int) -> str:
    policy, wdl, owners, lead = predict_turned(game, state, network, symmetry)
    sign = 1.0 if state.player() == white else -1.0
    win, draw, loss = wdl if sign > 0 else wdl[::-1]
    lines = [f"symmetry {symmetry}", f"whiteWin {win:.6f}", f"whiteLoss {loss:.6f}", f"noResult {0:.6f}"]
    lines.append(f"draw {draw:.6f}")
    if lead is not None:
        lines.append(f"whiteLead {sign * lead:.6f}")
    _, height, width = game.planes_shape
    points = height * width if game.num_actions >= height * width else 0
    legal = state.legal_actions()
    shares = np.full(game.num_actions, np.nan)
    shares[legal] = policy[legal]
    if points and game.num_actions <= points + 1:
        lines += ["policy", _rows(shares[:points].reshape(height, width))]
        if game.num_actions > points:
            lines.append(f"policyPass {_share(shares[points])}")
    else:
        named = [
            f"{'_'.join(state.action_text(action).split())} {_share(shares[action])}" for action in legal
        ]
        lines += ["policy", " ".join(named)]
    if owners is not None:
        lines += ["whiteOwnership", _rows(sign * owners)]
    return "\n".join(lines)


def predict_turned(
    game: Game, state: State, network: PolicyValueNetwork, symmetry: int
) -> tuple[NDArray[np.float64], list[float], NDArray[np.float64] | None, float | None]:
    """What a network says of a position that it sees turned, turned back.

    Shares of the legal moves [A], 0 for others; win, draw and loss; owners [H, W] in [-1, 1] and lead in
    points, None for a network that does not foretell them. All for the player to move.
    """
    import torch

    cells = game.cell_symmetries[symmetry]
    planes = state.encode()
    turned = planes.reshape(len(planes), -1)[:, cells].reshape(planes.shape)
    parameter = next(network.parameters())
    with torch.no_grad():
        found = network.predict(torch.from_numpy(turned[None].copy()).to(parameter))
    logits = found.policy[0].double().cpu().numpy()[game.action_symmetries[symmetry]]
    legal = state.legal_actions()
    shares = np.zeros(game.num_actions)
    shares[legal] = np.exp(logits[legal] - logits[legal].max())
    wdl = found.wdl[0].double().softmax(0).tolist()
    if found.owner is None or found.score is None:
        return shares / shares.sum(), wdl, None, None
    owners = np.empty(len(cells))
    owners[cells] = np.tanh(found.owner[0].double().cpu().numpy() / 2)
    lead = float(found.score[0]) * len(cells) ** 0.5
    return shares / shares.sum(), wdl, owners.reshape(planes.shape[1:]), lead


def _rows(values: NDArray[np.float64]) -> str:
    return "\n".join(" ".join(_share(value) for value in row) for row in values)


def _share(value: float) -> str:
    return "NAN" if np.isnan(value) else f"{value:.6f}"
