"""Thinking: positions under a player's search, whose limits may change while it runs.

A driver of a protocol makes a `Query`, has a `Thinker` begin it and steps the thinker until the thought has
ended; `Thought.report` tells at any time what has been found so far. `engine.player.thought.background` does
that in a thread of its own for one position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine._core import Game, InputError, State, require_position

NOT_PROVEN = 2
"""Where a proof would stand: 1 won, 0 drawn, -1 lost for the root's player."""


@dataclass(frozen=True)
class Restriction:
    """Moves that a search may or may not consider.

    player: 0 or 1, whose moves. actions: of the game. plies: at how many plies from the root on (1: at the
    root alone). allowed: whether these are the only moves, rather than those left out.
    """

    player: int
    actions: frozenset[int]
    plies: int = 1
    allowed: bool = False


@dataclass
class Query:
    """A position, not over, and how long to think about it; with no limit at all: until it is stopped.

    simulations and deadline may be changed from any thread while it is thought about.
    """

    state: State
    simulations: int | None = None
    """New visits."""
    deadline: float | None = None
    """Of `time.monotonic()`."""
    priority: int = 0
    """Of several the highest goes first."""
    restrictions: Sequence[Restriction] = ()
    """A root without a legal move under them is an InputError when the query begins."""
    is_fresh: bool = False
    """Whether its tree begins anew, so that what is found depends on no earlier query."""
    stopped: bool = field(default=False, init=False)

    def stop(self) -> None:
        """End it with what there is; from any thread."""
        self.stopped = True


@dataclass(frozen=True)
class MoveReport:
    """One legal move of the root, for the root's player.

    value in [-1, 1] and wdl (win, draw, loss): the root's own where the move is unvisited. lcb: the lower
    confidence bound of value, -1 where it is unvisited. proof: 1, 0, -1 or NOT_PROVEN. pv: from this move on,
    every move of it is legal. plies: of the proven line to the end of the game, this move counted, as short a
    win and as long a loss as has been found; None where nothing is proven or nobody knows. pv_visits: of each
    move of pv; none where nothing is searched.
    """

    action: int
    visits: int
    prior: float
    value: float
    wdl: tuple[float, float, float]
    lcb: float
    proof: int
    pv: tuple[int, ...]
    plies: int | None = None
    pv_visits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Report:
    """What has been found of a position, for its player to move.

    moves: all that the search considers, the best first: that is what it would play. simulations: new visits;
    visits: those of the root, earlier searches' included. depth: mean plies of a simulation, max_depth the
    most. proof: of the position. raw_wdl: of the network alone, None without. nodes: of the tree. memory:
    share of the tree's memory in use, in [0, 1].
    """

    state: State
    moves: tuple[MoveReport, ...]
    value: float
    wdl: tuple[float, float, float]
    simulations: int
    visits: int
    seconds: float
    depth: float
    max_depth: int
    proof: int
    raw_wdl: tuple[float, float, float] | None
    nodes: int
    memory: float

    @property
    def best(self) -> int:
        """The action to play."""
        return self.moves[0].action


class Thought(Protocol):
    """A query that has begun."""

    @property
    def query(self) -> Query:
        """What was asked."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be found: a limit, a proof, full memory, or it was stopped."""

    def report(self) -> Report:
        """What has been found so far; before the first evaluation the legal moves by their number."""

    def ownership(self, action: int | None = None) -> Ownership | None:
        """Who will own each cell, after a move of the root where one is given, for the root's player all the
        same; None where the game has no score.
        """


@dataclass(frozen=True)
class Ownership:
    """owners: float32 [H, W] in [-1, 1], 1: the player to move. score: points it leads by, komi included.

    source: `network` (its head of owners, over the nodes most visited) or `playouts` (random games).
    """

    owners: NDArray[np.float32]
    score: float
    source: str


class Thinker(Protocol):
    """Thinks about positions side by side, their evaluations in common batches; serves one thread."""

    def begin(self, query: Query) -> Thought:
        """Start on a position. The tree of an ended thought that leads to it is gone on with.

        Raise InputError for a position of another game, one that is over, and restrictions that leave no move
        at the root or that this player cannot keep.
        """

    def step(self) -> bool:
        """Make and answer one batch for those that run, by priority; False where none runs.

        Raise what the evaluator raises: those that ran have ended then, and others may begin.
        """

    def forget(self) -> None:
        """Drop the trees of ended thoughts and all evaluations kept."""


def check_query(query: Query, game: Game) -> None:
    """Raise InputError for a position of another game, one that is over, and restrictions without a move."""
    require_position(game, query.state)
    if not query.state.legal_actions():
        raise InputError("the position is over; there is no move to think about")
    if not allowed_moves(query):
        raise InputError("the restrictions leave no legal move; allow one")


def allowed_moves(query: Query) -> list[int]:
    """The legal moves of the root under the restrictions, ascending."""
    moves = query.state.legal_actions()
    for each in query.restrictions:
        if each.plies > 0 and each.player == query.state.player():
            moves = [action for action in moves if (action in each.actions) == each.allowed]
    return moves


def unsearched_report(query: Query) -> Report:
    """What is said of a position before anything has been found: its moves by their number, a draw."""
    moves, draw = allowed_moves(query), (0.0, 1.0, 0.0)
    return Report(
        state=query.state,
        moves=tuple(
            MoveReport(action, 0, 1 / len(moves), 0.0, draw, -1.0, NOT_PROVEN, (action,)) for action in moves
        ),
        value=0.0, wdl=draw, simulations=0, visits=0, seconds=0.0, depth=0.0, max_depth=0, proof=NOT_PROVEN,
        raw_wdl=None, nodes=0, memory=0.0,
    )  # fmt: skip
