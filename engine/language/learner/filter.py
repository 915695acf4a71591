"""Which episodes are learnt from, and what joins them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from rapidfuzz.distance import Levenshtein

from engine.language.episode import Episode
from engine.language.learner.side import Spans, best_result, learners_of, spans_of
from engine.language.task import Demonstration, Prompt, Task

if TYPE_CHECKING:
    from engine.language.settings import FilterConfig, MixConfig


T = TypeVar("T")


@dataclass(frozen=True)
class Example:
    """A text to learn: the loss counts the completion and the end token after it."""

    prompt: str
    completion: str
    weight: float = 1.0
    spans: Spans | None = None
    """Characters of the completion that count; None: all."""
    key: str = ""
    """Of its problem."""


def mark_kept(
    task: Task,
    episodes: Sequence[Episode],
    config: FilterConfig,
    threshold: float,
    *,
    by_visits: bool = False,
) -> list[Episode]:
    """The episodes in their order, `kept` set for those that pass.

    One that was cut off, scores below `threshold`, leaks its hint, or goes a way that another of its problem
    went before is out; of what is left a problem keeps at most `per_prompt`, the most different ones.

    In a game of two the score is that of the side that did better, and a forfeit is out. Where a search's
    visits are learnt (`by_visits`), which improve on either side whoever wins, every such game stays.
    """
    least = 0.0 if by_visits and task.num_players == 2 else threshold
    chosen: dict[str, list[int]] = {}
    seen: set[tuple[str, str]] = set()
    for index, episode in enumerate(episodes):
        if not episode.ended or best_result(task, episode.result) < least:
            continue
        if episode.source == "hint" and config.leaks and task.leaks(episode.prompt, episode.completion):
            continue
        way = (episode.prompt.id, episode.path)
        if config.distinct and way in seen:
            continue
        seen.add(way)
        chosen.setdefault(episode.prompt.id, []).append(index)
    kept: set[int] = set()
    for indices in chosen.values():
        paths = [task.steps(episodes[i].completion) for i in indices]
        kept |= {indices[i] for i in most_different(paths, config.per_prompt)}
    return [replace(episode, kept=index in kept) for index, episode in enumerate(episodes)]


def most_different(paths: Sequence[Sequence[str]], count: int) -> list[int]:
    """Indices of `count` paths: the first, then always the one farthest from those chosen.

    The distance is the least number of steps to insert, remove or exchange; the lowest index on ties.
    """
    if len(paths) <= count:
        return list(range(len(paths)))
    chosen = [0]
    distance = [Levenshtein.distance(path, paths[0]) for path in paths]
    while len(chosen) < count:
        best = max((i for i in range(len(paths)) if i not in chosen), key=lambda i: (distance[i], -i))
        chosen.append(best)
        distance = [
            min(old, Levenshtein.distance(path, paths[best]))
            for old, path in zip(distance, paths, strict=True)
        ]
    return sorted(chosen)


def pass_rates(episodes: Sequence[Episode], *, distinct: bool) -> dict[str, float]:
    """The chance that a completion of a problem is right, by its id.

    The share of the right ones; where they are `distinct`, which leaves a likely one no more often than any
    other, their share of the probability of all that were drawn. A completion without a verdict says nothing.
    """
    tried: dict[str, list[Episode]] = {}
    for episode in episodes:
        if not episode.result.is_missing:
            tried.setdefault(episode.prompt.id, []).append(episode)
    rates = {}
    for name, group in tried.items():
        right = np.array([episode.worth >= 1 for episode in group])
        logprobs = np.array([episode.logprob if distinct else 0.0 for episode in group])
        weights = np.exp(logprobs - logprobs.max())
        rates[name] = float(weights[right].sum() / weights.sum())
    return rates


def mix(
    kept: Iterable[Episode],
    real: Sequence[Demonstration],
    config: MixConfig,
    seed: int,
    *,
    task: Task | None = None,
    threshold: float = 1.0,
) -> list[Example]:
    """Examples of one training: what was kept, and real data by the share that `config` asks for.

    Of a `task` for two the steps count of players whose own result is `threshold` or more.
    """

    def played(prompt: Prompt, completion: str, players: tuple[int, ...] | None) -> Spans | None:
        return None if task is None else spans_of(task, prompt, completion, players)

    examples = [
        Example(
            e.prompt.text,
            e.completion,
            e.weight,
            played(e.prompt, e.completion, None if task is None else learners_of(task, e.result, threshold)),
            e.prompt.key,
        )
        for e in kept
    ]
    demonstrations = [
        Example(
            d.prompt.text, d.completion, spans=played(d.prompt, d.completion, d.players), key=d.prompt.key
        )
        for d in real
    ]
    if not config.real or not demonstrations:
        return examples
    if config.real_fraction == 0 or not examples:
        return examples + demonstrations
    return examples + shared(demonstrations, len(examples), config.real_fraction, seed)


def shared(items: Sequence[T], others: int, share: float, seed: int) -> list[T]:
    """As many of `items`, drawn again where there are too few, as make `share` of them and of `others`."""
    if not items:
        return []
    whole, rest = divmod(round(others * share / (1 - share)), len(items))
    return list(items) * whole + Random(seed).sample(list(items), rest)
