"""Diversity of samples: distinct n-grams, self-BLEU, token entropy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.language.monitor.metric.clustered import Columns
from engine.language.monitor.metric.probe import Ints, Probe
from engine.statistics import Floats

ORDERS = (1, 2, 4)
"""Of the n-grams counted in `distinct_columns`."""
_NOTHING = 0.1
"""Matches that an order without any counts as (Chen and Cherry 2014, smoothing 1)."""


class Grams:
    """Numbers of the n-grams at each token of some texts; equal numbers, equal n-grams."""

    def __init__(self, tokens: Ints, lengths: Ints, max_order: int = 4) -> None:
        self.text = np.repeat(np.arange(len(lengths)), lengths)
        """The text of each token, `[T]`."""
        self.lengths = lengths
        starts = np.cumsum(lengths) - lengths
        self.position = np.arange(len(tokens)) - starts[self.text]
        """Of each token in its text."""
        self.ids = [tokens]
        """Of the n-gram that begins at each token, `[T]` each, -1 where its text ends before; from n = 1."""
        vocabulary = int(tokens.max(initial=0)) + 1
        left = lengths[self.text] - self.position
        for order in range(2, max_order + 1):
            ids = np.full(len(tokens), -1, dtype=np.int64)
            whole = np.flatnonzero(left >= order)
            pairs = self.ids[-1][whole] * vocabulary + tokens[whole + order - 1]
            ids[whole] = np.unique(pairs, return_inverse=True)[1].reshape(-1)
            self.ids.append(ids)

    def of(self, order: int) -> Ints:
        """Numbers of the n-grams of one order."""
        return self.ids[order - 1]


def block_of_prompts(num_prompts: int, block_prompts: int) -> Ints:
    """The block of each problem, `[P]`: neighbours together, the last ones with the block before."""
    return np.minimum(np.arange(num_prompts) // block_prompts, max(1, num_prompts // block_prompts) - 1)


def block_tokens(probe: Probe, block_prompts: int) -> int:
    """The fixed number of tokens to count in: half of what the median block has."""
    blocks = block_of_prompts(len(probe.prompts), block_prompts)
    return max(1, int(np.median(np.bincount(blocks, weights=probe.lengths.sum(axis=1)))) // 2)


def distinct_columns(
    probe: Probe, grams: Grams, block_prompts: int, tokens: int
) -> tuple[list[str], Columns]:
    """distinct-n (Li et al. 2016): unique n-grams over all, in the first `tokens` tokens of each block.

    A block takes the first sample of each of its problems, then the second, and so on; one with fewer
    tokens counts for nothing, since fewer tokens repeat less. Returns the blocks' names and the columns.
    """
    num_prompts, num_samples = probe.score.shape
    blocks = block_of_prompts(num_prompts, block_prompts)
    num_blocks = int(blocks.max()) + 1
    prompt, sample = np.divmod(np.arange(num_prompts * num_samples), num_samples)
    taken = np.lexsort((prompt, sample, blocks[prompt]))  # texts in the order in which a block takes them
    before = np.empty(len(taken), dtype=np.int64)
    before[taken] = np.cumsum(grams.lengths[taken]) - grams.lengths[taken]
    sizes = np.bincount(blocks[prompt], weights=grams.lengths, minlength=num_blocks).astype(np.int64)
    before -= (np.cumsum(sizes) - sizes)[blocks[prompt]]
    rank = before[grams.text] + grams.position
    full = sizes >= tokens
    columns: Columns = {}
    for order in ORDERS:
        counted = (rank + order <= tokens) & (grams.of(order) >= 0)
        block, ids = blocks[prompt[grams.text[counted]]], grams.of(order)[counted]
        every = np.bincount(block, minlength=num_blocks).astype(np.float64)
        pairs = np.unique(block * (int(ids.max(initial=0)) + 1) + ids)
        unique = np.bincount(pairs // (int(ids.max(initial=0)) + 1), minlength=num_blocks).astype(np.float64)
        columns[f"diversity/distinct_{order}"] = np.where(full, unique, np.nan), np.where(full, every, np.nan)
    return [f"block {number:05d}" for number in range(num_blocks)], columns


def self_bleu(grams: Grams, groups: Ints) -> Floats:
    """BLEU-4 of each text against the others of its group, `[G, S]` for `groups` `[G, S]` of text numbers.

    Clipped precisions, brevity penalty to the closest length (Papineni et al. 2002); an order without a
    match counts 0.1 matches, one that the text is too short for is left out, an empty text scores 0.
    """
    place = np.full(len(grams.lengths), -1, dtype=np.int64)
    place[groups.ravel()] = np.arange(groups.size)
    lengths = grams.lengths[groups]
    log_sum, orders = np.zeros(groups.shape), np.zeros(groups.shape)
    first_matches = np.zeros(groups.shape)
    for order in (1, 2, 3, 4):
        total = np.maximum(lengths - order + 1, 0)
        matches = _clipped_matches(grams, order, place, groups.shape)
        if order == 1:
            first_matches = matches
        precision = np.where(matches > 0, matches, _NOTHING) / np.maximum(total, 1)
        log_sum += np.where(total > 0, np.log(precision), 0.0)
        orders += total > 0
    score = np.exp(log_sum / np.maximum(orders, 1)) * _brevity(lengths)
    return np.asarray(np.where((lengths > 0) & (first_matches > 0), score, 0.0))


def across_groups(num_prompts: int, num_samples: int, size: int, seed: int) -> Ints:
    """Text numbers `[G, size]`: first samples of problems dealt at random, the same in every iteration."""
    size = min(size, num_prompts)
    dealt = np.random.default_rng(seed).permutation(num_prompts)
    return dealt[: num_prompts // size * size].reshape(-1, size) * num_samples


def entropy_columns(probe: Probe, entropy: Sequence[Sequence[float]], starts: Sequence[int]) -> Columns:
    """Mean entropy in nats of the model's distribution at sampled positions, in all and by bucket, `[P]`.

    `entropy` has, for each sample as handed in, one number a generated token.
    """
    if len(entropy) != len(probe.order):
        raise ValueError(f"entropies of {len(entropy)} samples for {len(probe.order)} probe samples")
    rows = [np.asarray(entropy[number], dtype=np.float64) for number in probe.order]
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    flat = np.concatenate(rows)
    prompt = np.repeat(np.arange(len(rows)) // probe.score.shape[1], lengths)
    position = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    edges = [0, *starts]
    bucket = np.searchsorted(edges, position, side="right") - 1

    def column(chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        size = len(probe.prompts)
        top = np.bincount(prompt[chosen], weights=flat[chosen], minlength=size)
        return np.asarray(top, dtype=np.float64), np.bincount(prompt[chosen], minlength=size).astype(
            np.float64
        )

    columns = {"diversity/entropy": column(np.ones(len(flat), dtype=bool))}
    for number in range(len(edges)):
        if (bucket == number).any():
            columns[f"diversity/entropy.{bucket_name(edges, number)}"] = column(bucket == number)
    return columns


def bucket_name(edges: Sequence[int], number: int) -> str:
    """Of positions: `04_07`, or `32_up` for the last."""
    last = f"{edges[number + 1] - 1:02d}" if number + 1 < len(edges) else "up"
    return f"{edges[number]:02d}_{last}"


def _clipped_matches(grams: Grams, order: int, place: Ints, shape: tuple[int, ...]) -> Floats:
    """For each text, its n-grams counted up to the most that another of its group has, `[G, S]`."""
    size = shape[1]
    ids = grams.of(order)
    used = np.flatnonzero((ids >= 0) & (place[grams.text] >= 0))
    if not used.size:
        return np.zeros(shape)
    group, member = np.divmod(place[grams.text[used]], size)
    span = int(ids.max()) + 1
    keys, counts = np.unique((group * span + ids[used]) * size + member, return_counts=True)
    gram, member = np.divmod(keys, size)
    starts = np.flatnonzero(np.r_[True, gram[1:] != gram[:-1]])
    segment = np.cumsum(np.r_[False, gram[1:] != gram[:-1]])
    most = np.maximum.reduceat(counts, starts)
    # The most of the others: for the first holder of the most, the second most.
    holders = np.flatnonzero(counts == most[segment])
    first = holders[np.unique(segment[holders], return_index=True)[1]]
    rest = counts.copy()
    rest[first] = 0
    others = most[segment]
    others[first] = np.maximum.reduceat(rest, starts)
    matches = np.bincount(
        gram // span * size + member, weights=np.minimum(counts, others), minlength=shape[0] * size
    )
    return np.asarray(matches, dtype=np.float64).reshape(shape)


def _brevity(lengths: Ints) -> Floats:
    """exp(1 - r / h) where the closest other length r is above a text's h, `[G, S]`; of two, the shorter."""
    distance = np.abs(lengths[:, :, None] - lengths[:, None, :]) * 2 + (
        lengths[:, None, :] > lengths[:, :, None]
    )
    size = lengths.shape[1]
    distance[:, np.arange(size), np.arange(size)] = np.iinfo(np.int64).max
    closest = np.take_along_axis(lengths, distance.argmin(axis=2), axis=1)
    return np.exp(np.minimum(0.0, 1 - closest / np.maximum(lengths, 1)))
