"""When a player gives up: a threshold on its root values, set from games played to the end whatever they say.

A share of the games never resigns (AlphaGo Zero, Silver et al. 2017, methods, "Self-play": 10 % of the games
and fewer than 5 % false positives). They tell at which threshold too many of those that would have given up
were won or drawn after all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from engine.config.play import SelfplayConfig
from engine.selfplay.game_table import Games

NEVER = -1.0
"""The threshold below which no value is."""

HIGHEST = -0.5
"""No threshold is above it, however seldom anybody comes back from there."""

_NO_LOW = 1.0


class Resignation:
    """Watches the games that never resign and says below which value the others do.

    Args:
        config: the target and how it is measured.
        holdouts: a row for each of the last games that never resign, oldest first: what `find_lows` gives
            and the threshold in force as it ended. Kept up to date: all there is to go on from.
    """

    def __init__(self, config: SelfplayConfig, holdouts: list[list[float]]) -> None:
        self.config = config
        self.holdouts = holdouts
        self.threshold = NEVER
        self._update()

    def observe(self, games: Games) -> dict[str, float]:
        """Take the games that ended in an iteration, and set the threshold of the next; metrics by tag.

        The rate of false positives is that of the thresholds in force, which these games did not choose;
        it is missing as long as none would have resigned.
        """
        if self.config.resign_false_positives == 0:
            return {}
        in_force = self.threshold
        for index in np.flatnonzero(games["holdout"]):
            self.holdouts.append([*find_lows(games, int(index), self.config.resign_plies), in_force])
        del self.holdouts[: -self.config.resign_window]
        self._update()
        lost, kept, below = np.array(self.holdouts or np.empty((0, 3))).T
        resigned = int((np.minimum(lost, kept) < below).sum())
        values = {"selfplay/resign_threshold": in_force, "selfplay/resign_judged": float(resigned)}
        if resigned:
            values["selfplay/resign_false_positives"] = float((kept < below).sum()) / resigned
        return values

    def _update(self) -> None:
        if self.config.resign_false_positives > 0:
            lows = [row[:2] for row in self.holdouts]
            self.threshold = choose_threshold(lows, self.config.resign_false_positives)


def find_lows(games: Games, index: int, plies: int) -> tuple[float, float]:
    """(of the loser, of who did not lose): the highest threshold at which they do not resign in a game.

    It is the least, over a player's moves, of the highest of its last `plies` root values; moves whose value
    is not known (opening, forced) do not count. 1 where there are too few; the lower of both in a draw.
    """
    moves = slice(int(games["move_offsets"][index]), int(games["move_offsets"][index + 1]))
    wdl, player, outcome = games["root_wdl"][moves], games["player"][moves], games["outcome"][index]
    values, known = wdl[:, 0] - wdl[:, 2], wdl.sum(axis=1) > 0.5
    lost = kept = _NO_LOW
    for mover, result in ((0, outcome), (1, -outcome)):
        own = values[known & (player == mover)]
        low = float(sliding_window_view(own, plies).max(axis=1).min()) if len(own) >= plies else _NO_LOW
        if result < 0:
            lost = low
        else:
            kept = min(kept, low)
    return lost, kept


def choose_threshold(lows: Sequence[Sequence[float]], target: float) -> float:
    """The highest threshold whose rate of false positives is taken to be at most `target`; NEVER without.

    Of n games that would have resigned, m of them not lost, (m + 1) / (n + 1) must not exceed it: the
    correction for a finite sample of conformal risk control (Angelopoulos et al. 2022, equation 4), so that
    nobody resigns before 1 / target - 1 games would have. A game counts as not lost where the winner or, in
    a draw, anybody was ever below the threshold, even after the loser.
    """
    lost, kept = np.array(lows if len(lows) else np.empty((0, 2))).T
    either = np.minimum(lost, kept)
    # Between two values of `kept` a higher threshold only adds games that were lost.
    for threshold in sorted({HIGHEST, *kept[kept < HIGHEST].tolist()}, reverse=True):
        resigned, false = int((either < threshold).sum()), int((kept < threshold).sum())
        if false + 1 <= target * (resigned + 1):
            return float(threshold)
    return NEVER
