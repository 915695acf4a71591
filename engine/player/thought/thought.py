"""One query in a tree: how far it is, and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import _core
from engine.player.thinking import NOT_PROVEN, MoveReport, Ownership, Query, Report, unsearched_report

LONGEST_LINE = 100
"""Plies of a variation that is told."""

DEVIATIONS = 5.0
"""Standard errors between a value and its lower confidence bound, where the player's settings name none
(KataGo's lcbStdevs)."""

_KEPT_OUT = -1e30
"""Ratings below are no ratings: the rule does not choose the move."""


class TreeThought:
    """A query that has begun; it waits for a tree first, and in the end its tree goes to another.

    Args:
        query: what is asked.
        number: it comes behind those of its priority with lower ones.
        trees: in which one tree is its own from `enter` to `leave`.
        ownership: of a tree's root, after one move of it where a second argument is not None.
        memory: the share of the trees' memory in use.
    """

    def __init__(
        self,
        query: Query,
        number: int,
        trees: _core.Trees,
        deviations: float,
        ownership: Callable[[int | None, _core.State, int | None], Ownership | None],
        memory: Callable[[], float],
    ) -> None:
        self.query = query
        self.number = number
        self.tree: int | None = None
        self.done = 0
        self.is_over = False
        self._trees = trees
        self._deviations = deviations or DEVIATIONS
        self._ownership = ownership
        self._memory = memory
        self._begun = time.monotonic()
        self._seconds: float | None = None
        self._left: Report | None = None
        self._has_root = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will be found; its root at least is evaluated, but where it was stopped."""
        if self._seconds is None and (self.is_over or self.query.stopped or self._is_spent()):
            self._seconds = time.monotonic() - self._begun
        return self._seconds is not None

    def _is_spent(self) -> bool:
        limit, deadline = self.query.simulations, self.query.deadline
        if limit is not None and self.done >= limit:
            return True
        return self._has_root and deadline is not None and time.monotonic() >= deadline

    def enter(self, tree: int, has_root: bool) -> None:
        """Have a tree; `has_root` tells whether it has been searched before."""
        self.tree = tree
        self._has_root = has_root

    def move_on(self, done: int, is_over: bool) -> None:
        """Take what a step has brought: new visits in all, and whether there can be no more."""
        self.done = done
        self._has_root = self._has_root or done > 0
        self.is_over = self.is_over or is_over

    @property
    def has_root(self) -> bool:
        """Whether its root has been evaluated."""
        return self._has_root

    def leave(self) -> None:
        """Give the tree away; what it had found is still told."""
        self._left = self.report()
        self.tree = None

    def report(self) -> Report:
        """What has been found so far."""
        if self._left is not None:
            return self._left
        if self.tree is None:
            return unsearched_report(self.query)
        try:
            root = self._trees.root(self.tree)
        except ValueError:  # nothing has been evaluated yet
            return unsearched_report(self.query)
        seconds = time.monotonic() - self._begun if self._seconds is None else self._seconds
        simulations = int(root["simulations"])
        return Report(
            state=self.query.state, moves=self._moves(root), value=float(root["value"]), wdl=root["wdl"],
            simulations=simulations, visits=int(root["root_visits"]), seconds=seconds,
            depth=int(root["total_depth"]) / max(1, simulations), max_depth=int(root["max_depth"]),
            proof=int(root["root_proof"]), raw_wdl=root["raw_wdl"], nodes=int(root["nodes"]),
            memory=self._memory(),
        )  # fmt: skip

    def ownership(self, action: int | None = None) -> Ownership | None:
        """Who will own each cell."""
        return self._ownership(self.tree, self.query.state, action)

    def _moves(self, root: dict[str, Any]) -> tuple[MoveReport, ...]:
        """All that the search considers, the best first."""
        assert self.tree is not None
        names = ("actions", "answered", "prior", "q", "draw", "error", "proof", "plies", "rating")
        columns = zip(*(root[name].tolist() for name in names), strict=True)
        found = []
        for action, visits, prior, q, draw, error, proof, plies, rating in columns:
            if visits > 0:
                line = self._trees.principal_variation(self.tree, LONGEST_LINE, action)
                line_visits = self._trees.line_visits(self.tree, line)
                move = MoveReport(
                    action=action, visits=visits, prior=prior, value=q, wdl=_shares(q, draw),
                    lcb=max(-1.0, q - self._deviations * error), proof=proof, pv=tuple(line),
                    plies=plies if plies > 0 and proof != NOT_PROVEN else None, pv_visits=tuple(line_visits),
                )  # fmt: skip
            else:
                move = MoveReport(
                    action, 0, prior, float(root["value"]), root["wdl"], -1.0, NOT_PROVEN, (action,)
                )
            found.append((_rank(move, rating, root), move))
        return tuple(move for _, move in sorted(found, key=lambda each: each[0]))


def _rank(move: MoveReport, rating: float, root: dict[str, Any]) -> tuple[float, ...]:
    """What sorts moves, the best first: quick wins, the search's choice, what it leaves out, slow losses."""
    plies = float(move.plies or 0)
    if move.proof == 1 and (move.value >= 1 or (root["root_proof"] == 1 and move.value == root["value"])):
        return (0, plies, -move.visits, move.action)
    if move.proof == -1 and move.value <= -1:
        return (3, -plies, -move.visits, move.action)
    if np.isfinite(rating) and rating > _KEPT_OUT:
        return (1, -rating, -move.visits, move.action)
    return (2, -move.visits, -move.prior, move.action)


def _shares(value: float, draw: float) -> tuple[float, float, float]:
    """Win, draw and loss of a value and a draw's probability, without what rounding puts below 0."""
    draw = min(max(draw, 0.0), 1 - abs(value))
    return ((1 + value - draw) / 2, draw, (1 - value - draw) / 2)
