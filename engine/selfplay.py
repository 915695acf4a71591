"""Self-play by one caller: a pool of games and the evaluator that answers it."""

from __future__ import annotations

import threading
import time
from typing import Any

from engine import _core
from engine.config import Config
from engine.errors import UserError
from engine.evaluator import Evaluator
from engine.search import search_params

Games = dict[str, Any]
"""Games as columns; see engine.replay.GAME_SCHEMA."""


PARTS = ("rules", "select", "encode", "evaluate", "backup", "record")
"""What the seconds of a caller go on: the game's rules on the way down (from samples), the rest of that way,
planes, the evaluator, the way back up, moves and finished games written down. Each has a counter `NAME_s`."""

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
        self.evaluator = evaluator
        self.seconds = dict.fromkeys(("play", "select", "evaluate", "backup", "record"), 0.0)
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

    def stats(self) -> dict[str, float]:
        """Counters of the pool, `batches`, and seconds: `play_s` of `play` in all, and those of PARTS."""
        counters = self.pool.stats()
        seconds = self.seconds
        return {
            **counters,
            "batches": self.batches,
            "play_s": seconds["play"],
            "select_s": seconds["select"] - counters["rules_s"] - counters["record_s"],
            "evaluate_s": seconds["evaluate"] - counters["encode_s"],
            "backup_s": seconds["backup"],
            "record_s": counters["record_s"] + seconds["record"],
        }

    def play(self, positions: int, stop: threading.Event) -> Games:
        """Make `positions` searched moves; the games that ended meanwhile.

        Raises StoppedError on `stop`, and UserError where the evaluator's answers are not finite time and
        again: the search takes each for equal priors and a draw, but such games teach nothing.
        """
        pool, evaluate, seconds = self.pool, self.evaluator, self.seconds
        clock = time.perf_counter
        began = started = clock()
        bad_before = pool.stats()["bad_replies"]
        pool.start(positions)
        while requests := pool.select():
            selected = clock()
            seconds["select"] += selected - started
            if stop.is_set():
                raise StoppedError
            if self.batches % _CHECK_BATCHES == 0:
                _check_replies(pool.stats()["bad_replies"] - bad_before)
            reply = evaluate(requests)
            evaluated = clock()
            seconds["evaluate"] += evaluated - selected
            self.batches += 1
            pool.backup(requests, reply)
            started = clock()
            seconds["backup"] += started - evaluated
        _check_replies(pool.stats()["bad_replies"] - bad_before)
        finished = clock()
        seconds["select"] += finished - started
        games = pool.take_games()
        ended = clock()
        seconds["record"] += ended - finished
        seconds["play"] += ended - began
        return games


def _check_replies(bad: float) -> None:
    if bad >= MAX_BAD_REPLIES:
        raise UserError(
            f"{bad:.0f} answers of the network were not finite; resume from an earlier checkpoint with a "
            "lower learner.learning_rate, or set evaluator.precision to 'f32'"
        )
