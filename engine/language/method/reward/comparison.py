"""Comparisons for a reward model: of samples by their verdicts, as lessons, and as a measure of it."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode
from engine.language.learner.objective.reward import Comparison
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import member_rewards, rewards
from engine.language.problem.preference_file import Preference
from engine.language.rollout import row_seed
from engine.language.round_trip import fits
from engine.statistics import calibration_error


def compared_samples(
    episodes: Sequence[Episode], per_prompt: int, temperature: float, seed: int
) -> list[Preference]:
    """Pairs of a problem's samples whose scores differ, the better first; `per_prompt` of each at most.

    A text counts once. With a `temperature` the share is the sigmoid of the difference over it.
    """
    groups: dict[str, dict[str, Episode]] = defaultdict(dict)
    for episode in episodes:
        groups[episode.prompt.id].setdefault(episode.completion, episode)
    found: list[Preference] = []
    for name, group in groups.items():
        pairs = [
            (one, two) if one.result.score > two.result.score else (two, one)
            for one, two in itertools.combinations(group.values(), 2)
            if one.result.score != two.result.score
        ]
        if len(pairs) > per_prompt:
            pairs = Random(row_seed(seed, "compare", name)).sample(pairs, per_prompt)
        found += [
            Preference(
                better.prompt.text, better.completion, worse.completion,
                _certainty(better.result.score - worse.result.score, temperature), better.prompt.key,
            )
            for better, worse in pairs
        ]  # fmt: skip
    return found


def that_fit(model: LanguageModel, pairs: Sequence[Preference]) -> list[Preference]:
    """Those that the model can spell and has room for, both responses."""
    good, bad = (
        fits(model, [pair.prompt + text for pair, text in zip(pairs, texts, strict=True)])
        for texts in ([pair.chosen for pair in pairs], [pair.rejected for pair in pairs])
    )
    return [pair for pair, one, two in zip(pairs, good, bad, strict=True) if one and two]


def parted(pairs: Sequence[Preference], share: float, seed: int) -> tuple[list[Preference], list[Preference]]:
    """(comparisons to learn from, comparisons held out), whole problems by their key."""
    apart = [row_seed(seed, "compared", pair.key or pair.prompt) < share * 2**63 for pair in pairs]
    return (
        [pair for pair, is_out in zip(pairs, apart, strict=True) if not is_out],
        [pair for pair, is_out in zip(pairs, apart, strict=True) if is_out],
    )


def lessons(model: LanguageModel, pairs: Sequence[Preference]) -> list[Comparison]:
    """Comparisons by the model's own tokens."""
    prompts = [pair.prompt for pair in pairs]
    heads = model.encode_prompts(prompts)
    better = model.encode_texts(prompts, [pair.chosen for pair in pairs])
    worse = model.encode_texts(prompts, [pair.rejected for pair in pairs])
    return [
        Comparison(one, two, len(head), pair.share, pair.key)
        for one, two, head, pair in zip(better, worse, heads, pairs, strict=True)
    ]


def centred(model: LanguageModel, pairs: Sequence[Preference]) -> None:
    """Move the value head's bias, which no comparison says anything of, so that the mean reward is 0."""
    import torch

    assert model.value_head is not None
    mean = float(_both(model, pairs).mean())
    with torch.no_grad():
        model.value_head.bias.sub_(mean)


def measured(model: LanguageModel, pairs: Sequence[Preference]) -> dict[str, float]:
    """What a reward model knows of comparisons, by metrics tag.

    `accuracy` is the probability of agreeing with a label drawn by its share, `calibration` the expected
    error of how sure it is, `length` the correlation of its rewards with the length of the responses in
    characters, `disagreement` the standard deviation of a panel's members, in nats.
    """
    found = _both(model, pairs)
    margin = found[0] - found[1]
    share = np.array([pair.share for pair in pairs])
    agreed = np.where(margin > 0, share, np.where(margin < 0, 1 - share, 0.5))
    sure = 1 / (1 + np.exp(-np.abs(margin.astype(np.float64))))
    sizes = np.array([[len(pair.chosen) for pair in pairs], [len(pair.rejected) for pair in pairs]])
    told = {
        "reward/accuracy": float(agreed.mean()),
        "reward/calibration": calibration_error(sure, agreed),
        "reward/margin": float(margin.mean()),
        "reward/length": _correlation(found.ravel(), sizes.ravel()),
        "reward/held_out": float(len(pairs)),
    }
    if model.panel is not None:
        each = [member_rewards(model, *_texts(pairs, side)).std(0).mean() for side in ("chosen", "rejected")]
        told["reward/disagreement"] = float(np.mean(each))
    return told


def _certainty(difference: float, temperature: float) -> float:
    return 1.0 if temperature == 0 else 1 / (1 + math.exp(-min(difference / temperature, 700.0)))


def _both(model: LanguageModel, pairs: Sequence[Preference]) -> NDArray[np.float32]:
    """Rewards [2, N] of the chosen and of the rejected ones."""
    return np.stack([rewards(model, *_texts(pairs, side)) for side in ("chosen", "rejected")])


def _texts(pairs: Sequence[Preference], side: str) -> tuple[list[str], list[str]]:
    return [pair.prompt for pair in pairs], [getattr(pair, side) for pair in pairs]


def _correlation(one: NDArray[np.float32], other: NDArray[np.int64]) -> float:
    """Pearson's; 0 where one of them is the same everywhere."""
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
