"""Self-play by one caller: a pool of games and the evaluator that answers it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from engine import _core
from engine.config import Config
from engine.config.play import SelfplayConfig
from engine.errors import UserError
from engine.evaluator.evaluator import Evaluator
from engine.search import batch_size, exchange, search_params

P = ParamSpec("P")
T = TypeVar("T")

Games = dict[str, Any]
"""Games as columns; see engine.selfplay.game_table."""


PARTS = ("rules", "select", "encode", "evaluate", "backup", "record")
"""What the seconds of a caller go on: the game's rules on the way down (from samples), the rest of that way,
planes, the evaluator, the way back up, moves and finished games written down. Each has a counter `NAME_s`."""

MAX_BAD_REPLIES = 256
"""Answers of one play that are not finite, after which it ends and its games are dropped."""

_CHECK_BATCHES = 32

_COUNT_EVERY_S = 0.2


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
        self.seconds = dict.fromkeys(("play", "select", "evaluate", "backup", "record"), 0.0)
        self.batches = 0
        self.played = 0
        """Searched moves of the play under way or the last one, a moment ago; for other threads to read."""
        self.games = play.games
        self.pool = _core.Pool(
            game,
            search_params(config.search, noise=True),
            play_params(play),
            seed=config.seed,
            games=play.games,
            first_id=index,
            stride=callers,
            cache_mb=play.cache_mb,
        )

    def stats(self) -> dict[str, float]:
        """Counters of the pool, `batches`, `batch_room` (requests that fit into those), and seconds.

        These are `play_s` of `play` in all, and those of PARTS. Of an evaluator that computes meanwhile, only
        what it was waited for counts.
        """
        counters, seconds = self.pool.stats(), self.seconds
        return {
            **counters,
            "batches": self.batches,
            "batch_room": self.batches * batch_size(self.evaluator, self.games),
            "play_s": seconds["play"],
            "select_s": seconds["select"] - counters["rules_s"] - counters["record_s"],
            "evaluate_s": seconds["evaluate"] - counters["encode_s"],
            "backup_s": seconds["backup"],
            "record_s": counters["record_s"] + seconds["record"],
        }

    def play(self, positions: int, stop: threading.Event, finish: threading.Event | None = None) -> Games:
        """Make `positions` searched moves, fewer once `finish` is set; the games that ended meanwhile.

        Whoever sets one of the events calls `end_play` next.

        Raises StoppedError on `stop`, and UserError where the evaluator's answers are not finite time and
        again: the search takes each for equal priors and a draw, but such games teach nothing.
        """
        pool, seconds = self.pool, self.seconds
        began = counted = time.perf_counter()
        before = pool.stats()
        bad_before = before["bad_replies"]
        self.played = 0
        pool.start(positions)
        select, backup = self._timed("select", pool.select), self._timed("backup", pool.backup)
        if stop.is_set() or (finish is not None and finish.is_set()):  # before the pool could hear of it
            pool.finish()
        for evaluated in exchange(select, backup, self.evaluator, self.games):
            if stop.is_set():
                raise StoppedError
            if finish is not None and finish.is_set():
                pool.finish()
            if time.perf_counter() - counted > _COUNT_EVERY_S:
                self.played = int(pool.stats()["positions"] - before["positions"])
                counted = time.perf_counter()
            if self.batches % _CHECK_BATCHES == 0:
                _check_replies(pool.stats()["bad_replies"] - bad_before)
            seconds["evaluate"] += evaluated
            self.batches += 1
        if stop.is_set():
            raise StoppedError
        _check_replies(pool.stats()["bad_replies"] - bad_before)
        self.played = int(pool.stats()["positions"] - before["positions"])
        games = self._timed("record", pool.take_games)()
        seconds["play"] += time.perf_counter() - began
        return games

    def end_play(self) -> None:
        """Wake a `play` under way, of another thread, to an event that has been set.

        In a small game it may never come to a batch: every position is in the cache.
        """
        self.pool.finish()

    def _timed(self, part: str, work: Callable[P, T]) -> Callable[P, T]:
        """`work`, counting its seconds towards `part`."""
        seconds, clock = self.seconds, time.perf_counter

        def timed(*arguments: P.args, **keywords: P.kwargs) -> T:
            start = clock()
            result = work(*arguments, **keywords)
            seconds[part] += clock() - start
            return result

        return timed


def play_params(config: SelfplayConfig) -> _core.PlayParams:
    """The settings that the core plays by; without a rate of false positives no game is held out."""
    fields = config.model_dump(exclude={"games", "cache_mb", "resign_false_positives", "resign_window"})
    if config.resign_false_positives == 0:
        fields["resign_holdout"] = 0.0
    return _core.PlayParams(**fields)


def _check_replies(bad: float) -> None:
    if bad >= MAX_BAD_REPLIES:
        raise UserError(
            f"{bad:.0f} answers of the network were not finite; resume from an earlier checkpoint with a "
            "lower learner.learning_rate, or set evaluator.precision to 'f32'"
        )
