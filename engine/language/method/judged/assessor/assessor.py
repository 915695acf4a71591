"""Whoever can be asked how good completions are, one by one or two by two."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from engine.language.rollout import Verify
from engine.language.task import Kind, Prompt
from engine.sandbox.value import printable


class Asked(NamedTuple):
    """A completion to be judged."""

    prompt: Prompt
    completion: str


class Versus(NamedTuple):
    """Two completions, of which one is better."""

    prompt: Prompt
    first: str
    second: str


@dataclass(frozen=True)
class Judgement:
    """What a judge says of one completion, or of two."""

    score: float | None
    """In [0, 1]; of two completions the chance that the first is better. None: missing, which is not 0."""
    reason: str = ""
    """Why it is missing, in a few words."""


class Assessor(ABC):
    """Says how good completions are, many at a time; its judgements stand in the order of what was asked."""

    kind: Kind = "learned"
    sentences: Sequence[str] = ()
    """What it is asked with: a completion that repeats them may be fooling it."""
    is_drawn = False
    """Whether it may say another thing when it is asked again, so that a mean of several is worth taking."""

    tokens = 0
    """Written by it so far."""

    @abstractmethod
    def scores(self, asked: Sequence[Asked], seed: int) -> list[Judgement]:
        """Each by itself; `seed` is of replies that are drawn."""

    @abstractmethod
    def comparisons(self, asked: Sequence[Versus], seed: int) -> list[Judgement]:
        """Two at a time, in the order in which they are given."""


class TaskAssessor(Assessor):
    """The task's own verifier."""

    def __init__(self, kind: Kind, verify: Verify) -> None:
        self.kind = kind
        self._verify = verify

    def scores(self, asked: Sequence[Asked], seed: int) -> list[Judgement]:
        """What it says of each; nothing for a side that forfeits."""
        del seed
        results = self._verify([(each.prompt, each.completion) for each in asked])
        return [Judgement(0.0 if result.is_forfeit else result.score) for result in results]

    def comparisons(self, asked: Sequence[Versus], seed: int) -> list[Judgement]:
        """By the scores of both; a half where they are equal."""
        firsts = self.scores([Asked(each.prompt, each.first) for each in asked], seed)
        seconds = self.scores([Asked(each.prompt, each.second) for each in asked], seed)
        return [better(first, second) for first, second in zip(firsts, seconds, strict=True)]


def better(first: Judgement, second: Judgement) -> Judgement:
    """What scores of two say of which is better."""
    if first.score is None or second.score is None:
        return Judgement(None, first.reason or second.reason)
    return Judgement(0.5 + 0.5 * ((first.score > second.score) - (first.score < second.score)))


def judged(number: object) -> Judgement:
    """A number as a judge said it: missing where it is none from 0 to 1."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        return Judgement(None, f"{printable(repr(number), 40)} for a score")
    if not math.isfinite(number) or not 0 <= number <= 1:
        return Judgement(None, f"{printable(repr(number), 40)} for a score from 0 to 1")
    return Judgement(float(number))


def mean_of(judgements: Sequence[Judgement]) -> Judgement:
    """Several judgements of one thing: the mean of those that are there."""
    there = [each.score for each in judgements if each.score is not None]
    return Judgement(fmean(there)) if there else judgements[0]
