"""Who judges where the task's verifier does not: a model, trained for it or the writer itself."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

from engine.language.episode import Episode
from engine.language.measure.watch import HALF, Panel
from engine.language.method.turn import Turn
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

    def agrees(self, turn: Turn, pairs: Sequence[Pair], scores: Sequence[float | None]) -> list[bool | None]:
        """Whether it says the same when asked otherwise: in another order, in other words, once more.

        By default once more: on the same side of a half. None where one of the answers is missing.
        """
        return [
            None if missing(one) or missing(two) else (one >= HALF) == (two >= HALF)  # type: ignore[operator]
            for one, two in zip(scores, self.scores(turn, pairs), strict=True)
        ]

    def written(self, length: float) -> float:
        """Tokens that a verdict on a completion of `length` takes, for the forecast."""
        del length
        return 0.0


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

    return Panel(_judged(judge, turn, 1.0), agrees, turn.config.guards.gate_on)


def _judged(judge: Judge, turn: Turn, share: float) -> Verify:
    def verify(pairs: Sequence[Pair]) -> list[VerifyResult]:
        scores = judge.scores(turn, pairs)
        assert len(scores) == len(pairs), (len(scores), len(pairs))
        audited = [number for number, pair in enumerate(pairs) if _is_audited(turn, pair, share)]
        truths = dict(zip(audited, turn.truth([pairs[number] for number in audited]), strict=True))
        return [
            _verdict(judge, turn, pair, score, truths.get(number))
            for number, (pair, score) in enumerate(zip(pairs, scores, strict=True))
        ]

    return verify


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
