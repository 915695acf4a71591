"""How texts may go on in a draw without replacement: their best next tokens by probability and noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import UserError
from engine.language.model.generation.sampling import gumbel, inverted, next_states

NOTHING_LEFT = 1e-6
"""Share of a token's probability that is rounding: with no more of it left, all that it begins is drawn."""

MAX_SCORES = 1 << 23
"""Scores of tokens that are computed at a time; those of one row at least."""

NEVER = -math.inf


class Drawn:
    """Which continuations of a text have been drawn, by their tokens."""

    __slots__ = ("_after", "_rest", "mass")

    def __init__(self, mass: float = NEVER, rest: tuple[int, ...] = ()) -> None:
        self.mass = mass
        """ln of the probability of those that begin so, given the text."""
        self._rest = rest  # of the only one that begins so: most begin like no other, and nodes cost time
        self._after: dict[int, Drawn] = {}

    @property
    def after(self) -> dict[int, Drawn]:
        """By the next token; empty at the end of a continuation."""
        if self._rest:
            self._after, self._rest = {self._rest[0]: Drawn(self.mass, self._rest[1:])}, ()
        return self._after

    @property
    def is_end(self) -> bool:
        """Whether nothing follows: a continuation ends here, or at the root none has been drawn."""
        return not self._rest and not self._after

    def add(self, ids: NDArray[np.int64], logprob: float) -> None:
        """Note a new continuation, whose ln p is `logprob`, at the temperature of the draw."""
        node, tokens = self, tuple(ids.tolist())
        if node.mass == NEVER:
            node.mass, node._rest = logprob, tokens
            return
        for place, token in enumerate(tokens):
            after = node.after  # before the mass changes, which the rest shares
            node.mass = _log_sum(node.mass, logprob)
            if token not in after:
                after[token] = Drawn(logprob, tokens[place + 1 :])
                return
            node = after[token]
        node.mass = _log_sum(node.mass, logprob)

    @property
    def is_all(self) -> bool:
        """Whether nothing but rounding is left to draw."""
        return self.mass > math.log1p(-NOTHING_LEFT)


