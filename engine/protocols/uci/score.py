"""Scores of UCI: from a value in [-1, 1], or a proof, to centipawns or moves until the end."""

from __future__ import annotations

import math
from dataclasses import replace

from engine._core import State
from engine.errors import InputError
from engine.player.thinking import NOT_PROVEN, MoveReport

MOST = 10_000
"""Centipawns at most."""

_SURE = 0.999


def score_text(state: State, move: MoveReport, kind: str = "centipawn") -> str:
    """`cp N` or `mate N` of a move in `state`, for its player.

    `mate` where the move is proven and how long the game lasts is known: in so many moves of the player who
    wins, negative where the other does. A proven draw is 0.

    Args:
        state: where the move is made.
        move: what was found of it.
        kind: of engine.protocols.uci.option.SCORE_TYPES.
    """
    if move.proof not in (0, NOT_PROVEN):
        plies = plies_to_end(state, move)
        if plies is not None:
            return f"mate {(plies + 1) // 2 if move.proof > 0 else -(plies // 2)}"
    value = move.value if move.proof == NOT_PROVEN else float(move.proof)
    return f"cp {max(-MOST, min(MOST, round(_centipawns(value, known_wdl(move), kind))))}"


def settled(state: State, move: MoveReport) -> MoveReport:
    """A move in `state`, proven where it ends the game itself, by a search without proofs, too."""
    if move.proof != NOT_PROVEN or len(move.pv) != 1 or abs(move.value) < 1:
        return move
    after = state.clone()
    after.play(move.action)
    outcome = after.outcome()
    if outcome is None or outcome == 0:
        return move
    won = after.player() == state.player()  # the outcome is the next player's
    return replace(move, proof=1 if (outcome > 0) == won else -1, plies=1)


def known_wdl(move: MoveReport) -> tuple[float, float, float]:
    """Win, draw and loss, certain where the move is proven."""
    proven = {1: (1.0, 0.0, 0.0), 0: (0.0, 1.0, 0.0), -1: (0.0, 0.0, 1.0)}
    return proven.get(move.proof, move.wdl)


def _centipawns(value: float, wdl: tuple[float, float, float], kind: str) -> float:
    if kind == "Q":
        return MOST * value
    if kind == "W-L":
        return MOST * (wdl[0] - wdl[2])
    if kind == "win_percentage":
        return MOST * (1 + value) / 2
    if kind == "WDL_mu" and min(wdl[0], wdl[2]) > 1 - _SURE:
        # Win and loss as the tails beyond +1 and -1 of a logistic distribution, whose middle this is.
        win, loss = (math.log(1 / share - 1) for share in (wdl[0], wdl[2]))
        if win + loss > 1e-3:
            return 100 * (loss - win) / (win + loss)
    return centipawns(value)


def centipawns(value: float) -> float:
    """400 log10((1 + v) / (1 - v)): the lead in rating that gives such an expected score."""
    share = max(-1 + 1e-9, min(1 - 1e-9, value))
    return 400 * math.log10((1 + share) / (1 - share))


def plies_to_end(state: State, move: MoveReport) -> int | None:
    """Of a proven move in `state`, itself counted; None where its line stops before the game is over."""
    if move.plies is not None:
        return move.plies
    walker, line = state.clone(), move.pv
    try:
        for action in line:
            walker.play(action)
    except InputError:
        return None
    return len(line) if walker.outcome() is not None else None


def per_mille(wdl: tuple[float, float, float]) -> str:
    """Win, draw and loss in thousandths that add up to 1000."""
    win, loss = round(1000 * wdl[0]), round(1000 * wdl[2])
    loss = min(loss, 1000 - win)
    return f"{win} {1000 - win - loss} {loss}"
