"""Truth during a run: a small sample of each set within a share of the time, everything at the end."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from engine import _core
from engine.actors.inline import num_callers
from engine.config import Config
from engine.evaluator import NetworkEvaluator
from engine.network import PolicyValueNetwork
from engine.search import search_params
from engine.storage import atomic_write
from engine.truth import TruthScore, measure, truth_sets, truth_table


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

    def final(self, network: PolicyValueNetwork, run_path: Path) -> list[dict[str, Any]]:
        """Rows of the final table, with an untrained network of the same shape beside the trained one.

        RUN/truth.json has the same numbers.
        """
        if not self.sets:
            return []
        config = self.config
        untrained = PolicyValueNetwork(
            self.game.planes_shape, self.game.num_actions, config.network, config.seed
        )
        trained_scores = self._scores(network, config.truth.final_simulations)
        untrained_scores = self._scores(untrained.eval(), config.truth.final_simulations)
        document = {
            "trained": [score.to_json() for score in trained_scores],
            "untrained": [score.to_json() for score in untrained_scores],
        }
        atomic_write(run_path / "truth.json", json.dumps(document, indent=1).encode())
        return truth_table([("trained", trained_scores), ("untrained", untrained_scores)])

    def _scores(
        self, network: PolicyValueNetwork, simulations: tuple[int, ...], positions: int | None = None
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
            self.game, self.sets, self._evaluators, simulations, search_params=params, positions=positions
        )