class Remainder:
    """What rows may still say, each of a text of its own; it draws as `sampling.draw` does.

    Args:
        drawn: of each row, what has been drawn of its text.
        temperature: of each token, above 0.
    """

    def __init__(self, drawn: Sequence[Drawn], temperature: float) -> None:
        self._nodes = {row: node for row, node in enumerate(drawn) if not node.is_end}
        self._temperature = temperature
        self.mass = np.zeros(len(drawn))
        """ln p of what each row has said, at the temperature."""

    def draw(
        self, logits: Tensor, uniform: Tensor, rows: NDArray[np.int64], live: NDArray[np.bool_]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(tokens [B]; their ln p and the entropy at temperature 1) of `rows` [B], whose logits are [B, V].

        What rows that are not `live` [B] say does not count.
        """
        logprobs = logits.log_softmax(1)
        tempered = logprobs if self._temperature == 1 else (logits / self._temperature).log_softmax(1)
        probs = logprobs.exp()
        entropy = torch.special.entr(probs).sum(1)
        tokens = inverted(probs if tempered is logprobs else tempered.exp(), uniform)
        nodes = self._nodes
        bound = [(place, row) for place, row in enumerate(rows.tolist()) if row in nodes] if nodes else []
        if bound:
            at = torch.tensor([place for place, _ in bound], device=logits.device)
            tokens[at] = self._draw_anew(tempered[at], uniform[at], [row for _, row in bound])
        said = tempered.gather(1, tokens[:, None])[:, 0]
        self.mass[rows[live]] += said.cpu().numpy()[live]
        if tempered is not logprobs:
            said = logprobs.gather(1, tokens[:, None])[:, 0]
        return tokens, said, entropy

    def _draw_anew(self, logprobs: Tensor, uniform: Tensor, rows: Sequence[int]) -> Tensor:
        """Tokens [B] of rows of which something has been drawn, by ln p [B, V] at the temperature."""
        size, places, taken = logprobs.shape[1], [], []
        for row, said, first in zip(rows, self.mass[rows].tolist(), itertools.count(0, size), strict=False):
            for token, child in self._nodes[row].after.items():
                places.append(first + token)
                taken.append(math.inf if child.is_end else child.mass - said)
        probs = logprobs.double().exp_()
        flat, at = probs.view(-1), torch.tensor(places, device=probs.device)
        share = torch.tensor(taken, dtype=torch.float64, device=probs.device).exp_()
        whole = flat[at]
        flat[at] = (whole - share).masked_fill_(share >= (1 - NOTHING_LEFT) * whole, 0)
        left = probs.any(1)
        if not bool(left.all()):
            # Where rounding has left nothing, a row may say what was said before.
            flat[at] += torch.where(left[at // size], 0, whole)
        drawn = inverted(probs, uniform)
        for row, token in zip(rows, drawn.tolist(), strict=True):
            after = self._nodes.pop(row).after
            if token in after and not after[token].is_end:
                self._nodes[row] = after[token]
        return drawn


@dataclass(frozen=True)
class Starts:
    """What stands in the slots that go on, [R] each."""

    scores: NDArray[np.float64]
    mass: NDArray[np.float64]
    states: NDArray[np.int64]
    drawn: NDArray[np.object_]

    def part(self, first: int, last: int) -> Starts:
        """Some of the rows."""
        rows = slice(first, last)
        return Starts(self.scores[rows], self.mass[rows], self.states[rows], self.drawn[rows])


class Successors:
    """The best next tokens of rows: [R, S] each, S no more than are drawn of a text.

    Args:
        width: S at most.
        logits: [R, V] of the rows.
        temperature: of the draw.
        starts: what the rows go on from.
    """

    def __init__(self, width: int, logits: Tensor, temperature: float, starts: Starts) -> None:
        rows = max(1, MAX_SCORES // logits.shape[1])
        parts = [
            _best(width, logits[at : at + rows], temperature, starts.part(at, at + rows))
            for at in range(0, len(logits), rows)
        ]
        self.scores, self.tokens, self.logprobs, self.mass, self.states, self.entropy = (
            torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True)
        )
        if np.isnan(self.scores).any():
            raise UserError("the model's output is not finite; take weights from before it diverged")


def _log_sum(one: float, other: float) -> float:
    """ln(exp(one) + exp(other)); `other` is finite."""
    low, high = (one, other) if one < other else (other, one)
    return high + math.log1p(math.exp(low - high))


def _best(width: int, logits: Tensor, temperature: float, starts: Starts) -> tuple[Tensor, ...]:
    """Scores, tokens, ln p at temperature 1, ln p of all at the temperature, noise states; entropies [R]."""
    device = logits.device
    logprobs = logits.log_softmax(1)
    entropy = torch.special.entr(logprobs.exp()).sum(1)
    tempered = logprobs if temperature == 1 else (logits / temperature).log_softmax(1)
    mass = tempered.double() + torch.from_numpy(starts.mass).to(device)[:, None]
    states = next_states(torch.from_numpy(starts.states).to(device), logits.shape[1])
    noisy = _without_drawn(mass, starts.drawn) + gumbel(states)
    scores = _conditioned(noisy, torch.from_numpy(starts.scores).to(device)[:, None])
    best = scores.topk(min(width, scores.shape[1]), dim=1)
    picked = (each.gather(1, best.indices) for each in (logprobs, mass, states))
    return best.values, best.indices, *picked, entropy


def _without_drawn(mass: Tensor, drawn: Iterable[Drawn | None]) -> Tensor:
    """ln p [R, V] of what begins with each token and has not been drawn."""
    rows, tokens, taken = [], [], []
    for row, node in enumerate(drawn):
        for token, child in node.after.items() if node else ():
            rows.append(row)
            tokens.append(token)
            taken.append(math.inf if child.is_end else child.mass)
    if not rows:
        return mass
    left = mass.clone()
    share = (torch.tensor(taken, dtype=torch.float64, device=mass.device) - mass[rows, tokens]).exp()
    left[rows, tokens] += torch.where(share < 1 - NOTHING_LEFT, torch.log1p(-share.clamp(max=1)), NEVER)
    return left


def _conditioned(noisy: Tensor, highest: Tensor) -> Tensor:
    """Scores [R, V] such that the highest of a row is `highest` [R, 1] (Kool et al. 2019, appendix B)."""
    below = noisy - noisy.max(1, keepdim=True).values
    shift = highest - noisy + torch.log1p(-below.exp())
    moved = highest - shift.clamp(min=0) - torch.log1p((-shift.abs()).exp())
    # Nothing is left of a row whose highest is -inf.
    return moved.masked_fill(noisy == NEVER, NEVER)
