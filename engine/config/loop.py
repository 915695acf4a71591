"""Settings of the outer loop, and of how it is scored on its way."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.config.section import Section


class TruthConfig(Section):
    """Scoring checkpoints on positions of known value during a run and at its end."""

    positions: int = Field(50, ge=0)
    """Of each set, during the run."""
    simulations: tuple[int, ...] = (0, 16)
    """During the run; 0 is the raw network."""
    max_share: float = Field(0.05, ge=0, le=1)
    """Of wall time, during the run."""
    final_simulations: tuple[int, ...] = (0, 16, 100)
    """At the end of the run, on whole sets."""


POSITIONS = 8192
"""Moves of an iteration where `loop.positions` leaves them to the machine and the game is not slow."""


class LoopConfig(Section):
    """The outer loop."""

    positions: int = Field(0, ge=0)
    """Searched moves of one iteration, all callers together. 0: 8,192; of a game in which those would take
    longer than a minute as many as half a minute is enough for, measured once, when the run is made, and then
    `selfplay.games` is lowered with them where nobody has set it."""
    callers: int = Field(0, ge=0, le=1024)
    """Threads that play, each with its own one-thread evaluator; 0 takes one a core."""
    actors: Literal["inline", "process"] = "inline"
    """Callers in threads, or each in a process of its own, started again where it dies or hangs."""
    stall_s: float = Field(60.0, gt=0, le=1e6)
    """Seconds without any progress after which a process is taken to hang."""
    max_weight_lag: int = Field(0, ge=0, le=1)
    """Iterations by which the weights that play may be behind the learner's. At 1 the learner trains on the
    games committed so far while the next are played, and both wait for each other at the end of the
    iteration: worth it where the learner has a GPU or cores to itself (`loop.actors = "process"`,
    `loop.callers` below the number of cores), of no use where both share the same cores."""
    checkpoints: int = Field(20, ge=1)
    """Checkpoints kept on disk beside every tenth."""

    @property
    def turn_positions(self) -> int:
        """`positions`, or what stands for 0 where nothing was measured."""
        return self.positions or POSITIONS
