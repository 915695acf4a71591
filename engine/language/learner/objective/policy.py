"""Responses that a policy drew, and their advantages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.learner.loss.policy import policy_loss
from engine.language.learner.objective.objective import placed, response_logprobs
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Sampled:
    """A response that a policy drew, ln p of its tokens under it, and the advantage of it."""

    prompt: Tokens
    response: Tokens
    old: NDArray[np.float32]
    advantage: float
    reference: NDArray[np.float32] | None = None
    """ln p of the tokens under the reference."""


class PolicyGradient:
    """The clipped surrogate of GRPO and PPO; arguments are those of `policy_loss`."""

    def __init__(
        self,
        *,
        clip_low: float = 0.2,
        clip_high: float = 0.2,
        beta: float = 0.0,
        unbiased: bool = False,
        max_tokens: int = 0,
    ) -> None:
        self.clip_low, self.clip_high, self.max_tokens = clip_low, clip_high, max_tokens
        self.beta, self.unbiased = beta, unbiased

    def rows(self, example: Sampled) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(self, model: LanguageModel, examples: Sequence[Sampled]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over tokens (DAPO), or with `max_tokens` over rows times it (Dr. GRPO)."""
        logprobs, mask = response_logprobs(model, [(each.prompt, each.response) for each in examples])
        old = placed([each.old for each in examples], mask)
        known = [each.reference for each in examples if each.reference is not None]
        reference = placed(known, mask) if self.beta else None
        advantages = torch.tensor([each.advantage for each in examples], device=mask.device)
        loss = policy_loss(
            logprobs,
            old,
            advantages,
            mask,
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            mean="constant" if self.max_tokens else "token",
            max_tokens=self.max_tokens,
            beta=self.beta,
            unbiased=self.unbiased,
            reference=reference,
        )
        return loss, {"loss/policy": loss.detach()}
