"""Who judges where the task's verifier does not: a model, trained for it or the writer itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode
from engine.language.measure.watch import HALF, Panel
from engine.language.method.turn import Library, Turn
from engine.language.model.model import LanguageModel
from engine.language.problem.problems import gold
from engine.language.rollout import Verify, row_seed
from engine.language.task import UNJUDGED, Kind, Prompt, VerifyResult

Pair = tuple[Prompt, str]
"""A problem and a completion."""


class Judge(ABC):
    """Gives scores that can be fooled. Only `scores` has no default."""

    kind: Kind = "learned"
    """`self` where it is the model that writes."""
    prompts: Sequence[str] = ()
    """Texts that it asks with: a completion that repeats them may be fooling it."""

    @abstractmethod
    def scores(self, turn: Turn, pairs: Sequence[Pair]) -> list[float | None]:
        """A score in [0, 1] for each; None, or NaN, where the judge gave none that can be read.

        Also asked for what the monitors draw, after the turn's student has learnt and before any has
        (iteration 0). It is to be a function of the turn and the pair, whatever else is asked with it.
        """

    @property
    def num_members(self) -> int:
        """Who judge together in it, as `guards.ensemble` says."""
        return 1

    def votes(self, turn: Turn, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """The members' scores, [N, M]; NaN where one is missing."""
        return np.array([self.scores(turn, pairs)], dtype=np.float64).reshape(1, len(pairs)).T

    def agrees(self, turn: Turn, pairs: Sequence[Pair], scores: Sequence[float | None]) -> list[bool | None]:
        """Whether it says the same when asked otherwise: in another order, in other words, once more.

        By default once more: on the same side of a half. None where one of the answers is missing.
        """
        return [
            None if missing(one) or missing(two) else (one >= HALF) == (two >= HALF)  # type: ignore[operator]
            for one, two in zip(scores, self.scores(turn, pairs), strict=True)
        ]

    def ready(self, model: LanguageModel, library: Library) -> None:
        """Refuse a judge that could not be asked, before a run's first `model` is trained; UserError."""
        del model, library

    def written(self, length: float) -> float:
        """Tokens that a verdict on a completion of `length` takes, for the forecast."""
        del length
        return 0.0


class Ensemble(Judge):
    """Several judges, whose verdicts come to one as `guards.ensemble` says.

    A completion that one of them says nothing of has no verdict.
    """

    def __init__(self, members: Sequence[Judge]) -> None:
        assert members
        self.members = tuple(members)
        self.kind = "self" if any(each.kind == "self" for each in members) else "learned"
        self.prompts = tuple(text for each in members for text in each.prompts)

    @property
    def num_members(self) -> int:
        """The judges in it."""
        return len(self.members)

    def scores(self, turn: Turn, pairs: Sequence[Pair]) -> list[float | None]:
        """Mean, mean less standard deviation (not below 0), or least of the members' scores."""
        table = self.votes(turn, pairs)
        how = turn.config.guards.ensemble
        if how == "least":
            found = table.min(axis=1, initial=1.0)
        else:
            found = table.mean(axis=1) - (table.std(axis=1) if how == "cautious" else 0.0)
        return [None if math.isnan(each) else max(0.0, each) for each in found.tolist()]

    def votes(self, turn: Turn, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """The members' scores, [N, M]; NaN where one is missing."""
        columns = [each.scores(turn, pairs) for each in self.members]
        return np.array(columns, dtype=np.float64).reshape(len(columns), len(pairs)).T

    def ready(self, model: LanguageModel, library: Library) -> None:
        """Each of them."""
        for each in self.members:
            each.ready(model, library)

    def written(self, length: float) -> float:
        """What all of them write."""
        return sum(each.written(length) for each in self.members)


def num_judges(judge: Judge | None) -> int:
    """Who judge together; 0: nobody stands in for the task's verifier."""
    return 0 if judge is None else judge.num_members


def missing(score: float | None) -> bool:
    """Whether that is no score."""
    return score is None or math.isnan(score)


def seat(judge: Judge | None, turn: Turn) -> None:
    """Let a judge give the verdicts of a turn; nothing where there is none.

    The share `guards.audit` of what is written is shown to the task's verifier, too: its gold.
    """
    if judge is not None:
        turn.verify = _judged(judge, turn, turn.config.guards.audit)


def panel(judge: Judge | None, turn: Turn) -> Panel:
    """Who judges what the monitors draw in a turn: the judge, with the truth of everything beside it."""
    if judge is None:
        return Panel(turn.truth)

    def agrees(episodes: Sequence[Episode]) -> list[bool | None]:
        scores = [None if each.result.is_missing else each.result.score for each in episodes]
        return judge.agrees(turn, [(each.prompt, each.completion) for each in episodes], scores)

    def spread(episodes: Sequence[Episode]) -> list[float]:
        table = judge.votes(turn, [(each.prompt, each.completion) for each in episodes])
        found: list[float] = table.std(axis=1).tolist()
        return found

    several = spread if num_judges(judge) > 1 else None
    return Panel(_judged(judge, turn, 1.0), agrees, several, turn.config.guards.gate_on)


def _judged(judge: Judge, turn: Turn, share: float) -> Verify:
    def verify(pairs: Sequence[Pair]) -> list[VerifyResult]:
        scores = judge.scores(turn, pairs) if pairs else []
        assert len(scores) == len(pairs), (len(scores), len(pairs))
        scores = [_by_length(turn, pair, score) for pair, score in zip(pairs, scores, strict=True)]
        audited = [number for number, pair in enumerate(pairs) if _is_audited(turn, pair, share)]
        truths = dict(zip(audited, turn.truth([pairs[number] for number in audited]), strict=True))
        return [
            _verdict(judge, turn, pair, score, truths.get(number))
            for number, (pair, score) in enumerate(zip(pairs, scores, strict=True))
        ]

    return verify


def _by_length(turn: Turn, pair: Pair, score: float | None) -> float | None:
    """A score less `guards.length_penalty` for each length of real data beyond the first."""
    penalty = turn.config.guards.length_penalty
    if missing(score) or not penalty or not turn.real:
        return score
    assert score is not None
    return max(0.0, score - penalty * max(0.0, len(pair[1]) / turn.real_length - 1))


def _is_audited(turn: Turn, pair: Pair, share: float) -> bool:
    """By chance, but always the same for a completion of an iteration."""
    return row_seed(turn.config.seed, "audit", turn.iteration, pair[0].id, pair[1]) < share * 2**63


def _verdict(
    judge: Judge, turn: Turn, pair: Pair, score: float | None, truth: VerifyResult | None
) -> VerifyResult:
    """The judge's score, with what the task's verifier read where it was asked."""
    told = truth or VerifyResult(0.0)
    true = None if truth is None else _gold(turn, pair, truth)
    if missing(score):
        return VerifyResult(
            0.0, told.parsed, "no verdict", (*told.flags, UNJUDGED), judge.kind, told.path, true
        )
    assert score is not None
    assert 0 <= score <= 1, score
    reason = "" if true is None else f"in truth {true:g}"
    return VerifyResult(float(score), told.parsed, reason, told.flags, judge.kind, told.path, true)


def _gold(turn: Turn, pair: Pair, truth: VerifyResult) -> float | None:
    """The task's own verdict where that is exact, else its gold; None where it is not known."""
    if truth.kind == "exact":
        return truth.score
    known = gold(turn.task, *pair)
    return None if math.isnan(known) else known
