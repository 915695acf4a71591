"""Whose play is learnt from a text that two players write: each side's own steps, by its own result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.language.episode import played_steps, result_of
from engine.language.task import Demonstration, Prompt, Task, VerifyResult

if TYPE_CHECKING:
    from engine.language.rollout import Verify

Spans = tuple[tuple[int, int], ...]
"""Characters of a completion from one place to another, which are learnt; the end token always is."""

BOTH = (0, 1)


def best_result(task: Task, result: VerifyResult) -> float:
    """The score; in a game of two that of the side that did better, and -1 of a forfeit.

    Who wins because the other side broke the rules has shown no way to win.
    """
    if task.num_players == 1:
        return result.score
    return -1.0 if result.is_forfeit else max(result_of(result, player) for player in BOTH)


def learners_of(task: Task, result: VerifyResult, threshold: float) -> tuple[int, ...] | None:
    """The players whose own result reaches a threshold, none of a forfeit; None where there is but one."""
    if task.num_players == 1:
        return None
    return tuple(p for p in BOTH if not result.is_forfeit and result_of(result, p) >= threshold)


def spans_of(task: Task, prompt: Prompt, completion: str, players: tuple[int, ...] | None) -> Spans | None:
    """What some players wrote before the game was over; None, for all of it, where there is but one."""
    if players is None or task.num_players == 1:
        return None
    spans: list[tuple[int, int]] = []
    for before, step, player in played_steps(task, prompt, completion):
        start, stop = len(before), len(before) + len(step)
        if player in players:
            if spans and spans[-1][1] == start:
                start = spans.pop()[0]
            spans.append((start, stop))
    return tuple(spans)


def without_losers(task: Task, real: Sequence[Demonstration], verify: Verify) -> list[Demonstration]:
    """Demonstrations of a game of two with whose play they show: of both sides of a draw, else the winner's.

    A forfeit shows nobody's and is left out; demonstrations of other tasks are as they were.
    """
    if task.num_players == 1 or not real:
        return list(real)
    verdicts = verify([(each.prompt, each.completion) for each in real])
    found = [
        replace(each, players=learners_of(task, verdict, 0.5))
        for each, verdict in zip(real, verdicts, strict=True)
    ]
    return [each for each in found if each.players]
