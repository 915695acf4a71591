"""The search: trees ask, an evaluator answers, in batches."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from engine import _core
from engine.config.play import ProposalConfig, ProposedSearchConfig, SearchConfig
from engine.evaluator.evaluator import Evaluator, Judge, Pipeline, Proposer

TREE_BATCH = 24
"""Leaves of one tree that a thread computes at a time, where several share the tree."""


def search(
    trees: _core.Trees,
    evaluate: Evaluator | Proposer,
    simulations: int,
    stop: threading.Event | None = None,
) -> None:
    """Run `simulations` new visits in every tree, answering requests in batches.

    A tree stops early where its root is proven or its memory is full, and all of them once `stop` is set.
    """
    leaves = len(trees) * trees.max_in_flight
    endings_first = isinstance(evaluate, Judge) and evaluate.judges
    select = partial(trees.select, simulations, endings_first=endings_first)
    for _ in exchange(select, trees.backup, evaluate, leaves):
        if stop is not None and stop.is_set():
            return


def exchange(
    select: Callable[[int], _core.Requests],
    backup: Callable[[_core.Requests, Any], None],
    evaluate: Evaluator | Proposer,
    leaves: int,
) -> Iterator[float]:
    """Answer what `select` asks until it asks no more; the evaluator's seconds, for every batch answered.

    A pipeline has `depth` batches in flight, which share `leaves` requests: while it computes some of them
    the next is selected. Batches are backed up in the order in which they were selected, whichever is
    computed first, so that what is found depends on `depth` but never on timing.
    """
    submit, depth = _at_once(evaluate), 1
    if isinstance(evaluate, Pipeline):
        submit, depth = evaluate.submit, evaluate.depth
    most = batch_size(evaluate, leaves)
    in_flight: deque[tuple[_core.Requests, Callable[[], Any]]] = deque()
    try:
        while True:
            seconds = 0.0
            while len(in_flight) < depth and (requests := select(most)):
                start = time.perf_counter()
                in_flight.append((requests, submit(requests)))
                seconds += time.perf_counter() - start
            if not in_flight:
                return
            start = time.perf_counter()
            requests, answer = in_flight.popleft()
            reply = answer()
            seconds += time.perf_counter() - start
            if requests:  # else forgotten in the meantime
                backup(requests, reply)
            yield seconds
    finally:
        for _, answer in in_flight:  # they read buffers that are used again
            with contextlib.suppress(Exception):
                answer()


def _at_once(evaluate: Evaluator | Proposer) -> Callable[[_core.Requests], Callable[[], Any]]:
    """Computes a batch when its answer is asked for."""
    return lambda requests: partial(evaluate, requests)


def batch_size(evaluate: Evaluator | Proposer, leaves: int) -> int:
    """The largest batch that `exchange` asks for."""
    return -(-leaves // evaluate.depth) if isinstance(evaluate, Pipeline) else leaves


def search_params(config: SearchConfig | ProposedSearchConfig, *, noise: bool = False) -> _core.SearchParams:
    """Settings for the core; without `noise` the root's priors stay as the network gives them."""
    fields = config.model_dump()
    if not noise:
        quiet = {each.name: each.noiseless for each in _core.search_settings()}
        fields |= {name: value for name, value in quiet.items() if value is not None}
    return _core.SearchParams(**fields)


def proposed_params(
    config: ProposedSearchConfig, proposals: ProposalConfig, max_step_tokens: int = 0
) -> _core.SearchParams:
    """Settings for trees of proposed moves, which have no noise.

    `max_step_tokens` is what one move may cost; trees with a budget need it.
    """
    params = search_params(config)
    for setting in _core.search_settings():
        if setting.section == "proposals" and setting.in_core:
            setattr(params, setting.name, getattr(proposals, setting.name))
    params.max_step_tokens = max_step_tokens
    return params
