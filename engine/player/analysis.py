"""From a searched tree, or from a choice without one, to what a player says of a position."""

from __future__ import annotations

from collections.abc import Sequence

from engine import _core
from engine.player.player import Analysis


def describe_root(trees: _core.Trees, tree: int, state: _core.State) -> Analysis:
    """What a searched tree says of its root `state`.

    Fewer simulations were made than asked for where the result is proven.
    """
    root = trees.root(tree)
    moves = [state.action_text(int(action)) for action in root["actions"]]
    return {
        "best": state.action_text(trees.best_action(tree)),
        "value": float(root["value"]),
        "wdl": [float(share) for share in root["wdl"]],
        "visits": dict(zip(moves, (int(visits) for visits in root["visits"]), strict=True)),
        "prior": dict(zip(moves, (float(prior) for prior in root["prior"]), strict=True)),
        "pv": variation_text(state, trees.principal_variation(tree)),
        "simulations": int(root["simulations"]),
    }


def describe_choice(
    state: _core.State, action: int, among: Sequence[int], wdl: tuple[float, float, float]
) -> Analysis:
    """What is said of `state` without a search: `action` was drawn evenly from `among`."""
    best = state.action_text(action)
    moves = {legal: state.action_text(legal) for legal in state.legal_actions()}
    return {
        "best": best,
        "value": wdl[0] - wdl[2],
        "wdl": list(wdl),
        "visits": dict.fromkeys(moves.values(), 0),
        "prior": {text: (legal in among) / len(among) for legal, text in moves.items()},
        "pv": [best],
        "simulations": 0,
    }


def variation_text(state: _core.State, actions: Sequence[int]) -> list[str]:
    """Moves of a variation from `state`, in the game's notation."""
    walker, moves = state.clone(), []
    for action in actions:
        moves.append(walker.action_text(action))
        walker.play(action)
    return moves
