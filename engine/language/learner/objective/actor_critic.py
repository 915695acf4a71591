"""Responses that a policy drew, with an advantage at each token, and what a critic is to say there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.learner.loss.actor_critic import clipped_value_loss
from engine.language.learner.loss.divergence import kl_estimate
from engine.language.learner.loss.policy import Whole, clipped, policy_loss
from engine.language.learner.objective.objective import placed
from engine.language.learner.objective.text import Text, part_of_nll, whole_of
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import batches_by_length, logits_and_values
from engine.language.model.whole_text import padded_right, tokens_at_once

NUMBERS = ("loss/policy", "policy/entropy", "policy/clipped_low", "policy/clipped_high", "ppo/kl_step")


NOTHING = Whole(0, 0.0)


@dataclass(frozen=True)
class Acted:
    """A response as it was drawn; all arrays are float32, one number a token of it."""

    prompt: Tokens
    response: Tokens
    old: NDArray[np.float32]
    """ln p under the policy that drew it, at the temperature of that."""
    advantages: NDArray[np.float32]
    values: NDArray[np.float32]
    """The critic's of the text before each token, when it was drawn."""
    returns: NDArray[np.float32]
    """What they should have been: advantages, before they were whitened, and values."""


@dataclass(frozen=True)
class Read:
    """What a model says of a batch of responses, [B, T - 1] each: token t of a row stands at t - 1."""

    logprobs: Tensor
    """ln p of tokens at a temperature."""
    entropy: Tensor
    """In nats, of the distributions that they are of."""
    mask: Tensor
    """Of responses."""
    values: Tensor | None = None
    """What the value head says of the text before each token."""


