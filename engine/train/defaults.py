"""Numbers that a run's settings leave to the machine: how many callers, threads, games and positions."""

from __future__ import annotations

from collections.abc import Callable

from engine import _core
from engine.config import Config
from engine.config.loop import POSITIONS
from engine.learner.learner import num_threads
from engine.selfplay.actors.inline import num_callers
from engine.train.batch import choose_games
from engine.train.iteration import choose_games_beside, choose_positions, play_rate


def resolved(game: _core.Game, config: Config, say: Callable[[str], None] | None = None) -> Config:
    """Settings with every number that `0` leaves to the machine filled in, so that a resume repeats it.

    `say` is told what is measured and what comes out.
    """
    loop_config = config.loop.model_copy(update={"callers": num_callers(config)})
    learner_config = config.learner.model_copy(update={"threads": num_threads(config.learner)})
    games_given = "games" in config.selfplay.model_fields_set and config.selfplay.games > 0
    config = config.model_copy(update={"loop": loop_config, "learner": learner_config})
    if config.selfplay.games == 0:
        config = _with(config, choose_games(game, config), loop_config.positions)
    if loop_config.positions > 0:
        return config
    if say:
        say("measuring how fast the game is played here")
    rate, games = play_rate(game, config), config.selfplay.games
    positions = choose_positions(rate)
    if games_given:
        positions = max(positions, games * loop_config.callers)
    elif positions < POSITIONS:
        games = choose_games_beside(positions, loop_config.callers, games)
    if say:
        say(
            f"about {rate:.3g} positions a second: iterations of {positions:,} (loop.positions), {games} "
            "games a caller (selfplay.games)"
        )
    return _with(config, games, positions)


def _with(config: Config, games: int, positions: int) -> Config:
    selfplay = config.selfplay.model_copy(update={"games": games})
    loop_config = config.loop.model_copy(update={"positions": positions})
    return config.model_copy(update={"selfplay": selfplay, "loop": loop_config})
