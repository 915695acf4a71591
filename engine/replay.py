"""The replay: the files of a run's games, and the window of recent positions that the learner draws from."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine import _core
from engine.config.learning import ReplayConfig
from engine.errors import CorruptFileError, MissingFileError, UserError
from engine.run import storage
from engine.run.manifest import Shard
from engine.run.storage import Digest
from engine.selfplay.game_table import GAME_SCHEMA, Games, num_games, num_positions, read_games

__all__ = ["GAME_SCHEMA", "Games", "Replay", "first_in_window", "window_size"]


def window_size(positions: int, config: ReplayConfig) -> int:
    """Positions in the window once `positions` have been played (Wu 2019, appendix C, "replay window").

    c * (1 + beta * ((N / c) ** alpha - 1) / alpha) for N positions, c `window_start`, alpha
    `window_exponent` and beta `window_scale`; N while N < c; with the logarithm as its limit at alpha = 0.
    """
    start, alpha = config.window_start, config.window_exponent
    if positions <= start:
        size = float(positions)
    else:
        ratio = positions / start
        growth = (ratio**alpha - 1) / alpha if alpha > 0 else math.log(ratio)
        size = start * (1 + config.window_scale * growth)
    return max(1, min(int(size), config.window_max))


def first_in_window(shards: Sequence[Shard], config: ReplayConfig) -> int:
    """Index of the oldest shard that a run which never stopped still has in its window."""
    first, inside, played = 0, 0, 0
    for index, shard in enumerate(shards):
        inside += shard.positions
        played += shard.positions
        size = window_size(played, config)
        while first < index and inside - shards[first].positions >= size:
            inside -= shards[first].positions
            first += 1
    return first


class Replay:
    """The window of recent games in memory.

    Args:
        game: whose games these are.
        config: the window's law.
        rules: the game with its options, as files name it.
    """

    def __init__(self, game: _core.Game, config: ReplayConfig, rules: str) -> None:
        self.config = config
        self.rules = rules
        self.window = _core.ReplayWindow(
            game, policy_surprise=config.surprise_weight, value_surprise=config.value_surprise_weight
        )
        self.played = 0
        self.bad_shards = 0
        self.distinct_share = 1.0  # of the training positions that came last

    @property
    def size(self) -> int:
        """Positions that the window should hold by now; it holds whole commits, so a few more."""
        return window_size(self.played, self.config)

    def add(self, games: Games) -> int:
        """Take the games of one commit into the window; how many positions they bring."""
        if num_games(games) == 0:
            return 0
        distinct = self.window.append(games)
        positions = num_positions(games)
        self.distinct_share = distinct / max(positions, 1)
        self.played += positions
        self.window.trim(self.size)
        return positions

    def load(self, folder: Path, shards: Sequence[Shard], warn: Callable[[str], None] | None = None) -> None:
        """Fill the window as it was after the last of `shards`, all that the run has, oldest first.

        A damaged one goes to `folder`/quarantine with a warning and is counted, as is one that is missing.
        Raises UserError where more than `max_bad_fraction` of those in the window (and more than one, unless
        that is 0) are bad.
        """
        say = warn or (lambda text: print(f"warning: {text}", file=sys.stderr))
        needed = shards[first_in_window(shards, self.config) :]
        for shard in needed:
            try:
                self._append(folder / shard.name, shard.digest)
            except MissingFileError as error:
                self.bad_shards += 1
                say(f"{error}; training goes on without its games until it is put back")
            except CorruptFileError as error:
                self.bad_shards += 1
                storage.move_aside(folder / shard.name, folder / "quarantine")
                say(f"{error}; set aside in '{folder / 'quarantine'}', training goes on without its games")
        self.played = sum(shard.positions for shard in shards)
        share = self.config.max_bad_fraction
        if self.bad_shards > (max(1.0, share * len(needed)) if share else 0):
            raise UserError(
                f"{self.bad_shards} of {len(needed)} replay files in '{folder}' are damaged or missing, more "
                f"than replay.max_bad_fraction = {share:g} allows; put them back, or raise it"
            )

    def _append(self, path: Path, digest: Digest) -> None:
        games = read_games(path, self.rules, digest)
        try:
            self.window.append(games)
        except ValueError as error:
            raise CorruptFileError(f"'{path}' breaks the rules of {self.rules}: {error}") from error
