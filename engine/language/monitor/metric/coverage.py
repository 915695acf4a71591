"""What of the solutions is still found: unique rates, coverage, rare modes, pass@k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode
from engine.language.monitor.metric.clustered import Columns
from engine.language.monitor.metric.probe import Modes, Probe
from engine.language.task import Prompt
from engine.statistics import binomial_cdf, pass_at_k

Solutions = Callable[[Prompt], frozenset[str] | None]
Right = NDArray[np.bool_]


def fan(num_samples: int) -> tuple[int, ...]:
    """The k of the pass@k curve: powers of four, and the number of samples."""
    return tuple(sorted({4**power for power in range(10) if 4**power <= num_samples} | {num_samples}))


def pass_columns(right: Right) -> Columns:
    """pass@k over the problems and the curve's slope a doubling of k, `[P]` each; `right` is `[P, S]`."""
    num_prompts, num_samples = right.shape
    ones = np.ones(num_prompts)
    curve = {k: pass_at_k(num_samples, right.sum(axis=1), k) for k in fan(num_samples)}
    slope = (curve[num_samples] - curve[1]) / math.log2(num_samples)
    columns: Columns = {f"pass/at_{k:02d}": (values, ones) for k, values in curve.items()}
    return {**columns, "pass/slope": (slope, ones)}


def unique_columns(probe: Probe, right: Right) -> Columns:
    """Distinct ways a sample, readable and right, and the effective number of right ones, `[P]` each.

    The effective number is exp(H) of the shares of the right ways of a problem, 0 where none is right: the
    Vendi score (Friedman and Dieng 2023) of ways that are alike or not at all.
    """
    num_prompts, num_samples = right.shape
    distinct, distinct_right, effective = (np.zeros(num_prompts) for _ in range(3))
    for p, (ways, hits) in enumerate(_found(probe, right, _way)):
        distinct[p], distinct_right[p] = len(ways), len(hits)
        effective[p] = effective_number(hits.values())
    size = np.full(num_prompts, float(num_samples))
    return {
        "coverage/unique": (distinct, size),
        "coverage/unique_right": (distinct_right, size),
        "coverage/effective": (effective, np.ones(num_prompts)),
    }


def solution_columns(probe: Probe, right: Right, solutions: Solutions) -> Columns:
    """Right solutions found over all known ones, `[P]`, of problems that can list them; empty if none can."""
    found, known = np.zeros(len(probe.prompts)), np.zeros(len(probe.prompts))
    for p, (_, hits) in enumerate(_found(probe, right, lambda episode: episode.result.parsed)):
        every = solutions(probe.prompts[p])
        if every:
            found[p], known[p] = len(every & hits.keys()), len(every)
    return {"coverage/solutions": (found, known)} if known.any() else {}


def share_columns(right: Right, strata: Sequence[str]) -> Columns:
    """Each stratum's share of the right samples, `[P]` each; `strata` `[P]`."""
    hits = right.sum(axis=1).astype(np.float64)
    names = sorted(set(strata))
    labels = np.array(strata, dtype=object)
    if len(names) < 2:
        return {}
    return {f"coverage/share.{name}": (np.where(labels == name, hits, 0.0), hits) for name in names}


def effective_number(counts: Iterable[int]) -> float:
    """exp of the entropy of the shares; 0 of nothing."""
    sizes = np.array([count for count in counts if count > 0], dtype=np.float64)
    if not sizes.size:
        return 0.0
    shares = sizes / sizes.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def mode_counts(episodes: Sequence[Episode], modes: Modes) -> dict[str, tuple[int, int]]:
    """Of each mode, the samples and the different keys that it occurs in."""
    samples: Counter[str] = Counter()
    keys: dict[str, set[str]] = {}
    for episode in episodes:
        for mode in set(modes(episode)):
            samples[mode] += 1
            keys.setdefault(mode, set()).add(episode.prompt.key)
    return {mode: (count, len(keys[mode])) for mode, count in samples.items()}


def rare_modes(
    counts: Mapping[str, tuple[int, int]], num_samples: int, share: float, min_keys: int
) -> dict[str, int]:
    """Modes below a share of the samples, seen in `min_keys` problems or more: mode to problems."""
    return {
        mode: keys
        for mode, (samples, keys) in counts.items()
        if samples < share * num_samples and keys >= min_keys
    }


def chance_to_lose(missed: int, rare: Mapping[str, int]) -> float:
    """P(as many rare modes missed or more) if each is as frequent as it was.

    A mode seen in n problems is missed by a second look with probability 2**-(n + 1): the posterior
    predictive of Poisson counts under a flat prior.
    """
    if not rare:
        return 1.0
    miss = sum(2.0 ** -(keys + 1) for keys in rare.values()) / len(rare)
    return 1 - binomial_cdf(missed - 1, len(rare), miss)


def pooled_strata(labels: Sequence[str], minimum: int) -> list[str]:
    """Labels with those of fewer than `minimum` items put together as `other`."""
    sizes = Counter(labels)
    return [label if sizes[label] >= minimum else "other" for label in labels]


def _way(episode: Episode) -> str:
    """The canonical way of a sample that can be read."""
    return episode.path if episode.result.parsed or episode.result.path else ""


def _found(
    probe: Probe, right: Right, read: Callable[[Episode], str]
) -> Iterable[tuple[set[str], Counter[str]]]:
    """Of each problem: what is read of its samples, and of the right ones with its counts."""
    num_samples = right.shape[1]
    flags = right.tolist()
    for p in range(len(probe.prompts)):
        texts = [read(episode) for episode in probe.episodes[p * num_samples : (p + 1) * num_samples]]
        hits = Counter(text for text, hit in zip(texts, flags[p], strict=True) if hit and text)
        yield {text for text in texts if text}, hits
