"""One turn of the loop, playing and learning, and the clock that may end both early."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from engine.config.loop import LoopConfig
from engine.learner.learner import Learner
from engine.replay import Replay
from engine.run.reporter import Phase, unseen
from engine.selfplay.actors import Actors
from engine.selfplay.caller import Games
from engine.selfplay.game_table import join_games

P = ParamSpec("P")
T = TypeVar("T")

SPARE_SHARE, SPARE_S = 0.05, 10.0
"""A run counts as finished once this share of its minutes is left, or so many seconds if that is less: no
turn would be worth its commit."""

NEAR_SHARE = 0.1
"""Of the minutes: what may be left after an iteration that the clock has cut short."""

POLL_S = 0.2
"""How often the clock is looked at, and the moves of a turn under way are counted."""


@dataclass(frozen=True)
class Deadline:
    """When the parts of a turn end at the latest, by time.monotonic()."""

    play: float = math.inf
    learn: float = math.inf


@dataclass(frozen=True)
class Pace:
    """Seconds that the parts of an iteration take; before one is known, two thirds of its turn are play.

    commit_s: of the rest, what comes after the run's time is written down.
    """

    play_s: float = 2.0
    learn_s: float = 1.0
    rest_s: float = 0.0
    commit_s: float = 0.0


@dataclass(frozen=True)
class Limit:
    """When to stop; both None: never."""

    minutes: float | None
    iterations: int | None

    def reached(self, iteration: int, seconds: float, ended_minutes: float = 0.0) -> bool:
        """Whether a run is done after `iteration` of them, `seconds` in all.

        Also where the clock has ended it at so many minutes before: their last seconds went on the commit.
        """
        if self.iterations is not None:
            return iteration >= self.iterations
        if self.minutes is None:
            return False
        if ended_minutes >= self.minutes:
            return True
        return seconds >= 60 * self.minutes - min(SPARE_S, SPARE_SHARE * 60 * self.minutes)

    def is_over(self, seconds: float, pace: Pace, is_cut: bool) -> bool:
        """Whether the minutes will be over once an iteration is committed, `seconds` into the run.

        After one that the clock has cut, what is left would not be worth another.
        """
        if self.minutes is None or self.iterations is not None:
            return False
        near = is_cut and seconds >= (1 - NEAR_SHARE) * 60 * self.minutes
        return near or self.reached(0, seconds + pace.commit_s)

    def deadline(self, seconds: float, pace: Pace, lag: int = 0) -> Deadline:
        """By when a turn that begins now, `seconds` into the run, must have played and learnt.

        What is left is shared between the two as `pace` says, so that what is played last is learnt from;
        at a weight lag of 1 they go on side by side.
        """
        if self.minutes is None or self.iterations is not None:
            return Deadline()
        now, left = time.monotonic(), max(60 * self.minutes - seconds - pace.rest_s, 0.0)
        share = 1.0 if lag else pace.play_s / max(pace.play_s + pace.learn_s, 1e-9)
        return Deadline(now + share * left, now + left)


@dataclass(frozen=True)
class Turn:
    """What an iteration has played and learnt."""

    batches: list[Games]  # one a caller
    games: Games
    positions: int  # new in the window
    steps: int  # taken
    planned: int  # steps that the games called for; those not taken are owed to the next turn
    play_s: float
    learn_s: float
    values: dict[str, float]  # metrics of the learner and of how the two waited for each other


def take_turn(
    actors: Actors,
    learner: Learner,
    replay: Replay,
    config: LoopConfig,
    deadline: Deadline | None = None,
    phase: Phase = unseen,
) -> Turn:
    """Play `config.positions` moves, add the games to the window, and take the steps that they call for.

    With `config.max_weight_lag` 1 the steps are those that earlier games call for, taken while these are
    played: the window does not change meanwhile, nor do the weights that play, so that the games and the
    steps are the same whichever of the two is faster. Past `deadline` the games under way are left as they
    are, for the next turn to go on with, and so are steps not taken.
    """
    limit = deadline or Deadline()
    if config.max_weight_lag == 0:
        batches, play_s = _timed(_play, actors, config.positions, limit.play, "playing", phase)
        games = join_games(batches)
        positions = replay.add(games)
        planned = learner.plan_steps(positions)
        with phase("learning", planned, "steps") as move:
            (values, steps), learn_s = _timed(_learn, learner, replay, planned, limit.learn, move)
        waits = play_s, learn_s
    else:
        planned = learner.plan_steps(0)
        title = "playing and learning"
        with ThreadPoolExecutor(1, "player") as thread:
            playing = thread.submit(_timed, _play, actors, config.positions, limit.play, title, phase)
            try:
                (values, steps), learn_s = _timed(_learn, learner, replay, planned, limit.learn)
                batches, play_s = playing.result()
            except BaseException:
                actors.stop()
                raise
        games = join_games(batches)
        positions = replay.add(games)
        learner.owe(positions)
        waits = max(play_s - learn_s, 0.0), max(learn_s - play_s, 0.0)
    values |= {
        "speed/learner_s": learn_s,
        "speed/learner_wait_s": waits[0],
        "speed/actors_wait_s": waits[1],
        "speed/weight_lag": config.max_weight_lag,
    }
    return Turn(batches, games, positions, steps, planned, play_s, learn_s, values)


def _play(actors: Actors, positions: int, until: float, title: str, phase: Phase) -> list[Games]:
    with phase(title, positions, "positions") as move, _watched(actors, until, move):
        return actors.play(positions)


@contextmanager
def _watched(actors: Actors, until: float, move: Callable[[float], None]) -> Iterator[None]:
    """A thread that counts the moves of a play under way, and ends it once the time is up."""
    over = threading.Event()

    def watch() -> None:
        left = until - time.monotonic()
        while not over.wait(min(POLL_S, left) if left > 0 else POLL_S):
            move(actors.played())
            left = until - time.monotonic()
            if left <= 0:
                actors.finish()

    thread = threading.Thread(target=watch, name="clock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _learn(
    learner: Learner, replay: Replay, steps: int, until: float, move: Callable[[float], None] | None = None
) -> tuple[dict[str, float], int]:
    """(metrics, steps taken)."""
    taken = 0

    def go_on(done: int) -> bool:
        nonlocal taken
        taken = done
        if move is not None:
            move(done)
        return time.monotonic() < until

    return learner.train(replay.window, steps, go_on), taken


def _timed(work: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> tuple[T, float]:
    """What `work` returns, and the seconds it took."""
    start = time.monotonic()
    return work(*arguments, **keywords), time.monotonic() - start
