"""Thinking of players that search: trees side by side in one forest, their evaluations in common batches."""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import _core
from engine.evaluator.evaluator import Evaluator, Pipeline
from engine.player.thinking import Query, Restriction, check_query
from engine.player.thought.batch_time import BatchTime
from engine.player.thought.ownership import Owners
from engine.player.thought.thought import TreeThought
from engine.search import exchange

SIDE_BY_SIDE = 256
"""Trees that are searched side by side; the others wait, by priority."""

KEPT = 64
"""Trees of ended thoughts that are kept for positions which go on from theirs."""

MAX_SIMULATIONS = 1 << 30
"""Of one search, as the core counts."""

PAUSE = 1024
"""Simulations of a tree, after which it is looked whether it was stopped: those that need no evaluation come
one after the other."""

PLAN_STEPS = 16
"""Steps for which a plan holds."""

STEP_S = 0.002
"""Batches that are done sooner follow each other within one step."""

BATCH_S = 0.25
"""A batch is made no larger than what is computed in this time, so that who stops need not wait."""

FIRST_PLAN = 64
"""Simulations that a rule with a schedule plans for first where there is no limit; then it doubles them."""

SIMULATIONS_A_LEAF = 32
"""A tree has one leaf in flight for so many simulations at most."""

MOST_OVER = 16
"""The part of the memory by which trees together may go over it, so that none is left without any."""

MOST_LEAVES = 1 << 16
"""In flight at a time, of all trees."""

MEMORY_TREES = 4
"""Trees of full size for which there is memory where nothing else is said."""


@dataclass
class _Tree:
    """A tree of an ended thought."""

    index: int
    start: str
    moves: list[int]
    restrictions: Sequence[Restriction]
    thought: weakref.ref[TreeThought]


