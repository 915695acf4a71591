"""The limit of what uses several cores: as many bare evaluators side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from engine import _core
from engine.config.network import EvaluatorConfig
from engine.evaluator.evaluator import NetworkEvaluator
from engine.evaluator.network import PolicyValueNetwork
from engine.evaluator.reference_rate import side_by_side_rate

STRETCH_S = 0.3


class BareEvaluators:
    """`count` evaluators of one thread each, which compute one batch over and over, all at the same time.

    They are threads of this process: the lock of the interpreter is free while a network is computed.
    """

    def __init__(
        self, game: _core.Game, network: PolicyValueNetwork, config: EvaluatorConfig, batch: int, count: int
    ) -> None:
        self.batch = batch
        self._evaluators = [NetworkEvaluator(game, network, config) for _ in range(count)]
        planes = np.random.default_rng(0).integers(0, 2, size=(batch, *game.planes_shape)).astype(np.float32)
        self._works = [evaluator.backend.bind(planes) for evaluator in self._evaluators]

    def rate(self) -> float:
        """Positions a second of wall time, of all together."""
        return side_by_side_rate(self._works, self.batch, STRETCH_S, slices=1)


def median_share(
    whole: Callable[[], float], limit: Callable[[], float], seconds: float
) -> tuple[float, float]:
    """Median rate of `whole` and median of its ratios to `limit`, in turns; a first pair does not count."""
    whole(), limit()
    pairs: list[tuple[float, float]] = []
    start = time.perf_counter()
    while len(pairs) < 3 or time.perf_counter() - start < seconds:
        pairs.append((whole(), limit()))
    return statistics.median(one for one, _ in pairs), statistics.median(one / other for one, other in pairs)