@dataclass(frozen=True, kw_only=True)
class ActorCritic:
    """The clipped surrogate of PPO (Schulman et al. 2017, 1707.06347, equation 9), and the critic's loss.

    Losses on parts of what a step learns from add up to that on all of it: see `of`. Texts may join the
    responses (PPO-ptx of Ouyang et al. 2022, 2203.02155); each kind counts by its share of the examples.
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    value_clip: float = 0.2
    value_weight: float = 0.0
    """Of the critic's loss, where the critic is the policy's own value head; 0: there is none."""
    entropy: float = 0.0
    """Bonus a nat of the mean entropy at the tokens."""
    temperature: float = 1.0
    """That responses were drawn at."""
    whole: Whole | None = None
    """Of responses; None: the batch."""
    texts: Whole = NOTHING
    """Likewise of texts beside them."""

    def of(self, examples: Sequence[Acted | Text]) -> ActorCritic:
        """The objective whose losses on parts of `examples` add up."""
        acted, texts = _parted(examples)
        return replace(self, whole=_whole(acted), texts=whole_of(texts))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the numbers that each part tells."""
        told = NUMBERS + (("loss/value",) if self.value_weight else ())
        return told + (("loss/nll",) if self.texts.rows else ())

    def rows(self, example: Acted | Text) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(
        self, model: LanguageModel, examples: Sequence[Acted | Text]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and means over the tokens of responses."""
        acted, texts = _parted(examples)
        whole = self if self.whole else self.of(examples)
        assert whole.whole is not None
        count, none = whole.whole.rows + whole.texts.rows, torch.zeros((), device=model.device)
        loss, numbers = none, dict.fromkeys(whole.names, none)
        if acted:
            found, told = whole.of_responses(model, acted, whole.whole)
            loss, numbers = loss + whole.whole.rows / count * found, numbers | told
        if texts:
            nats = part_of_nll(model, texts, whole.texts)
            loss, numbers = loss + whole.texts.rows / count * nats, numbers | {"loss/nll": nats.detach()}
        return loss, numbers

    def of_responses(
        self, model: LanguageModel, examples: Sequence[Acted], whole: Whole
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The part of `examples` in the mean over the `whole`."""
        pairs = [(each.prompt, each.response) for each in examples]
        read = read_responses(model, pairs, self.temperature, valued=self.value_weight > 0)
        mask, old = read.mask, placed([each.old for each in examples], read.mask)
        advantages = placed([each.advantages for each in examples], mask)
        loss = policy_loss(
            read.logprobs,
            old,
            advantages,
            mask,
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            whole=whole,
        )

        def mean(terms: Tensor) -> Tensor:
            return (terms * mask).sum() / max(whole.tokens, 1e-9)

        logprobs = read.logprobs.detach()
        low, high = clipped((logprobs - old).exp(), advantages, self.clip_low, self.clip_high)
        moved = mean(kl_estimate(old, logprobs))
        found = (loss, mean(read.entropy), mean(low.float()), mean(high.float()), moved)
        numbers = {name: each.detach() for name, each in zip(NUMBERS, found, strict=True)}
        if self.entropy:
            loss = loss - self.entropy * mean(read.entropy)
        if read.values is not None:
            error, told = _value_loss(read.values, mask, examples, self.value_clip, whole)
            loss, numbers = loss + self.value_weight * error, numbers | told
        return loss, numbers


@dataclass(frozen=True)
class Critic:
    """The loss of a critic that is a model of its own; what it says of words is left as it is."""

    value_clip: float
    whole: Whole | None = None
    """See `ActorCritic`."""

    def of(self, examples: Sequence[Acted]) -> Critic:
        """The objective whose losses on parts of `examples` add up."""
        return replace(self, whole=_whole(examples))

    def rows(self, example: Acted) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(self, model: LanguageModel, examples: Sequence[Acted]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over the tokens of responses."""
        read = read_responses(model, [(each.prompt, each.response) for each in examples], valued=True)
        assert read.values is not None
        whole = self.whole or _whole(examples)
        return _value_loss(read.values, read.mask, examples, self.value_clip, whole)


def read_responses(
    model: LanguageModel,
    rows: Sequence[tuple[Tokens, Tokens]],
    temperature: float = 1.0,
    *,
    valued: bool = False,
) -> Read:
    """What a model says of responses after their prompts, values too where it is `valued`; with gradients."""
    heads = [len(head) for head, _ in rows]
    ids, attention = padded_right([head + tail for head, tail in rows], model.codec.pad, model.device)
    values = None
    if valued:
        logits, told = logits_and_values(model, ids, attention, heads)
        values = told[:, :-1].float()
    else:
        logits = model.network(input_ids=ids, attention_mask=attention, use_cache=False).logits
    nats = (logits[:, :-1].float() / temperature).log_softmax(2)
    starts = torch.tensor(heads, device=ids.device)[:, None]
    mask = (torch.arange(ids.shape[1], device=ids.device) >= starts) & (attention > 0)
    logprobs = nats.gather(2, ids[:, 1:, None])[..., 0]
    return Read(logprobs, -(nats.exp() * nats).sum(2), mask[:, 1:].float(), values)


@torch.no_grad()
def values_at_tokens(
    model: LanguageModel, rows: Sequence[tuple[Tokens, Tokens]]
) -> list[NDArray[np.float32]]:
    """What the value head says of the text before each token of responses, one number a token."""
    found: dict[int, NDArray[np.float32]] = {}
    for batch in batches_by_length([head + tail for head, tail in rows], tokens_at_once(model)):
        read = read_responses(model, [rows[place] for place in batch], valued=True)
        assert read.values is not None
        for place, values, mask in zip(batch, read.values.cpu(), read.mask.cpu(), strict=True):
            found[place] = values[mask > 0].numpy()
    return [found[place] for place in range(len(rows))]


def _parted(examples: Sequence[Acted | Text]) -> tuple[list[Acted], list[Text]]:
    acted = [each for each in examples if isinstance(each, Acted)]
    return acted, [each for each in examples if isinstance(each, Text)]


def _whole(examples: Sequence[Acted]) -> Whole:
    return Whole(len(examples), float(sum(len(each.response) for each in examples)))


def _value_loss(
    values: Tensor, mask: Tensor, examples: Sequence[Acted], clip: float, whole: Whole
) -> tuple[Tensor, dict[str, Tensor]]:
    returns = placed([each.returns for each in examples], mask)
    old = placed([each.values for each in examples], mask)
    loss = clipped_value_loss(values, old, returns, mask, clip, whole.tokens)
    return loss, {"loss/value": loss.detach()}
