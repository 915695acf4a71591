"""Which completions of a problem are compared, and which of two is the better one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from engine.language.episode import Episode
from engine.language.problem.preference_file import Labelled, Preference
from engine.language.rollout import row_seed
from engine.language.spelling import spaced_once
from engine.language.task import Demonstration

if TYPE_CHECKING:
    from engine.language.method.preference.config import PreferenceConfig
    from engine.language.settings import FilterConfig


@dataclass(frozen=True)
class Response:
    """What is written after a prompt."""

    text: str
    ended: bool = True
    """False: cut at the limit of tokens, so that no end token is learnt with it."""


@dataclass(frozen=True)
class Comparison:
    """Two responses to a prompt, the first of which is the better one."""

    prompt: str
    chosen: Response
    rejected: Response
    share: float = 1.0
    """Probability that it is."""
    key: str = ""
    """Of the problem."""


@dataclass(frozen=True)
class Opinion:
    """A response to a prompt, and whether it is wanted."""

    prompt: str
    response: Response
    is_wanted: bool
    share: float = 1.0
    """Probability that it is so."""
    key: str = ""


def by_score(
    episodes: Iterable[Episode], config: PreferenceConfig, limits: FilterConfig, threshold: float, seed: int
) -> list[tuple[Episode, Episode]]:
    """Pairs of completions of one problem in one iteration, the better one first.

    They differ in score by more than `gap`, and in text. The chosen one has ended and scores `threshold` or
    more. Where `limits.distinct` each way to the answer counts once. Which of equal scores is taken is a
    function of the seed, the iteration and the problem.
    """
    groups: dict[tuple[int, str], list[Episode]] = {}
    for episode in episodes:
        if math.isfinite(episode.result.score):
            groups.setdefault((episode.iteration, episode.prompt.id), []).append(episode)
    found: list[tuple[Episode, Episode]] = []
    for (iteration, name), group in groups.items():
        source = Random(row_seed(seed, "pairs", iteration, name))
        found += _of_problem(_ways(group, limits.distinct), config, limits.per_prompt, threshold, source)
    return found


def _ways(group: Sequence[Episode], distinct: bool) -> list[Episode]:
    """The completions of a problem, each text once, and where `distinct` each way."""
    known = {
        episode.path if distinct else spaced_once(episode.completion): episode for episode in group[::-1]
    }
    return list(known.values())[::-1]


def _of_problem(
    group: Sequence[Episode], config: PreferenceConfig, most: int, threshold: float, source: Random
) -> list[tuple[Episode, Episode]]:
    shuffled = source.sample(list(group), len(group))
    ordered = sorted(shuffled, key=lambda episode: -episode.result.score)
    good = [episode for episode in ordered if episode.ended and episode.result.score >= threshold]
    if config.pairing in ("best-worst", "best-rest"):
        good = good[:1]
    rest = ordered[-1:] if config.pairing == "best-worst" else ordered[::-1]
    pairs = [
        (better, worse)
        for better, worse in itertools.product(good, rest)
        if better.result.score - worse.result.score > config.gap
        and spaced_once(better.completion) != spaced_once(worse.completion)
    ]
    pairs = source.sample(pairs, len(pairs))
    if config.pairing == "random":
        return pairs[:1]
    return sorted(pairs, key=lambda pair: pair[1].result.score - pair[0].result.score)[:most]


def of_episodes(pairs: Iterable[tuple[Episode, Episode]]) -> list[Comparison]:
    """Pairs of completions as comparisons."""
    return [
        Comparison(
            better.prompt.text, _response(better), _response(worse), key=better.prompt.key
        )
        for better, worse in pairs
    ]  # fmt: skip


def against_real(
    episodes: Iterable[Episode], real: Sequence[Demonstration]
) -> Iterator[tuple[Demonstration, Episode]]:
    """Each completion with real data of its prompt; where that has several they take turns.

    A completion of a prompt without any is left out.
    """
    known: dict[str, list[Demonstration]] = {}
    for demonstration in real:
        known.setdefault(demonstration.prompt.id, []).append(demonstration)
    counts: dict[tuple[int, str], int] = {}
    for episode in episodes:
        there = known.get(episode.prompt.id, [])
        if there:
            place = counts.setdefault((episode.iteration, episode.prompt.id), 0)
            counts[episode.iteration, episode.prompt.id] += 1
            yield there[place % len(there)], episode


def of_duels(duels: Iterable[tuple[Demonstration, Episode]]) -> list[Comparison]:
    """Real data as the better response."""
    return [
        Comparison(own.prompt.text, Response(real.completion), _response(own), key=own.prompt.key)
        for real, own in duels
    ]


def of_rows(rows: Iterable[Preference]) -> list[Comparison]:
    """Pairs of a file."""
    return [
        Comparison(row.prompt, Response(row.chosen), Response(row.rejected), row.share, row.key)
        for row in rows
    ]


def opinions(comparisons: Iterable[Comparison]) -> list[Opinion]:
    """Each response by itself: the chosen ones are wanted, the others are not."""
    return [
        Opinion(each.prompt, response, is_wanted, each.share, each.key)
        for each in comparisons
        for response, is_wanted in ((each.chosen, True), (each.rejected, False))
    ]


def of_labels(rows: Iterable[Labelled]) -> list[Opinion]:
    """Labelled responses of a file."""
    return [Opinion(row.prompt, Response(row.completion), row.label, key=row.key) for row in rows]


def _response(episode: Episode) -> Response:
    return Response(episode.completion, episode.ended)
