"""The probe: samples at temperature 1 on a fixed set of problems, as arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.language.episode import Episode
from engine.language.task import Prompt
from engine.statistics import Floats

Ints = NDArray[np.int64]

Modes = Callable[[Episode], Iterable[str]]
"""What kinds of thing a completion is an example of: operators, shapes, word types."""

_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Probe:
    """P problems with S samples each, problem by problem; sample arrays are `[P, S]`."""

    prompts: tuple[Prompt, ...]
    episodes: tuple[Episode, ...]
    order: Ints
    """`[P * S]`: the place of each episode in the sequence that was handed in."""
    score: Floats
    tokens: Ints
    """Characters of all completions behind each other, `[T]`, numbered from 0 without gaps."""
    lengths: Ints
    """Characters of each completion, `[P, S]`."""

    @classmethod
    def of(cls, episodes: Sequence[Episode], num_prompts: int, num_samples: int) -> Probe:
        """Arrange the episodes of one probe, in any order.

        ValueError where problems or samples are not as many as said, or where one was not drawn at
        temperature 1: a diversity at another count or temperature cannot be compared.
        """
        place: dict[str, list[int]] = {}
        for number, episode in enumerate(episodes):
            if episode.temperature != 1:
                raise ValueError(f"a probe sample was drawn at temperature {episode.temperature}, not 1")
            place.setdefault(episode.prompt.id, []).append(number)
        counts = {len(numbers) for numbers in place.values()}
        if len(place) != num_prompts or counts != {num_samples}:
            raise ValueError(
                f"a probe of {len(place)} problems with {sorted(counts)} samples; "
                f"settings say {num_prompts} with {num_samples}"
            )
        # Ordered by key and id: blocks and groups are the same in every iteration, a key is in one place.
        names = sorted(place, key=lambda name: (episodes[place[name][0]].prompt.key, name))
        order = np.array([number for name in names for number in place[name]], dtype=np.int64)
        ordered = tuple(episodes[number] for number in order)
        shape = (num_prompts, num_samples)
        tokens, lengths = flat_tokens([episode.completion for episode in ordered])
        return cls(
            tuple(ordered[p * num_samples].prompt for p in range(num_prompts)),
            ordered,
            order,
            np.array([episode.worth for episode in ordered], dtype=np.float64).reshape(shape),
            tokens,
            lengths.reshape(shape),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Of each problem, `[P]`."""
        return tuple(prompt.key for prompt in self.prompts)

    def arrange(self, values: Sequence[float] | None) -> Floats | None:
        """Numbers of the samples as handed in, as `[P, S]`; ValueError where their count differs."""
        if values is None:
            return None
        if len(values) != len(self.order):
            raise ValueError(f"{len(values)} numbers for {len(self.order)} probe samples")
        return np.asarray(values, dtype=np.float64)[self.order].reshape(self.score.shape)


def flat_tokens(texts: Sequence[str]) -> tuple[Ints, Ints]:
    """Characters of all texts behind each other `[T]`, numbered without gaps, and the length of each `[N]`.

    They are the tokens of what is measured here, so that models with other tokenizers can be compared.
    """
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    flat = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    return np.unique(flat, return_inverse=True)[1].reshape(-1).astype(np.int64), lengths


def shapes(episode: Episode) -> Iterable[str]:
    """The default modes: the way with every number written `#`, so `3+4=7` and `9+1=10` are one mode."""
    text = episode.path
    return (_NUMBER.sub("#", text)[:200],) if text else ()


def words(episode: Episode) -> Iterable[str]:
    """Modes of running text: its word types."""
    return sorted(set(_WORD.findall(episode.completion.casefold())))
