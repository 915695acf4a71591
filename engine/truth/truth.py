"""Truth: how often a network, alone and with search, errs on positions whose exact value is known.

A mistake is a move whose exact result (win, draw, loss) is worse than the best move's. An optimal move has
the best exact score, which also counts how soon the game ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from typing import Any

from engine import _core
from engine.evaluator.evaluator import Evaluator
from engine.game.truth_set import ILLEGAL, TruthSet
from engine.search import search

BATCH = 256
"""Positions searched side by side by one evaluator."""

POLL_S = 0.5
"""How often progress is told."""


@dataclass(frozen=True)
class TruthScore:
    """One set at one number of simulations; 0 is the network alone."""

    set: str
    simulations: int
    positions: int
    mistakes: float
    """Share of positions in which the move chosen has a worse result than the best."""
    optimal: float | None
    """Share in which it has the best exact score; None where scores are not known."""
    value_error: float
    """Mean distance between the root's value and the exact result, both in [-1, 1]."""
    wrong: tuple[bool, ...] = field(default=(), repr=False, compare=False)
    """Of each position in the order of the set, whether it is a mistake; empty where that was not kept."""

    def to_json(self) -> dict[str, Any]:
        """As a plain object, without `wrong`."""
        return {name: value for name, value in asdict(self).items() if name != "wrong"}


def measure(
    game: _core.Game,
    sets: Sequence[TruthSet],
    evaluators: Sequence[Evaluator],
    simulations: Sequence[int],
    *,
    search_params: _core.SearchParams,
    positions: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[TruthScore]:
    """Score the moves chosen after each number of simulations.

    Args:
        game: whose positions these are.
        sets: classes of positions; the first `positions` of each count, all of them by default.
        evaluators: each works in a thread of its own; a result does not depend on how many there are.
        simulations: new visits a move; 0 takes the highest prior.
        search_params: of a search without noise.
        positions: how many of each set.
        progress: called now and then with the simulations done so far, of `num_simulations` in all.
    """
    chosen = [_first(truth, positions) for truth in sets]
    jobs = [
        _Job(truth, count, first)
        for truth in chosen
        for count in simulations
        for first in range(0, len(truth.positions), BATCH)
    ]
    tallies = _run(game, evaluators, jobs, search_params, progress or (lambda _: None))
    results: dict[tuple[str, int], list[_Tally]] = {}
    for job, tally in zip(jobs, tallies, strict=True):
        results.setdefault((job.truth.name, job.simulations), []).append(tally)
    return [
        _score(truth, count, results[truth.name, count])
        for truth in chosen
        for count in simulations
        if truth.positions
    ]


def num_simulations(
    sets: Sequence[TruthSet], simulations: Sequence[int], positions: int | None = None
) -> int:
    """What `measure` asks for in all; the network alone counts as one."""
    searched = sum(len(truth.positions[:positions]) for truth in sets)
    return searched * sum(max(1, count) for count in simulations)


@dataclass(frozen=True)
class _Job:
    """Up to BATCH positions of a set from `first` on."""

    truth: TruthSet
    simulations: int
    first: int

    @property
    def indices(self) -> range:
        """Of its positions in the set."""
        return range(self.first, min(self.first + BATCH, len(self.truth.positions)))

    @property
    def cost(self) -> int:
        """Simulations; one evaluates the root alone."""
        return len(self.indices) * max(1, self.simulations)


@dataclass
class _Tally:
    wrong: list[bool] = field(default_factory=list)
    optimal: int = 0
    value_error: float = 0.0


def _run(
    game: _core.Game,
    evaluators: Sequence[Evaluator],
    jobs: Sequence[_Job],
    params: _core.SearchParams,
    progress: Callable[[int], None],
) -> list[_Tally]:
    """Tallies in the order of the jobs; each evaluator's thread takes the next job that is left."""
    left = deque(enumerate(jobs))
    tallies: list[_Tally | None] = [None] * len(jobs)
    stop = threading.Event()

    def work(evaluate: Evaluator) -> None:
        while True:
            try:
                index, job = left.popleft()
            except IndexError:
                return
            tallies[index] = _tally(game, evaluate, job, params, stop)

    with ThreadPoolExecutor(len(evaluators), "truth") as threads:
        lanes: set[Future[None]] = {threads.submit(work, evaluate) for evaluate in evaluators}
        try:
            while lanes:
                done, lanes = wait(lanes, POLL_S, FIRST_COMPLETED)
                for lane in done:
                    lane.result()
                progress(sum(job.cost for job, tally in zip(jobs, tallies, strict=True) if tally))
        finally:
            left.clear()  # after an error or Ctrl-C the other threads end with the batch in hand
            stop.set()
    return [tally for tally in tallies if tally]


def _tally(
    game: _core.Game, evaluate: Evaluator, job: _Job, params: _core.SearchParams, stop: threading.Event
) -> _Tally:
    trees = _core.Trees(game, params)
    for index in job.indices:
        trees.add(game.parse(job.truth.positions[index]))
    # One simulation evaluates the root alone; without visits the best action is that of the highest prior.
    search(trees, evaluate, max(1, job.simulations), stop)
    tally = _Tally()
    for tree, index in enumerate(job.indices):
        _count(tally, job.truth, index, trees.best_action(tree), trees.root(tree)["value"])
    return tally


def _count(tally: _Tally, truth: TruthSet, index: int, action: int, value: float) -> None:
    outcomes = truth.outcomes[index]
    legal = outcomes != ILLEGAL
    best = outcomes[legal].max()
    tally.wrong.append(bool(outcomes[action] < best))
    tally.value_error += abs(value - float(best))
    if truth.scores is not None:
        tally.optimal += int(truth.scores[index][action] == truth.scores[index][legal].max())


def _score(truth: TruthSet, simulations: int, tallies: Sequence[_Tally]) -> TruthScore:
    count = len(truth.positions)
    wrong = tuple(mistake for tally in tallies for mistake in tally.wrong)
    return TruthScore(
        set=truth.name,
        simulations=simulations,
        positions=count,
        mistakes=sum(wrong) / count,
        optimal=sum(tally.optimal for tally in tallies) / count if truth.scores is not None else None,
        value_error=sum(tally.value_error for tally in tallies) / count,
        wrong=wrong,
    )


def _first(truth: TruthSet, count: int | None) -> TruthSet:
    scores = truth.scores[:count] if truth.scores is not None else None
    return TruthSet(truth.name, truth.positions[:count], truth.outcomes[:count], scores)


def truth_table(columns: Sequence[tuple[str, Sequence[TruthScore]]]) -> list[dict[str, Any]]:
    """Rows for a table: a set and a number of simulations each, a column of mistakes for each network."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for title, scores in columns:
        for score in scores:
            row = rows.setdefault(
                (score.set, score.simulations),
                {"positions": score.set, "simulations": score.simulations or "network alone"},
            )
            row[title] = f"{100 * score.mistakes:.1f} %"
            if score.optimal is not None:
                row[f"{title}, optimal moves"] = f"{100 * score.optimal:.1f} %"
    return list(rows.values())
