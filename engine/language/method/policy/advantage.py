"""Advantages: how much better a completion is than what was to be expected."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from engine.language.episode import Episode, played_steps, result_of
from engine.language.learner.loss.policy import DEVIATION, left_out_advantages
from engine.language.learner.side import BOTH

if TYPE_CHECKING:
    from engine.language.method.policy.config import PolicyConfig
    from engine.language.model.codec import Codec
    from engine.language.task import Task

Floats = NDArray[np.float64]

ALIKE = 1e-8
"""Rewards of a group that lie no further apart have no spread."""


def grouped(episodes: Sequence[Episode]) -> list[list[int]]:
    """Places of the completions of each problem, which stand side by side."""
    places = itertools.groupby(range(len(episodes)), key=lambda place: episodes[place].prompt.id)
    return [list(group) for _, group in places]


def has_spread(rewards: Iterable[float]) -> bool:
    """Whether rewards of one problem tell a better completion from a worse one."""
    found = list(rewards)
    return max(found) - min(found) > ALIKE


def overlong_penalty(tokens: int, limit: int, margin: int) -> float:
    """Taken off the score of a completion in the last `margin` tokens of the limit, up to 1 there.

    DAPO's soft overlong punishment (Yu et al. 2025, equation 13).
    """
    return max(0.0, tokens - (limit - margin)) / margin if margin else 0.0


def advantages_of(rewards: Floats, groups: Sequence[Sequence[int]], config: PolicyConfig) -> Floats:
    """Of rewards [N], by the other completions of a problem; [N].

    A group of one, or of rewards that are alike, has none, by whatever baseline. Deviations are those of
    samples, N - 1.
    """
    found = np.zeros(len(rewards))
    for group in groups:
        if not has_spread(rewards[list(group)]):
            continue
        own = torch.from_numpy(rewards[list(group)])[None]
        centred = left_out_advantages(own) if config.baseline == "others" else own - own.mean()
        if config.scale == "group":
            centred = centred / (own.std() + DEVIATION)
        found[list(group)] = centred[0].numpy()
    return scaled_by_batch(found, rewards, config)


def scaled_by_batch(advantages: Floats, rewards: Floats, config: PolicyConfig) -> Floats:
    """Over the deviation of all rewards, where `scale` says so."""
    if config.scale != "batch" or len(rewards) < 2:
        return advantages
    return advantages / (float(rewards.std(ddof=1)) + DEVIATION)


class RoleBaseline:
    """A moving mean of each player's results, read before it is updated (SPIRAL, 2506.24119, section 3.2).

    Args:
        decay: of the mean, a result.
        means: of each player; empty before the first result.
    """

    def __init__(self, decay: float, means: Sequence[float] = ()) -> None:
        self._decay = decay
        self.means = list(means)
        """Of each player."""

    def advantages(self, results: Floats) -> Floats:
        """Of results [N, players], each less the mean of what came before; the first ones less nothing."""
        found = np.zeros_like(results)
        for place, row in enumerate(results):
            found[place] = row - (np.array(self.means) if self.means else 0.0)
            self._add(row)
        return found

    def _add(self, row: Sequence[float] | Floats) -> None:
        old = self.means or [0.0] * len(row)
        self.means = [
            self._decay * mean + (1 - self._decay) * float(each) for mean, each in zip(old, row, strict=True)
        ]


def results_of(task: Task, episode: Episode) -> list[float]:
    """Each player's own result; of a task for one the score."""
    if task.num_players == 1:
        return [episode.result.score]
    return [result_of(episode.result, player) for player in BOTH]


def by_token(
    codec: Codec, task: Task, episode: Episode, ids: Sequence[int], own: Floats
) -> NDArray[np.float32]:
    """Of each token drawn in a game of two, the advantage `own` [2] of the player who wrote it, [T].

    Of a forfeit only what broke the rules has one, and all that follows: nothing else decided the game. Else
    what follows the last step has none.
    """
    found = np.zeros(len(ids), np.float32)
    ends = np.array(codec.ends(list(ids), episode.completion))
    written = 0
    for before, step, player in played_steps(task, episode.prompt, episode.completion):
        start, written = len(before), len(before) + len(step)
        if not episode.result.is_forfeit:
            found[(ends > start) & (ends <= written)] = own[player]
        elif step not in (task.legal_steps(episode.prompt, before) or [step]):
            written = start
            break
    if episode.result.is_forfeit:
        loser = min(BOTH, key=lambda player: result_of(episode.result, player))
        # The end token adds no character.
        found[(ends > written) | (np.arange(len(ids)) == len(ids) - 1)] = own[loser]
    return found
