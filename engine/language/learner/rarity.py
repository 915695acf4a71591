"""Rare kinds of texts: how much each counts, so that what is seldom written is not forgotten first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.language.episode import Episode
from engine.language.learner.filter import Example
from engine.language.problem.problems import modes
from engine.language.task import Demonstration, Prompt, Task

MOST = 20.0
"""Times that the rarest counts as much as the commonest, at most: one text is not to be all of a batch."""


def kinds_of(task: Task, prompt: Prompt, completion: str) -> frozenset[str]:
    """The stratum of a problem and the modes of what was written on it."""
    shown = {f"mode {mode}" for mode in modes(task, prompt, completion)}
    return frozenset(shown | ({f"stratum {prompt.stratum}"} if prompt.stratum else set()))


def rarity_weights(kinds: Sequence[frozenset[str]], power: float) -> list[float]:
    """What texts of these kinds count, 1 on average: (share that shows the rarest of its kinds) ** -power.

    A text of no kind counts as one whose kind all show. None counts more than MOST times another.
    """
    counts = Counter(kind for each in kinds for kind in each)
    rarest = [min((counts[kind] for kind in each), default=len(kinds)) for each in kinds]
    raw = [(len(kinds) / count) ** power for count in rarest]
    least = min(raw, default=1.0)
    cut = [min(weight, MOST * least) for weight in raw]
    mean = sum(cut) / max(len(cut), 1)
    return [weight / mean for weight in cut]


def by_rarity(
    task: Task,
    examples: Sequence[Example],
    own: Iterable[Episode],
    real: Iterable[Demonstration],
    power: float,
) -> list[Example]:
    """Examples of what was written and of real data, each with what its kinds count."""
    texts = [(each.prompt, each.completion) for group in (own, real) for each in group]
    known = {(prompt.text, completion): kinds_of(task, prompt, completion) for prompt, completion in texts}
    weights = rarity_weights([known[each.prompt, each.completion] for each in examples], power)
    return [
        replace(each, weight=each.weight * weight) for each, weight in zip(examples, weights, strict=True)
    ]
