"""Which of two is better, asked in both orders: the share of comparisons that each completion wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.language.method.judged.assessor.assessor import Assessor, Judgement, Versus
from engine.language.task import Prompt


@dataclass(frozen=True)
class Compared:
    """What came of comparing the completions of one problem."""

    scores: list[Judgement]
    """Of each: its chance to win, a mean over those that it met and both orders."""
    agrees: dict[tuple[int, int], bool | None]
    """Of each two that met: whether the same one won in both orders; where both tie they agree. None where
    one was not answered."""

    def agrees_at(self, place: int) -> bool | None:
        """Of a completion and the first that it met."""
        return next((told for pair, told in self.agrees.items() if place in pair), None)


def compare(
    judge: Assessor, groups: Sequence[tuple[Prompt, Sequence[str]]], opponents: int, seed: int
) -> list[Compared]:
    """Ask of every two completions that meet, in both orders; one call of the judge.

    Those of a problem stand in a circle, and each meets the next `opponents`. A completion none of whose
    comparisons was answered in both orders is missing.
    """
    pairs = [meetings(len(texts), opponents) for _, texts in groups]
    asked = [
        Versus(prompt, texts[one], texts[other])
        for (prompt, texts), own in zip(groups, pairs, strict=True)
        for i, j in own
        for one, other in ((i, j), (j, i))
    ]
    told = iter(judge.comparisons(asked, seed))
    return [
        _compared(len(texts), own, [(next(told), next(told)) for _ in own])
        for (_, texts), own in zip(groups, pairs, strict=True)
    ]


def meetings(count: int, opponents: int) -> list[tuple[int, int]]:
    """Which of `count` in a circle meet, each two once."""
    met = {
        tuple(sorted((place, (place + step) % count)))
        for place in range(count)
        for step in range(1, min(opponents, count - 1) + 1)
    }
    return sorted((i, j) for i, j in met)


def _compared(
    count: int, pairs: Sequence[tuple[int, int]], told: Sequence[tuple[Judgement, Judgement]]
) -> Compared:
    wins: list[list[float]] = [[] for _ in range(count)]
    reasons, agrees = [""] * count, dict[tuple[int, int], bool | None]()
    for (i, j), (there, back) in zip(pairs, told, strict=True):
        agrees[i, j] = None
        if there.score is None or back.score is None:
            reasons[i] = reasons[j] = there.reason or back.reason
            continue
        chance = round((there.score + 1 - back.score) / 2, 9)  # of equals exactly a half
        wins[i].append(chance)
        wins[j].append(1 - chance)
        agrees[i, j] = _sign(there.score) == -_sign(back.score)
    scores = [
        Judgement(fmean(own)) if own else Judgement(None, reason or "nothing to compare it with")
        for own, reason in zip(wins, reasons, strict=True)
    ]
    return Compared(scores, agrees)


def _sign(chance: float) -> int:
    return (chance > 0.5) - (chance < 0.5)
