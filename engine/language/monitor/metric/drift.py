"""Drift from real data, from earlier skills and from the first model, and what the kept data is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from engine.language.episode import Episode
from engine.language.monitor.metric.clustered import Columns
from engine.language.monitor.metric.coverage import pooled_strata
from engine.language.monitor.metric.observation import Holdout, Items
from engine.statistics import Floats

BUCKET = "accuracy/greedy."
"""Before the name of a stratum."""


def holdout_columns(holdout: Holdout) -> Columns:
    """Bits a character on real data, and KL in reverse where it was measured, `[N]` each."""
    nats = np.asarray(holdout.nats, dtype=np.float64)
    characters = np.asarray(holdout.characters, dtype=np.float64)
    columns: Columns = {"drift/bits_per_character": (nats / np.log(2), characters)}
    if holdout.kl is not None:
        columns["drift/kl_real"] = np.asarray(holdout.kl, dtype=np.float64), np.ones(len(nats))
    return columns


def accuracy_columns(items: Items, name: str, min_bucket: int) -> Columns:
    """Mean score, in all and in each stratum of enough items, `[N]` each."""
    scores, ones = np.asarray(items.scores, dtype=np.float64), np.ones(len(items.scores))
    columns: Columns = {name: (scores, ones)}
    if not items.strata:
        return columns
    labels = np.array(pooled_strata(items.strata, min_bucket), dtype=object)
    for label in sorted(set(labels)) if len(set(labels)) > 1 else ():
        inside = (labels == label).astype(np.float64)
        columns[f"{name}.{label or 'none'}"] = scores * inside, inside
    return columns


def kl_columns(kl: Floats, tokens: Floats) -> Columns:
    """Mean nats a sequence from the base of drift on own samples, and nats a token, `[P * S]` each."""
    return {"drift/kl": (kl.ravel(), np.ones(kl.size)), "drift/kl_token": (kl.ravel(), tokens)}


def audit_columns(generated: Sequence[Episode]) -> tuple[list[str], Columns]:
    """Keys and columns of what was written and audited: the judge's score, the truth, their gap, one a row.

    The gap of what was kept is greater where the judge errs: what it errs most about is chosen.
    """
    rows = [each for each in generated if each.result.gold is not None and not each.result.is_missing]
    proxy = np.array([each.result.score for each in rows])
    truth = np.array([each.result.gold for each in rows], dtype=np.float64)
    kept, ones = np.array([float(each.kept) for each in rows]), np.ones(len(rows))
    columns: Columns = {
        "hacking/audit_proxy": (proxy, ones),
        "hacking/audit_gold": (truth, ones),
        "hacking/audit_gap": (proxy - truth, ones),
        "hacking/audit_gap_kept": ((proxy - truth) * kept, kept),
    }
    return [each.prompt.key for each in rows], columns


def generated_columns(generated: Sequence[Episode]) -> tuple[list[str], Columns]:
    """Keys and columns of what was sampled: share kept, problems whose samples all score alike.

    One row a problem. A problem with a single sample has no spread to speak of and is left out of the second.
    """
    groups: dict[str, list[Episode]] = {}
    for episode in generated:
        if episode.source != "real":
            groups.setdefault(episode.prompt.id, []).append(episode)
    kept = [float(sum(episode.kept for episode in group)) for group in groups.values()]
    sizes = [float(len(group)) for group in groups.values()]
    alike = [
        float(len({episode.result.score for episode in group}) == 1) if len(group) > 1 else np.nan
        for group in ([each for each in group if not each.result.is_missing] for group in groups.values())
    ]
    columns: Columns = {
        "data/yield": (np.array(kept), np.array(sizes)),
        "data/zero_spread": (np.array(alike), np.ones(len(sizes))),
    }
    return [group[0].prompt.key for group in groups.values()], columns


def kept_counts(generated: Sequence[Episode]) -> list[int]:
    """How many samples each problem that has any kept has."""
    return list(Counter(e.prompt.id for e in generated if e.kept and e.source != "real").values())


def skew(counts: Sequence[int], replicates: int, seed: int) -> dict[str, tuple[float, Floats]]:
    """Share of the samples that the top tenth of problems has, and Gini's coefficient, with replicates `[B]`.

    `counts` are kept samples of each problem that has any.
    """
    sizes, problems = np.unique(np.asarray(counts, dtype=np.int64), return_counts=True)
    total = int(problems.sum())
    drawn = np.random.default_rng([seed, total]).multinomial(total, problems / total, size=replicates)
    every = np.vstack([problems, drawn]).astype(np.float64)
    samples = every * sizes
    # From the largest down: how many of each size are in the top tenth.
    top = max(1.0, round(total / 10))
    larger = np.cumsum(every[:, ::-1], axis=1)[:, ::-1] - every
    in_top = np.clip(top - larger, 0, every)
    share = (in_top * sizes).sum(axis=1) / samples.sum(axis=1)
    smaller = np.cumsum(every, axis=1) - every
    # Sum of (2 i - n - 1) x over the ordered problems, those of one size together.
    ranks = every * (2 * smaller + every - total)
    gini = (ranks * sizes).sum(axis=1) / (total * samples.sum(axis=1))
    return {"data/top_share": (float(share[0]), share[1:]), "data/gini": (float(gini[0]), gini[1:])}
