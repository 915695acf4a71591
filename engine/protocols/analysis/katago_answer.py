"""Answers in KataGo's protocol: winrates in [0, 1], points of lead and owners in the view that is asked for.

Owners and a prior policy are listed row by row from the top left, as actions are numbered; a pass is last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine._core import State
from engine.player.thinking import MoveReport, Ownership, Report, Thought
from engine.protocols.analysis.katago_board import Board, Turn
from engine.protocols.analysis.katago_field import PLAYERS
from engine.protocols.analysis.katago_query import Telling

ILLEGAL = -1
"""Where a prior would stand."""

_DIGITS = 9
_OWNER_DIGITS = 6


@dataclass(frozen=True)
class View:
    """Values for the root's player, turned to the player whose winrates are reported."""

    sign: int

    def winrate(self, value: float) -> float:
        """Of a value in [-1, 1]; of a bound it may lie outside of [0, 1]."""
        return _rounded(0.5 + 0.5 * self.sign * value)

    def points(self, value: float) -> float:
        """A value or a lead."""
        return _rounded(self.sign * value)

    def owners(self, found: Ownership) -> list[float]:
        """Of every cell."""
        return [round(self.sign * float(owner), _OWNER_DIGITS) + 0.0 for owner in np.ravel(found.owners)]


def describe(thought: Thought, report: Report, turn: Turn, board: Board, telling: Telling) -> dict[str, Any]:
    """All but `id`, `turnNumber` and `isDuringSearch`."""
    player = report.state.player()
    perspective = player if telling.perspective is None else telling.perspective
    view = View(1 if player == perspective else -1)
    visited = [move for move in report.moves if move.visits > 0]
    answer: dict[str, Any] = {
        "moveInfos": [
            _describe_move(thought, report.state, move, order, view, telling)
            for order, move in enumerate(visited)
        ],
        "rootInfo": _describe_root(thought, report, turn, view),
    }
    if telling.ownership and (found := thought.ownership()) is not None:
        answer["ownership"] = view.owners(found)
    if telling.policy:
        answer["policy"] = _policy(report, board)
    return answer


def _describe_move(
    thought: Thought, state: State, move: MoveReport, order: int, view: View, telling: Telling
) -> dict[str, Any]:
    found = thought.ownership(move.action)
    info: dict[str, Any] = {
        "move": state.action_text(move.action),
        "order": order,
        "visits": move.visits,
        "weight": move.visits,
        "edgeVisits": move.visits,
        "edgeWeight": move.visits,
        "playSelectionValue": move.visits,
        "winrate": view.winrate(move.value),
        "lcb": view.winrate(move.lcb),
        "utility": view.points(move.value),
        "utilityLcb": view.points(move.lcb),
        "prior": _rounded(move.prior),
        "pv": _variation(state, move.pv[: telling.pv_length]),
        **_describe_score(found, view),
    }
    if "scoreLead" in info:
        info["scoreMean"] = info["scoreLead"]
    if telling.pv_visits:
        visits = list(move.pv_visits[: telling.pv_length])
        info |= {"pvVisits": visits, "pvEdgeVisits": visits}
    if telling.moves_ownership and found is not None:
        info["ownership"] = view.owners(found)
    return info


def _describe_root(thought: Thought, report: Report, turn: Turn, view: View) -> dict[str, Any]:
    key, (canonical, _) = turn.state.key(), turn.state.canonical()
    info: dict[str, Any] = {
        "visits": report.visits,
        "weight": report.visits,
        "winrate": view.winrate(report.value),
        "utility": view.points(report.value),
        "currentPlayer": PLAYERS[report.state.player()],
        "thisHash": f"{key:032X}",
        "symHash": f"{canonical:032X}",
        **_describe_score(thought.ownership(), view),
    }
    if report.raw_wdl is not None:
        info["rawWinrate"] = view.winrate(report.raw_wdl[0] - report.raw_wdl[2])
    return info


def _describe_score(found: Ownership | None, view: View) -> dict[str, float]:
    """The lead under KataGo's names for it, and its deviation as if the cells' owners were independent."""
    if found is None:
        return {}
    lead = view.points(found.score)
    variance = float(np.sum(1 - np.square(np.clip(found.owners, -1, 1), dtype=np.float64)))
    return {
        "scoreLead": lead,
        "scoreSelfplay": lead,
        "scoreStdev": _rounded(math.sqrt(max(0.0, variance))),
    }


def _policy(report: Report, board: Board) -> list[float]:
    """Priors of all actions; of those that the search leaves out 0."""
    policy = [float(ILLEGAL)] * board.game.num_actions
    for action in report.state.legal_actions():
        policy[action] = 0.0
    for move in report.moves:
        policy[move.action] = _rounded(move.prior)
    return policy


def _variation(state: State, actions: Sequence[int]) -> list[str]:
    return [state.action_text(action) for action in actions]


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS) + 0.0  # no negative zero