class TreeThinker:
    """Searches positions side by side by one player's settings.

    Args:
        game: whose positions these are.
        params: of the search; noise and reuse aside, which thinking has none and all of.
        evaluate: answers the search.
        owners: makes what tells of owners.
        memory_mb: of all trees; by default some of the settings' size each.
        cache_mb: of evaluations.
        in_flight: leaves that a tree which is searched alone may have under way.
    """

    def __init__(
        self,
        game: _core.Game,
        params: _core.SearchParams,
        evaluate: Evaluator,
        owners: Callable[[_core.Trees], Owners],
        *,
        memory_mb: float | None = None,
        cache_mb: float = 0.0,
        in_flight: int = 1,
    ) -> None:
        self._game = game
        self._params = _thinking_params(params, memory_mb)
        self._evaluate = evaluate
        self._bytes = int((memory_mb or MEMORY_TREES * params.max_tree_mb) * 2**20)
        self._trees = _core.Trees(game, self._params, cache_mb=cache_mb)
        self._owners = owners(self._trees)
        self._in_flight = in_flight
        self._depth = evaluate.depth if isinstance(evaluate, Pipeline) else 1
        self._schedules = str(params.rule).startswith("gumbel")
        self._open: list[TreeThought] = []  # begun and not ended, by priority
        self._walked: list[TreeThought] = []  # of those the ones whose trees are searched
        self._kept: list[_Tree] = []  # the latest last
        self._number = 0
        self._sizes: dict[int, int] = {}  # bytes of each tree
        self._selected: deque[int] = deque()  # sizes of the batches in flight
        self._is_sorted = True
        self._plan: NDArray[np.int64] = np.zeros((0, 5), np.int64)
        self._planned: list[tuple[int | None, float | None]] = []  # the limits of the walked at that time
        self._is_idle = False  # the last plan had nothing more to ask
        self._next_plan = 0  # steps until a plan is made anew though nothing has changed
        self._most = 0
        self._batches: Iterator[float] | None = None
        self._time = BatchTime()

    def begin(self, query: Query) -> TreeThought:
        """Take a query; see Thinker."""
        check_query(query, self._game)
        self._number += 1
        thought = TreeThought(
            query, self._number, self._trees, self._params.lcb_deviations, self._owners, self._share_used
        )
        self._open.append(thought)
        self._is_sorted = False
        return thought

    def step(self) -> bool:
        """Make and answer a batch, or several that take little time; see Thinker."""
        try:
            self._retire()
            self._enter()
            if self._walked:
                self._make_plan()
                self._exchange()
                self._look()
        except BaseException:
            self._fail()
            raise
        return any(not each.ended for each in self._open)

    def forget(self) -> None:
        """Drop the trees of ended thoughts and all evaluations kept."""
        try:
            self._retire()
            self._drain()
        except BaseException:
            self._fail()
            raise
        for tree in list(self._kept):
            self._drop(tree)
        self._owners.forget()
        if not self._open:
            self._trees.drop()

    @property
    def _used(self) -> int:
        """Bytes of all trees."""
        return sum(self._sizes.values())

    def _share_used(self) -> float:
        return min(1.0, self._used / self._bytes)

    def _retire(self) -> None:
        """Keep the trees of thoughts that have ended, as many as there may be."""
        if self._is_sorted and not any(each.ended for each in self._walked):
            return
        for thought in self._open:
            if not thought.ended or thought.tree is None:
                continue
            start, moves = thought.query.state.position()
            restrictions = tuple(thought.query.restrictions)
            self._kept.append(_Tree(thought.tree, start, moves, restrictions, weakref.ref(thought)))
        self._open = [each for each in self._open if not each.ended]
        self._open.sort(key=lambda each: (-each.query.priority, each.number))
        self._is_sorted = True
        self._walked = self._open[:SIDE_BY_SIDE]
        self._next_plan = 0
        for tree in self._kept[:-KEPT]:
            if not self._waits(tree.index):
                self._drop(tree)

    def _enter(self) -> None:
        """Give trees to those of the highest priority."""
        for thought in self._walked:
            if thought.tree is None:
                self._plant(thought)
        if self._kept and self._used > self._bytes * 3 // 4:
            self._drain()
            while self._kept and self._used > self._bytes * 3 // 4:
                self._drop(self._kept[0])

    def _plant(self, thought: TreeThought) -> None:
        """A tree for a position: one that is kept and leads there, else a new one."""
        query = thought.query
        if not query.is_fresh and (found := self._find_kept(query)) is not None:
            tree, moves = found
            self._drain()
            if (owner := tree.thought()) is not None:
                owner.leave()
            self._kept.remove(tree)
            for action in moves:
                self._trees.advance(tree.index, action)
            if not moves:
                self._trees.renew(tree.index)
            thought.enter(tree.index, _has_root(self._trees, tree.index))
            return
        restrictions = [
            (each.player, each.plies, each.allowed, sorted(each.actions)) for each in query.restrictions
        ]
        thought.enter(self._trees.add(query.state, restrictions), has_root=False)

    def _find_kept(self, query: Query) -> tuple[_Tree, list[int]] | None:
        """The latest of the kept trees that fewest moves lead on from, and these."""
        start, moves = query.state.position()
        best: tuple[_Tree, list[int]] | None = None
        for tree in reversed(self._kept):
            length = len(tree.moves)
            if tree.start != start or moves[:length] != tree.moves:
                continue
            further = moves[length:]
            if tuple(tree.restrictions) != tuple(query.restrictions) or (further and query.restrictions):
                continue
            if best is None or len(further) < len(best[1]):
                best = tree, further
        return best

    def _waits(self, tree: int) -> bool:
        return bool(self._trees.progress(np.array([[tree, 0, 0, 1, 0]], np.int64))[0, 1])

    def _drop(self, tree: _Tree) -> None:
        """Take a kept tree out; nothing of it is in flight."""
        if (owner := tree.thought()) is not None:
            owner.leave()
        self._kept.remove(tree)
        self._sizes.pop(tree.index, None)
        self._trees.remove(tree.index)

    def _make_plan(self) -> None:
        """What each tree that is searched may do, and how large a batch may be.

        It holds for some steps, where nobody asks for anything else.
        """
        asked = [(each.query.simulations, each.query.deadline) for each in self._walked]
        self._next_plan -= 1
        if self._next_plan > 0 and len(self._plan) and asked == self._planned:
            return
        self._planned = asked
        hurries = any(deadline is not None for _, deadline in asked)
        self._next_plan = 0 if hurries else PLAN_STEPS
        now = time.monotonic()
        rows, soonest = [], float("inf")
        free, count = max(0, self._bytes - self._used), len(self._walked)
        share = max(free // count, self._bytes // (MOST_OVER * count))
        alone = self._in_flight // count
        for thought in self._walked:
            assert thought.tree is not None
            if thought.query.deadline is not None:
                left = thought.query.deadline - now
                if thought.has_root and left < self._time.seconds(1) * self._depth:
                    thought.move_on(thought.done, is_over=True)
                    continue
                soonest = min(soonest, left)
            leaves = self._leaves(thought.query, alone) if alone > 1 else 1
            limit = self._scheduled(thought.query, thought.done)
            until = min(limit, thought.done + PAUSE)
            rows.append((thought.tree, limit, until, leaves, self._sizes.get(thought.tree, 0) + share))
        self._plan = np.array(rows, np.int64).reshape(-1, 5)
        leaves = int(self._plan[:, 3].sum())
        fit = min(self._time.size(BATCH_S), self._time.size(soonest / self._depth))
        self._most = max(1, min(-(-leaves // self._depth), fit))

    def _leaves(self, query: Query, most: int) -> int:
        """That one tree may have in flight, of as many as there are for it."""
        if query.simulations is None:
            return most
        return max(1, min(most, query.simulations // SIMULATIONS_A_LEAF))

    def _scheduled(self, query: Query, done: int) -> int:
        """What a tree plans for: its limit, else twice as many simulations each time where its rule plans."""
        if query.simulations is not None:
            return min(max(0, query.simulations), MAX_SIMULATIONS)
        if not self._schedules:
            return MAX_SIMULATIONS
        return min(max(FIRST_PLAN, 1 << done.bit_length()), MAX_SIMULATIONS)

    def _exchange(self) -> None:
        """Answer batches for a little while, at least one."""
        end = time.monotonic() + STEP_S
        while True:
            start = time.monotonic()
            answered = self._answer_next()
            now = time.monotonic()
            if answered == 0:
                return
            self._time.add(answered, now - start)
            if now >= end:
                return

    def _answer_next(self) -> int:
        """Answer the next batch of those in flight, after more have been begun; how many requests it had."""
        if self._batches is None:
            self._selected.clear()
            self._batches = exchange(self._select, self._trees.backup, self._evaluate, MOST_LEAVES)
        if next(self._batches, None) is None:
            self._batches = None
            return 0
        return self._selected.popleft()

    def _select(self, most: int) -> _core.Requests:
        requests = self._trees.select_each(self._plan, min(most, self._most))
        self._is_idle = not requests
        if requests:
            self._selected.append(len(requests))
        return requests

    def _drain(self) -> None:
        """Answer what is in flight, and begin nothing."""
        self._plan = self._plan[:0]
        while self._batches is not None:
            self._answer_next()

    def _look(self) -> None:
        """See how far the trees have come."""
        asked = np.array([(each.tree, self._limit(each.query), 0, 1, 0) for each in self._walked], np.int64)
        progress = self._trees.progress(asked).tolist()
        for thought, (done, _, is_over, size) in zip(self._walked, progress, strict=True):
            assert thought.tree is not None
            self._sizes[thought.tree] = size
            thought.move_on(done, bool(is_over))
        if self._is_idle:  # all have come to where they pause
            self._next_plan = 0

    def _limit(self, query: Query) -> int:
        """By which a tree may find that more would be pointless."""
        is_known = self._params.early_stop and query.simulations is not None
        return self._scheduled(query, 0) if is_known else MAX_SIMULATIONS

    def _fail(self) -> None:
        """End those that ran; nothing waits for an answer any more."""
        self._batches = None
        self._trees.abandon()
        known = np.array([(tree, 0, 0, 1, 0) for tree in self._sizes], np.int64).reshape(-1, 5)
        for tree, row in zip(list(self._sizes), self._trees.progress(known).tolist(), strict=True):
            self._sizes[tree] = row[3]  # where rules have failed all nodes are forgotten
        for thought in self._walked:
            thought.move_on(thought.done, is_over=True)


def _has_root(trees: _core.Trees, tree: int) -> bool:
    try:
        trees.root(tree)
    except ValueError:
        return False
    return True


def _thinking_params(params: _core.SearchParams, memory_mb: float | None) -> _core.SearchParams:
    """The same settings for trees that are gone on with, and as large as the memory allows."""
    names = [each.name for each in _core.search_settings() if each.in_core]
    copied = _core.SearchParams(**{name: getattr(params, name) for name in names})
    copied.reuse = True
    if memory_mb is not None:
        copied.max_tree_mb = memory_mb
    return copied
