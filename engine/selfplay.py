"""Self-play by one caller: a pool of games and the evaluator that answers it."""

from __future__ import annotations

import threading
from typing import Any

from engine import _core
from engine.config import Config, SelfplayConfig
from engine.errors import UserError
from engine.evaluator import Evaluator
from engine.search import batch_size, exchange, search_params

Games = dict[str, Any]
"""Games as columns; see engine.game_table."""


MAX_BAD_REPLIES = 256
"""Answers of one play that are not finite, after which it ends and its games are dropped."""

_CHECK_BATCHES = 32


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
        if play.games == 0:
            raise ValueError("selfplay.games = 0 has not been resolved; give a number")
        self.evaluator = evaluator
        self.evaluate_s = 0.0
        self.batches = 0
        self.slots = play.games
        self.pool = _core.Pool(
            game,
            search_params(config.search, noise=True),
            play_params(play),
            seed=config.seed,
            slots=play.games,
            first_id=index,
            stride=callers,
            cache_mb=play.cache_mb,
        )

    def stats(self) -> dict[str, float]:
        """Counters of the pool, and `evaluate_s`, `batches`, `batch_room` (requests that fit into those)."""
        room = self.batches * batch_size(self.evaluator, self.slots)
        own = {"evaluate_s": self.evaluate_s, "batches": self.batches, "batch_room": room}
        return {**self.pool.stats(), **own}

    def play(self, positions: int, stop: threading.Event) -> Games:
        """Make `positions` searched moves; the games that ended meanwhile.

        Raises StoppedError on `stop`, and UserError where the evaluator's answers are not finite time and
        again: the search takes each for equal priors and a draw, but such games teach nothing.
        """
        pool = self.pool
        bad_before = pool.stats()["bad_replies"]
        pool.start(positions)
        for seconds in exchange(pool.select, pool.backup, self.evaluator, self.slots):
            if stop.is_set():
                raise StoppedError
            if self.batches % _CHECK_BATCHES == 0:
                _check_replies(pool.stats()["bad_replies"] - bad_before)
            self.evaluate_s += seconds
            self.batches += 1
        _check_replies(pool.stats()["bad_replies"] - bad_before)
        return pool.take_games()


def play_params(config: SelfplayConfig) -> _core.PlayParams:
    """The settings that the core plays by; without a rate of false positives no game is held out."""
    fields = config.model_dump(exclude={"games", "cache_mb", "resign_false_positives", "resign_window"})
    if config.resign_false_positives == 0:
        fields["resign_holdout"] = 0.0
    return _core.PlayParams(**fields)


def _check_replies(bad: int) -> None:
    if bad >= MAX_BAD_REPLIES:
        raise UserError(
            f"{bad} answers of the network were not finite; resume from an earlier checkpoint with a lower "
            "learner.learning_rate, or set evaluator.precision to 'f32'"
        )
