"""Thinking of players that search: trees side by side, their evaluations in common batches."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from engine import _core
from engine.errors import InputError
from engine.evaluator.evaluator import Evaluator
from engine.player.thinking import (
    MoveReport,
    Ownership,
    Query,
    Report,
    check_query,
    unsearched_report,
)

MAX_SIMULATIONS = 1 << 30


class TreeThought:
    """A query in a tree of its own."""

    def __init__(self, query: Query, game: _core.Game, params: _core.SearchParams) -> None:
        self._query = query
        self._trees = _core.Trees(game, params)
        self._trees.add(query.state)
        self._begun = time.monotonic()
        self._finished = False
        self._end: float | None = None

    @property
    def query(self) -> Query:
        """What was asked."""
        return self._query

    @property
    def ended(self) -> bool:
        """Whether nothing more will be found."""
        if self._end is None and (self._finished or self._query.stopped or self._is_late()):
            self._end = time.monotonic()
        return self._end is not None

    def _is_late(self) -> bool:
        return self._query.deadline is not None and time.monotonic() >= self._query.deadline

    def step(self, evaluate: Evaluator) -> None:
        """Make and answer one request."""
        limit = self._query.simulations
        goal = MAX_SIMULATIONS if limit is None else min(limit, MAX_SIMULATIONS)
        requests = self._trees.select(goal)
        if not requests:
            self._finished = True
            return
        try:
            self._trees.backup(requests, evaluate(requests))
        except BaseException:
            self._finished = True
            raise

    def report(self) -> Report:
        """What has been found so far."""
        try:
            root = self._trees.root(0)
        except ValueError:
            return unsearched_report(self._query)
        return _report(self._query.state, root, self._trees.dump(0), self._seconds())

    def ownership(self, action: int | None = None) -> Ownership | None:
        """Of the board as it stands."""
        state = self._query.state.clone()
        if action is not None:
            state.play(action)
        found = state.score()
        if found is None:
            return None
        sign = 1 if state.player() == self._query.state.player() else -1
        return Ownership(sign * found[1], sign * found[0], "playouts")

    def _seconds(self) -> float:
        return (self._end or time.monotonic()) - self._begun


class TreeThinker:
    """Searches positions by one player's settings, the highest priority first."""

    def __init__(
        self,
        game: _core.Game,
        params: _core.SearchParams,
        evaluate: Evaluator,
        memory_mb: float | None = None,
    ) -> None:
        self._game = game
        self._params = params
        self._evaluate = evaluate
        self._memory_mb = memory_mb
        self._running: list[TreeThought] = []

    def begin(self, query: Query) -> TreeThought:
        """Take a query; see Thinker."""
        check_query(query, self._game)
        if query.restrictions:
            raise InputError("restrictions of moves are not supported by this player")
        thought = TreeThought(query, self._game, self._params)
        self._running.append(thought)
        return thought

    def step(self) -> bool:
        """Make and answer one batch."""
        self._running = [each for each in self._running if not each.ended]
        if not self._running:
            return False
        max(self._running, key=lambda each: each.query.priority).step(self._evaluate)
        return any(not each.ended for each in self._running)

    def forget(self) -> None:
        """Nothing is kept."""


def _report(state: _core.State, root: dict[str, Any], dump: dict[str, Any], seconds: float) -> Report:
    value, wdl = float(root["value"]), root["wdl"]
    first, last = dump["edge_offsets"][0], dump["edge_offsets"][1]
    nodes = dict(
        zip(dump["edge_action"][first:last].tolist(), dump["edge_node"][first:last].tolist(), strict=True)
    )
    moves = []
    for index, action in enumerate(root["actions"].tolist()):
        q = float(root["q"][index])
        visited = not np.isnan(q)
        line = _line(dump, nodes[action])
        moves.append(
            MoveReport(
                action=action,
                visits=int(root["visits"][index]),
                prior=float(root["prior"][index]),
                value=q if visited else value,
                wdl=_wdl(q) if visited else wdl,
                lcb=max(-1.0, (q if visited else value) - float(1 / np.sqrt(1 + root["visits"][index]))),
                proof=int(root["proof"][index]),
                pv=(action, *(edge[0] for edge in line)),
                pv_visits=(int(root["visits"][index]), *(edge[1] for edge in line)),
            )
        )
    ratings = root["target"].tolist()
    order = sorted(range(len(moves)), key=lambda at: (-ratings[at], -moves[at].visits, moves[at].action))
    return Report(
        state=state, moves=tuple(moves[at] for at in order), value=value, wdl=wdl,
        simulations=int(root["simulations"]), visits=int(dump["visits"][0]), seconds=seconds,
        depth=float(dump["depth"].mean()), max_depth=int(dump["depth"].max()), proof=int(root["root_proof"]),
        raw_wdl=root["raw_wdl"], nodes=len(dump["depth"]), memory=0.0,
    )  # fmt: skip


def _wdl(q: float) -> tuple[float, float, float]:
    return (max(q, 0.0), 1 - abs(q), max(-q, 0.0))


def _line(dump: dict[str, Any], node: int) -> list[tuple[int, int]]:
    """Moves and their visits."""
    line: list[tuple[int, int]] = []
    while node >= 0:
        edges = range(dump["edge_offsets"][node], dump["edge_offsets"][node + 1])
        best = max(edges, key=lambda edge: dump["edge_visits"][edge], default=-1)
        if best < 0 or dump["edge_visits"][best] == 0:
            break
        line.append((int(dump["edge_action"][best]), int(dump["edge_visits"][best])))
        node = int(dump["edge_node"][best])
    return line
