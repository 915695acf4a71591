"""How many moves an iteration has, so that a slow game is learnt from before many minutes have passed."""

from __future__ import annotations

import threading
import time

from engine import _core
from engine.config import Config, build_config
from engine.config.layer import merge
from engine.config.loop import POSITIONS
from engine.config.play import SelfplayConfig
from engine.evaluator.choice import resolve_backend
from engine.evaluator.network import PolicyValueNetwork
from engine.selfplay.actors import Actors
from engine.selfplay.actors.inline import InlineActors
from engine.train.batch import MIN_MOVES
from engine.train.processor import waited_s

MOST_S, WANTED_S = 60.0, 30.0
"""Seconds of play in an iteration: at most, and about how many where POSITIONS would take longer."""

MIN_POSITIONS = 64

TRIALS_S = (0.05, 0.5, 2.0)
"""How long self-play is measured: first the memory is warmed up, and the last time is for games that have not
shown themselves to be fast."""

MAX_WAITED = 0.9
"""Of the time of a measurement, how much may be taken off for other programs."""

SIDE_BY_SIDE = {"cpu": 32, "cuda": 256}
PYTHON_SIDE_BY_SIDE = 8
"""Games of a caller in the measurement, by device, and of a game in plain Python: enough for what holds them
up, and soon begun."""


def choose_positions(rate: float) -> int:
    """Moves of an iteration at so many a second: POSITIONS, or a power of two that takes half to all of
    WANTED_S; rounded, so that two measurements of one machine mostly come to the same."""
    if rate * MOST_S >= POSITIONS:
        return POSITIONS
    positions = MIN_POSITIONS
    while 2 * positions <= rate * WANTED_S:
        positions *= 2
    return positions


def choose_games_beside(positions: int, callers: int, games: int) -> int:
    """Games of each caller, at most `games`, that leave each of them MIN_MOVES in an iteration."""
    return max(1, min(games, positions // callers // MIN_MOVES))


def play_rate(game: _core.Game, config: Config) -> float:
    """Moves a second that self-play of an untrained network makes on this machine, measured in 3 s or less.

    Or from its simulations, where no search has come to its end yet. Games begin in the midst of play: what
    is computed at the first moves is soon in the cache. Seconds in which the processor did something else do
    not count: that passes.
    """
    network = PolicyValueNetwork(
        game.planes_shape, game.num_actions, config.network, config.seed, has_score=game.has_score
    )
    device, in_processes = resolve_backend(config.evaluator).device, config.loop.actors == "process"
    callers = 1 if in_processes else config.loop.callers
    is_python = isinstance(game, _core.PythonGame)
    side_by_side = PYTHON_SIDE_BY_SIDE if is_python else SIDE_BY_SIDE[device]
    layer = {
        "selfplay": {
            "games": min(config.selfplay.games, side_by_side),
            "max_opening_plies": min(100, game.max_plies // 2),
            "wide_opening_fraction": 0.0,
        },
        "loop": {"callers": callers},
    }
    trial = build_config(merge(config.model_dump(), layer))
    actors = InlineActors(game, trial, network.eval())
    try:
        for seconds in TRIALS_S:
            moves, simulations = _rates(actors, seconds, callers, 1 if is_python else callers)
            rate = max(moves, simulations / mean_simulations(config.selfplay))
            rate *= config.loop.callers if in_processes else 1
            if rate * MOST_S / 2 >= POSITIONS:
                break
    finally:
        actors.close()
    return rate


def mean_simulations(config: SelfplayConfig) -> float:
    """Simulations of a searched move, on average."""
    full = config.full_search_fraction
    return full * config.simulations + (1 - full) * config.fast_simulations


def _rates(actors: Actors, seconds: float, callers: int, cores: int) -> tuple[float, float]:
    """(searched moves, simulations) a second of `callers` that can keep so many cores busy."""
    before, waited, cpu, start = actors.stats(), waited_s(), time.process_time(), time.monotonic()
    timer = threading.Timer(seconds, actors.finish)
    timer.start()
    try:
        actors.play(10**12)
    finally:
        timer.cancel()
        timer.join()
    after, still_waited, passed = actors.stats(), waited_s(), time.monotonic() - start
    if waited is not None and still_waited is not None:
        computed = min(passed, (time.process_time() - cpu) / cores)
        passed = max(passed - (still_waited - waited) / callers, computed, (1 - MAX_WAITED) * passed)
    moves, simulations = ((after[name] - before[name]) / passed for name in ("positions", "simulations"))
    return moves, simulations
