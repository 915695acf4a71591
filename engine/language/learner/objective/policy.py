"""Responses that a policy drew, and their advantages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.learner.loss.divergence import kl_estimate
from engine.language.learner.loss.policy import Mean, Ratio, Surrogate, Whole, clipped, policy_loss, ratios
from engine.language.learner.objective.objective import placed, response_measures
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Sampled:
    """A response that a policy drew, ln p of its tokens under it, and the advantage of it."""

    prompt: Tokens
    response: Tokens
    old: NDArray[np.float32] | None
    """None: the policy that learns drew it, with the weights that it has."""
    advantage: float | NDArray[np.float32]
    """Of all of it, or of each token."""
    reference: NDArray[np.float32] | None = None
    """ln p of the tokens under the reference."""


@dataclass(frozen=True, kw_only=True)
class PolicyGradient:
    """The clipped surrogate of GRPO and PPO; its fields are arguments of `policy_loss`.

    Losses on parts of what one step learns from add up to that on all of it, of which `of` was told.
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    surrogate: Surrogate = "clipped"
    ratio: Ratio = "token"
    mean: Mean = "token"
    max_tokens: int = 1
    beta: float = 0.0
    unbiased: bool = False
    entropy: float = 0.0
    """Bonus a nat of the mean entropy at the tokens."""
    temperature: float = 1.0
    """That responses were drawn at: `old` and `reference` are ln p at it."""
    whole: Whole | None = None
    """What the loss is a mean over; None: the batch."""
    seen: float = 0.0
    """Tokens that the numbers are means over; 0: those of the batch."""

    def of(self, examples: Sequence[Sampled], read: Sequence[Sampled] | None = None) -> PolicyGradient:
        """The objective whose losses on parts of `examples` add up, of which only those `read` have any."""
        tokens = sum(len(each.response) for each in examples)
        seen = tokens if read is None else sum(len(each.response) for each in read)
        return replace(self, whole=Whole(len(examples), float(tokens)), seen=float(seen))

    def rows(self, example: Sampled) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(self, model: LanguageModel, examples: Sequence[Sampled]) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and means over tokens: of the entropy, of the ratio, of what is clipped, and of k3."""
        rows = [(each.prompt, each.response) for each in examples]
        logprobs, entropy, mask = response_measures(
            model, rows, self.temperature, differentiable=self.entropy > 0
        )
        whole = self.whole or Whole(len(mask), float(mask.sum()))
        known = [each.old for each in examples if each.old is not None]
        assert len(known) in (0, len(examples)), "some say what they were drawn with, others do not"
        old = placed(known, mask) if known else logprobs.detach()
        references = [each.reference for each in examples if each.reference is not None]
        reference = placed(references, mask) if self.beta else None
        advantages = placed_advantages(examples, mask)
        loss = policy_loss(
            logprobs, old, advantages, mask, clip_low=self.clip_low, clip_high=self.clip_high,
            surrogate=self.surrogate, ratio=self.ratio, mean=self.mean, max_tokens=self.max_tokens,
            beta=self.beta, unbiased=self.unbiased, reference=reference, whole=whole,
        )  # fmt: skip
        numbers = {"loss/policy": loss.detach()}

        def mean(terms: Tensor) -> Tensor:
            return (terms.detach() * mask).sum() / (self.seen or mask.sum())

        weight = ratios(logprobs.detach(), old, mask, self.ratio)
        low, high = clipped(weight, advantages, self.clip_low, self.clip_high)
        if self.surrogate == "cispo":
            low = torch.zeros_like(low)
        numbers |= {
            "policy/entropy": mean(entropy),
            "policy/ratio": mean(weight),
            "policy/clipped_low": mean(low.float()),
            "policy/clipped_high": mean(high.float()),
        }
        if reference is not None:
            numbers["policy/kl"] = mean(kl_estimate(logprobs.detach(), reference))
        if self.entropy:
            loss = loss - self.entropy * (entropy * mask).sum() / max(whole.tokens, 1e-9)
        return loss, numbers


def placed_advantages(examples: Sequence[Sampled], mask: Tensor) -> Tensor:
    """Advantages at the tokens of responses, float32 [B, T] as `mask`."""
    rows = [np.broadcast_to(np.asarray(each.advantage, np.float32), len(each.response)) for each in examples]
    return placed(rows, mask)
