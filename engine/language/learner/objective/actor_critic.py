"""Responses that a policy drew, with an advantage at each token, and what a critic is to say there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.learner.loss.actor_critic import clipped_value_loss
from engine.language.learner.loss.divergence import kl_estimate
from engine.language.learner.loss.policy import policy_loss
from engine.language.learner.loss.text import mean_over
from engine.language.learner.objective.objective import placed
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import logits_and_values, token_logprobs
from engine.language.model.whole_text import padded_right


@dataclass(frozen=True)
class Acted:
    """A response as it was drawn; all arrays are float32, one number a token of it."""

    prompt: Tokens
    response: Tokens
    old: NDArray[np.float32]
    """ln p under the policy that drew it."""
    advantages: NDArray[np.float32]
    values: NDArray[np.float32]
    """The critic's of the text before each token, when it was drawn."""
    returns: NDArray[np.float32]
    """What they should have been: advantages, before they were whitened, and values."""


class ActorCritic:
    """The clipped surrogate of PPO (Schulman et al. 2017, 1707.06347, equation 9), and the critic's loss.

    Args:
        clip: epsilon of the ratio, to both sides.
        value_clip: see `clipped_value_loss`.
        value_weight: of the critic's loss, where the critic is the policy's own value head; 0: there is none.
    """

    def __init__(self, clip: float, value_clip: float, value_weight: float) -> None:
        self.clip, self.value_clip, self.value_weight = clip, value_clip, value_weight

    def rows(self, example: Acted) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(self, model: LanguageModel, examples: Sequence[Acted]) -> tuple[Tensor, dict[str, Tensor]]:
        """Means over the tokens of responses."""
        logprobs, values, mask = policy_and_values(model, examples, valued=self.value_weight > 0)
        old = placed([each.old for each in examples], mask)
        advantages = placed([each.advantages for each in examples], mask)
        loss = policy_loss(logprobs, old, advantages, mask, clip_low=self.clip, clip_high=self.clip)
        ratio = (logprobs.detach() - old).exp()
        numbers = {
            "loss/policy": loss.detach(),
            "ppo/kl_step": mean_over(kl_estimate(old, logprobs.detach()), mask),
            "ppo/clipped": mean_over(((ratio - 1).abs() > self.clip).float(), mask),
        }
        if values is not None:
            error, told = _value_loss(values, mask, examples, self.value_clip)
            loss, numbers = loss + self.value_weight * error, numbers | told
        return loss, numbers


class Critic:
    """The loss of a critic that is a model of its own; its logits of words are left as they are."""

    def __init__(self, value_clip: float) -> None:
        self.value_clip = value_clip

    def rows(self, example: Acted) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(self, model: LanguageModel, examples: Sequence[Acted]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over the tokens of responses."""
        _, values, mask = policy_and_values(model, examples, valued=True)
        assert values is not None
        return _value_loss(values, mask, examples, self.value_clip)


def policy_and_values(
    model: LanguageModel, examples: Sequence[Acted], *, valued: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """ln p of tokens, what the value head says of the text before each, and responses' mask: [B, T - 1] each.

    Token t of a row stands at t - 1, where the state is that of the text before it.
    """
    rows, heads = [each.prompt + each.response for each in examples], [len(each.prompt) for each in examples]
    ids, attention = padded_right(rows, model.codec.pad, model.device)
    values = None
    if valued:
        logits, told = logits_and_values(model, ids, attention, heads)
        values = told[:, :-1].float()
    else:
        logits = model.network(input_ids=ids, attention_mask=attention, use_cache=False).logits
    starts = torch.tensor(heads, device=ids.device)[:, None]
    mask = (torch.arange(ids.shape[1], device=ids.device) >= starts) & (attention > 0)
    return token_logprobs(logits, ids), values, mask[:, 1:].float()


def _value_loss(
    values: Tensor, mask: Tensor, examples: Sequence[Acted], clip: float
) -> tuple[Tensor, dict[str, Tensor]]:
    returns = placed([each.returns for each in examples], mask)
    loss = clipped_value_loss(values, placed([each.values for each in examples], mask), returns, mask, clip)
    return loss, {"loss/value": loss.detach()}
