"""Drawing tokens: noise that depends on a row's seed and position alone, temperature, top-k and top-p."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_BLOCK = 16  # positions whose noise is made at a time
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float = 1.0
    """Of the softmax; 0 takes the most likely token."""
    top_k: int = 0
    """Only the k most likely tokens; 0 takes all."""
    top_p: float = 1.0
    """Only the most likely tokens that together reach this probability, at the temperature."""

    def __post_init__(self) -> None:
        assert self.temperature >= 0, self.temperature
        assert self.top_k >= 0, self.top_k
        assert 0 < self.top_p <= 1, self.top_p


class Noise:
    """Uniform numbers, each a function of a row's seed and a position alone.

    SplitMix64 (Steele et al. 2014) at the counter `position`, from a state that is the mixed seed.

    Args:
        seeds: of the rows; taken modulo 2**64.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._states = states_of(seeds).view(np.uint64)
        self._block, self._uniform = -1, np.zeros((0, 0), np.float32)

    def uniform(self, rows: NDArray[np.int64], position: int) -> NDArray[np.float32]:
        """Numbers [B] in [0, 1 - 2**-24] of `rows` at a position, in steps of 2**-24."""
        block, place = divmod(position, _BLOCK)
        if block != self._block:
            counters = np.arange(1, _BLOCK + 1, dtype=np.uint64) + np.uint64(block * _BLOCK)
            bits = _mixed(self._states + (counters * _GAMMA)[:, None]) >> np.uint64(40)
            self._block, self._uniform = block, bits.astype(np.float32) * np.float32(2**-24)
        numbers: NDArray[np.float32] = self._uniform[place, rows]
        return numbers

    def at(self, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The numbers [B] of `rows`, each at a position of its own [B]."""
        counters = (positions + 1).astype(np.uint64)
        bits = _mixed(self._states[rows] + counters * _GAMMA) >> np.uint64(40)
        return bits.astype(np.float32) * np.float32(2**-24)


def states_of(seeds: Sequence[int]) -> NDArray[np.int64]:
    """The states [B] that noise of texts drawn with these seeds begins with; seeds are taken modulo 2**64."""
    return _mixed(np.array([seed & _MASK for seed in seeds], np.uint64) + _GAMMA).view(np.int64)


def next_states(states: Tensor, size: int) -> Tensor:
    """States int64 [B, size] of what each of `size` tokens makes of texts whose states are int64 [B].

    A state is a function of the seed and the tokens since: SplitMix64 at the counter `token`.
    """
    counters = torch.arange(1, size + 1, device=states.device) * _signed(int(_GAMMA))
    state = states[:, None] + counters
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state = (state ^ _shifted(state, shift)) * _signed(factor)
    return state ^ _shifted(state, 31)


def gumbel(states: Tensor) -> Tensor:
    """Standard Gumbel noise, float64, a function of each state alone."""
    uniform = (_shifted(states, 11).double() + 0.5) * 2.0**-53
    return -(-uniform.log()).log()


def draw(logits: Tensor, uniform: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor, Tensor]:
    """Draw one token a row by inverting the distribution function.

    Args:
        logits: float32 [B, V].
        uniform: float32 [B] in [0, 1).
        sampling: temperature and cuts.

    Returns:
        (tokens int64 [B]; their ln p and the entropy in nats, float32 [B], both of the whole distribution
        at temperature 1).
    """
    log_probs = logits.log_softmax(1)
    probs = log_probs.exp()
    entropy = torch.special.entr(probs).sum(1)
    if sampling.temperature == 0:
        tokens = logits.argmax(1)
    else:
        if sampling != Sampling():
            probs = kept(logits, sampling)
        tokens = inverted(probs, uniform)
    return tokens, log_probs.gather(1, tokens[:, None])[:, 0], entropy


def inverted(probs: Tensor, uniform: Tensor) -> Tensor:
    """The tokens [B] at which the running sums of `probs` [B, V] pass `uniform` [B] of their totals."""
    total = probs.cumsum(1)
    # Below the last entry even when rounded, so that a token without probability is never drawn.
    target = uniform[:, None] * total[:, -1:]
    return (total <= target).sum(1).clamp(max=probs.shape[1] - 1)


def kept(logits: Tensor, sampling: Sampling) -> Tensor:
    """Probabilities [B, V] at the temperature, zero outside of top-k and top-p; not normalised anew."""
    probs = (logits / sampling.temperature).softmax(1)
    size = probs.shape[1]
    top_k = min(sampling.top_k or size, size)
    if top_k == size and sampling.top_p == 1:
        return probs
    values, order = probs.topk(top_k, dim=1)
    if sampling.top_p < 1:
        before = (values / values.sum(1, keepdim=True)).cumsum(1).roll(1, 1)
        before[:, 0] = 0
        values = values.masked_fill(before >= sampling.top_p, 0)
    return torch.zeros_like(probs).scatter_(1, order, values)


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


def _shifted(state: Tensor, bits: int) -> Tensor:
    """Shifted right, zeros coming in from the left: of int64 as if without a sign."""
    return (state >> bits) & ((1 << (64 - bits)) - 1)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
