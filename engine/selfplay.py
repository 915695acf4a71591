"""Self-play by one caller: a pool of games and the evaluator that answers it."""

from __future__ import annotations

import threading
import time
from typing import Any

from engine import _core
from engine.config import Config
from engine.evaluator import Evaluator
from engine.search import search_params

Games = dict[str, Any]
"""Games as columns; see engine.replay.GAME_SCHEMA."""


class StoppedError(Exception):
    """Play was stopped before its positions were played."""


class Caller:
    """Plays the games whose ids are `index` modulo `callers`.

    What it plays is a function of (seed, its ids, the weights and when they changed), whatever the other
    callers do, where the evaluator's answers do not depend on the batch.
    """

    def __init__(
        self, game: _core.Game, config: Config, evaluator: Evaluator, index: int, callers: int
    ) -> None:
        play = config.selfplay
        self.evaluator = evaluator
        self.evaluate_s = 0.0
        self.batches = 0
        self.pool = _core.Pool(
            game,
            search_params(config.search, noise=True),
            _core.PlayParams(**play.model_dump(exclude={"games", "cache_mb"})),
            seed=config.seed,
            slots=play.games,
            first_id=index,
            stride=callers,
            cache_mb=play.cache_mb,
        )

    def play(self, positions: int, stop: threading.Event) -> Games:
        """Make `positions` searched moves; the games that ended meanwhile. Raise StoppedError on `stop`."""
        pool, evaluate = self.pool, self.evaluator
        pool.start(positions)
        while requests := pool.select():
            if stop.is_set():
                raise StoppedError
            start = time.perf_counter()
            reply = evaluate(requests)
            self.evaluate_s += time.perf_counter() - start
            self.batches += 1
            pool.backup(requests, reply)
        return pool.take_games()
