"""Sums over clusters: what a metric needs to be bootstrapped and compared between iterations."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.statistics import Floats, resample_counts

MAX_CLUSTERS = 1024
"""Where there are more keys, they are dealt into this many clusters, which stay independent of each other."""

Columns = dict[str, tuple[Floats, Floats]]
"""Numerator and denominator of each ratio, `[N]` each, one entry an item."""


@dataclass(frozen=True)
class Clustered:
    """Ratios of sums over clusters.

    The value of column m is `numerator[:, m].sum() / denominator[:, m].sum()`.
    """

    keys: tuple[str, ...]
    """Names of the clusters, sorted, `[C]`."""
    names: tuple[str, ...]
    """Of the columns, `[M]`; one that starts with `_` only serves other metrics."""
    numerator: Floats
    """`[C, M]`."""
    denominator: Floats
    """`[C, M]`."""

    @classmethod
    def of(cls, keys: Sequence[str], columns: Columns) -> Clustered:
        """Sum the items `[N]` of each key; NaN in either part leaves an item out of that column."""
        labels, index = _clusters(keys)
        parts = [np.zeros((len(labels), len(columns))) for _ in range(2)]
        for m, (top, bottom) in enumerate(columns.values()):
            known = np.isfinite(top) & np.isfinite(bottom)
            for part, values in zip(parts, (top, bottom), strict=True):
                part[:, m] = np.bincount(index[known], weights=values[known], minlength=len(labels))
        return cls(labels, tuple(columns), parts[0], parts[1])

    def values(self, counts: Floats | None = None) -> dict[str, Floats]:
        """Each column's ratio: a number, or `[B]` where clusters are drawn as `counts` `[B, C]` says.

        A ratio without a denominator is NaN.
        """
        drawn = np.ones((1, len(self.keys))) if counts is None else counts
        top, bottom = drawn @ self.numerator, drawn @ self.denominator
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(bottom > 0, top / bottom, np.nan)
        columns = ratio[0] if counts is None else ratio.T
        return {name: columns[m] for m, name in enumerate(self.names)}

    def counts(self, replicates: int, seed: int) -> Floats:
        """Draws for `values`, the same for every table of as many clusters and the same seed."""
        return _shared_counts(len(self.keys), replicates, seed)

    def matched(self, other: Clustered) -> tuple[Clustered, Clustered]:
        """Both tables on the clusters that they share."""
        if self.keys == other.keys:
            return self, other
        shared = sorted(set(self.keys) & set(other.keys))
        return self._at(shared), other._at(shared)

    def with_names(self, names: Sequence[str], like: str) -> Clustered:
        """Add the columns missing of `names`, with no events in the items of column `like`."""
        missing = [name for name in names if name not in self.names]
        if not missing or like not in self.names:
            return self
        size = self.denominator[:, [self.names.index(like)]]
        return Clustered(
            self.keys,
            (*self.names, *missing),
            np.hstack([self.numerator, np.zeros((len(self.keys), len(missing)))]),
            np.hstack([self.denominator, np.repeat(size, len(missing), axis=1)]),
        )

    def same_everywhere(self, name: str) -> bool:
        """Whether all clusters have the same ratio in a column, so that drawing them shows no spread."""
        m = self.names.index(name)
        top, bottom = self.numerator[:, m], self.denominator[:, m]
        ratio = top[bottom > 0] / bottom[bottom > 0]
        return bool(ratio.size) and bool(np.ptp(ratio) < 1e-12)

    def to_json(self) -> dict[str, Any]:
        """Lists and strings only."""
        return {
            "keys": list(self.keys),
            "names": list(self.names),
            "numerator": self.numerator.tolist(),
            "denominator": self.denominator.tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Clustered:
        """The table that `to_json` wrote; ValueError where it is none."""
        keys, names = tuple(map(str, data["keys"])), tuple(map(str, data["names"]))
        parts = [np.asarray(data[part], dtype=np.float64) for part in ("numerator", "denominator")]
        if any(part.shape != (len(keys), len(names)) for part in parts):
            raise ValueError(f"sums of shape {parts[0].shape} for {len(keys)} keys and {len(names)} columns")
        return cls(keys, names, parts[0], parts[1])

    def _at(self, keys: Sequence[str]) -> Clustered:
        place = {key: row for row, key in enumerate(self.keys)}
        rows = [place[key] for key in keys]
        return Clustered(tuple(keys), self.names, self.numerator[rows], self.denominator[rows])


def _clusters(keys: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Sorted cluster names and the cluster of each item."""
    distinct = set(keys)
    if len(distinct) > MAX_CLUSTERS:
        name = {key: f"cluster {_deal(key):04d}" for key in distinct}
        return _clusters([name[key] for key in keys])
    labels = tuple(sorted(distinct))
    place = {label: row for row, label in enumerate(labels)}
    return labels, np.array([place[key] for key in keys], dtype=np.int64)


def _deal(key: str) -> int:
    return (
        int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        % MAX_CLUSTERS
    )


@functools.lru_cache(maxsize=16)
def _shared_counts(num_clusters: int, replicates: int, seed: int) -> Floats:
    counts = resample_counts(num_clusters, replicates, seed)
    counts.setflags(write=False)
    return counts
