"""Truth during a run: a small sample of each set within a share of the time, everything at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import _core
from engine.config import Config
from engine.errors import UserError
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.game.inquiry import truth_sets
from engine.run import storage
from engine.run.reporter import Phase, unseen
from engine.search import search_params
from engine.selfplay.actors.inline import num_callers
from engine.truth.truth import TruthScore, measure, num_simulations, truth_table

TABLE = "truth.json"


class TruthProbe:
    """Scores the networks of one run on the game's positions of known value; idle where there are none."""

    def __init__(self, game: _core.Game, config: Config) -> None:
        self.game = game
        self.config = config
        self.sets = truth_sets(game)
        self._evaluators: list[NetworkEvaluator] = []
        self._last_s = 0.0

    def measure(
        self, network: PolicyValueNetwork, seconds: float, spent: float
    ) -> tuple[dict[str, float], float]:
        """Metrics of a sample of each set and the seconds they took.

        Nothing where it would take more than its share: `spent` of `seconds` went into it so far.
        """
        truth = self.config.truth
        if not self.sets or not truth.positions or spent + self._last_s > truth.max_share * seconds:
            return {}, 0.0
        start = time.monotonic()
        scores = self._scores(network, truth.simulations, truth.positions)
        self._last_s = time.monotonic() - start
        values = {}
        for score in scores:
            values[f"truth/{score.set}/mistakes_{score.simulations}"] = score.mistakes
            if score.simulations == 0:
                values[f"truth/{score.set}/value_error"] = score.value_error
        return values, self._last_s

    def final(
        self, network: PolicyValueNetwork, run_path: Path, iteration: int, phase: Phase = unseen
    ) -> list[dict[str, Any]]:
        """Rows of the final table, with an untrained network of the same shape beside the trained one.

        RUN/truth.json keeps the numbers, and which iteration's they are; `phase` is shown the simulations.
        """
        if not self.sets:
            return []
        scores = self.score(network, phase)
        document = {
            "iteration": iteration,
            **{name: [score.to_json() for score in found] for name, found in scores.items()},
        }
        storage.atomic_write(run_path / TABLE, json.dumps(document, indent=1).encode())
        return truth_table(list(scores.items()))

    def score(self, network: PolicyValueNetwork, phase: Phase = unseen) -> dict[str, list[TruthScore]]:
        """Scores on whole sets of the network, `trained`, and of an untrained one of the same shape."""
        config = self.config
        untrained = PolicyValueNetwork(
            self.game.planes_shape, self.game.num_actions, config.network, config.seed
        )
        once = num_simulations(self.sets, config.truth.final_simulations)
        with phase("scoring", 2 * once, "simulations") as move:
            scores = {}
            for number, (name, scored) in enumerate([("trained", network), ("untrained", untrained.eval())]):
                counted = _after(move, number * once)
                scores[name] = self._scores(scored, config.truth.final_simulations, progress=counted)
        return scores

    def kept(self, run_path: Path, iteration: int) -> list[dict[str, Any]] | None:
        """The final table of this iteration as the run keeps it; None where it has none."""
        columns = kept_scores(run_path, iteration)
        if columns is None or {score.simulations for found in columns.values() for score in found} != set(
            self.config.truth.final_simulations
        ):
            return None
        return truth_table(list(columns.items()))

    def _scores(
        self,
        network: PolicyValueNetwork,
        simulations: tuple[int, ...],
        positions: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[TruthScore]:
        if not self._evaluators:
            count = num_callers(self.config)
            self._evaluators = [
                NetworkEvaluator(self.game, network, self.config.evaluator) for _ in range(count)
            ]
        else:
            for evaluator in self._evaluators:
                evaluator.load(network)
        params = search_params(self.config.search)
        return measure(
            self.game,
            self.sets,
            self._evaluators,
            simulations,
            search_params=params,
            positions=positions,
            progress=progress,
        )


def kept_scores(run_path: Path, iteration: int) -> dict[str, list[TruthScore]] | None:
    """What `TruthProbe.final` has kept of this iteration, `trained` and `untrained`; None where nothing."""
    try:
        document = json.loads(storage.read_checked(run_path / TABLE))
        if document["iteration"] != iteration:
            return None
        return {name: [TruthScore(**row) for row in document[name]] for name in ("trained", "untrained")}
    except (UserError, ValueError, KeyError, TypeError):
        return None


def _after(move: Callable[[float], None], done: int) -> Callable[[int], None]:
    """Counts on from `done`."""
    return lambda count: move(done + count)
