"""What examples of one kind teach: their tokens in a padded batch, and one of the losses beside this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.learner.loss import (
    binary_loss,
    kl_divergence,
    pairwise_loss,
    policy_loss,
    preference_loss,
    supervised_loss,
    visits_loss,
)
from engine.language.learner.side import Spans
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import logits_and_values, token_logprobs, value_logits
from engine.language.model.whole_text import padded_right

Example = TypeVar("Example", contravariant=True)


class Objective(Protocol[Example]):
    """A loss on examples of one kind."""

    def rows(self, example: Example) -> list[Tokens]:
        """What the network reads of an example; a batch is filled by it."""

    def __call__(self, model: LanguageModel, examples: Sequence[Example]) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss with gradients, and detached numbers by metrics tag."""


@dataclass(frozen=True)
class Text:
    """A prompt and a response to learn from."""

    prompt: Tokens
    response: Tokens
    """With the end token where it has ended."""
    weight: float = 1.0
    learnt: tuple[bool, ...] | None = None
    """Which tokens of the response count; None: all."""
    key: str = ""
    """Of its problem, which is held out of a training as a whole."""


@dataclass(frozen=True)
class Judged:
    """A text and its value at some of its places."""

    text: Tokens
    targets: tuple[tuple[int, float], ...]
    """(tokens from the start, value in [0, 1] of the text up to there); none: it only anchors the policy."""
    prompt: int = 1
    """Tokens of the prompt, which the policy is not anchored on; 1 at least."""
    key: str = ""
    """Of its problem."""


@dataclass(frozen=True)
class Ranked:
    """Two texts, the first worth more than the second."""

    better: Tokens
    worse: Tokens
    prompt: int = 1
    """Tokens of the prompt of both."""
    key: str = ""
    """Of their problem."""


@dataclass(frozen=True)
class Pair:
    """Two responses to a prompt, and ln p of each under the reference."""

    prompt: Tokens
    chosen: Tokens
    rejected: Tokens
    reference_chosen: float
    reference_rejected: float


@dataclass(frozen=True)
class Sampled:
    """A response that a policy drew, ln p of its tokens under it, and the advantage of it."""

    prompt: Tokens
    response: Tokens
    old: NDArray[np.float32]
    advantage: float
    reference: NDArray[np.float32] | None = None
    """ln p of the tokens under the reference."""


@dataclass(frozen=True)
class Visited:
    """A text that a search stood at, the steps proposed there, and their shares of the visits."""

    text: Tokens
    steps: tuple[Tokens, ...]
    visits: tuple[float, ...]
    key: str = ""
    """Of its problem."""


def texts(
    model: LanguageModel,
    prompts: Sequence[str],
    completions: Sequence[str],
    weights: Sequence[float] | None = None,
    spans: Sequence[Spans | None] | None = None,
    *,
    keys: Sequence[str] | None = None,
    ended: bool = True,
) -> list[Text]:
    """Examples from text; the end token follows each completion where `ended`.

    With `spans` of characters tokens count that show nothing but what is in them, and the end token.

    Of a completion that a model drew its text is learnt as the tokenizer spells it, not the tokens drawn: so
    it is spelt as real data is, kept in the replay, and judged. Ratios (`Sampled`) are of the tokens drawn.
    """
    heads = model.codec.encode_prompts(prompts)
    tails = model.codec.encode_completions(prompts, completions)
    scale = weights or [1.0] * len(heads)
    end = [model.codec.end] * ended
    learnt = [
        None if own is None else (*_within(text, model.codec.ends(tail, text), own), *[True] * ended)
        for tail, text, own in zip(tails, completions, spans or [None] * len(tails), strict=True)
    ]
    rows = zip(heads, tails, scale, learnt, keys or [""] * len(heads), strict=True)
    return [Text(head, tail + end, weight, counted, key) for head, tail, weight, counted, key in rows]


class Supervised:
    """Negative log-likelihood of responses."""

    def rows(self, example: Text) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(self, model: LanguageModel, examples: Sequence[Text]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over the tokens of responses, by weight."""
        logprobs, mask = response_logprobs(model, [(each.prompt, each.response) for each in examples])
        if any(each.learnt is not None for each in examples):
            counted = [each.learnt or (True,) * len(each.response) for each in examples]
            mask = _placed(examples, [np.array(row, np.float32) for row in counted], mask)
        weights = torch.tensor([each.weight for each in examples], device=mask.device)
        loss = supervised_loss(logprobs, mask, weights)
        return loss, {"loss/nll": loss.detach()}


class Values:
    """Binary cross entropy of the value head; the trunk learns, too.

    Args:
        anchor: a model whose distribution over next tokens the policy is to keep; None: nothing is kept.
        weight: of the mean KL(anchor, model) a token of completions.
    """

    def __init__(self, anchor: LanguageModel | None = None, weight: float = 1.0) -> None:
        self.anchor, self.weight = anchor, weight

    def rows(self, example: Judged) -> list[Tokens]:
        """The text."""
        return [example.text]

    def __call__(self, model: LanguageModel, examples: Sequence[Judged]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over the targets, and with an anchor over tokens."""
        ids, mask = padded_right([each.text for each in examples], model.codec.pad, model.device)
        marks = [
            (row, place - 1, target) for row, each in enumerate(examples) for place, target in each.targets
        ]
        logits, values = logits_and_values(model, ids, mask, [each.prompt for each in examples])
        loss, numbers = torch.zeros((), device=ids.device), dict[str, Tensor]()
        if marks:
            rows, places, targets = (
                torch.tensor(part, device=ids.device) for part in zip(*marks, strict=True)
            )
            loss = binary_loss(values[rows, places], targets.float())
            numbers["loss/value"] = loss.detach()
        if self.anchor is not None and self.weight:
            with torch.no_grad():
                reference = self.anchor.network(input_ids=ids, attention_mask=mask, use_cache=False).logits
            heads = torch.tensor([[each.prompt] for each in examples], device=ids.device)
            at = torch.arange(ids.shape[1], device=ids.device)
            # Each place tells the next token, the last one the end.
            counted = ((at >= heads - 1) & (mask > 0)).float()
            kl = kl_divergence(reference.float(), logits.float(), counted)
            loss = loss + self.weight * kl
            numbers["loss/anchor"] = kl.detach()
        return loss, numbers


class Ranks:
    """Bradley-Terry on the value head's logits of two texts (the process preference model of rStar-Math)."""

    def rows(self, example: Ranked) -> list[Tokens]:
        """Both texts."""
        return [example.better, example.worse]

    def __call__(self, model: LanguageModel, examples: Sequence[Ranked]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over pairs."""
        rows = [each.better for each in examples] + [each.worse for each in examples]
        ids, mask = padded_right(rows, model.codec.pad, model.device)
        heads = [each.prompt for each in examples] * 2
        better, worse = torch.split(value_logits(model, ids, mask, heads), len(examples))
        loss = pairwise_loss(better, worse)
        return loss, {
            "loss/rank": loss.detach(),
            "value/ranked_right": (better > worse).float().mean().detach(),
        }


class Preferences:
    """DPO, and SPIN with `beta` for its lambda."""

    def __init__(self, beta: float) -> None:
        self.beta = beta

    def rows(self, example: Pair) -> list[Tokens]:
        """Both responses after the prompt."""
        return [example.prompt + example.chosen, example.prompt + example.rejected]

    def __call__(self, model: LanguageModel, examples: Sequence[Pair]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over pairs."""
        count = len(examples)
        rows = [(each.prompt, each.chosen) for each in examples]
        rows += [(each.prompt, each.rejected) for each in examples]
        logprobs, mask = response_logprobs(model, rows)
        chosen, rejected = torch.split((logprobs * mask).sum(1), count)
        references = [(each.reference_chosen, each.reference_rejected) for each in examples]
        reference = torch.tensor(references, device=mask.device)
        loss = preference_loss(chosen, rejected, reference[:, 0], reference[:, 1], self.beta)
        margin = (chosen - rejected - reference[:, 0] + reference[:, 1]).detach()
        return loss, {
            "loss/preference": loss.detach(),
            "preference/accuracy": (margin > 0).float().mean(),
            "preference/margin": self.beta * margin.mean(),
            "preference/chosen": chosen.detach().mean(),
            "preference/rejected": rejected.detach().mean(),
        }


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
        old = _placed(examples, [each.old for each in examples], mask)
        known = [each.reference for each in examples if each.reference is not None]
        reference = _placed(examples, known, mask) if self.beta else None
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


class Visits:
    """Cross entropy of a search's visits with its proposals."""

    def rows(self, example: Visited) -> list[Tokens]:
        """Each step after the text."""
        return [example.text + step for step in example.steps]

    def __call__(self, model: LanguageModel, examples: Sequence[Visited]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over nodes."""
        rows = [(each.text, step) for each in examples for step in each.steps]
        node = [place for place, each in enumerate(examples) for _ in each.steps]
        logprobs, mask = response_logprobs(model, rows)
        visits = torch.tensor([share for each in examples for share in each.visits], device=mask.device)
        loss = visits_loss((logprobs * mask).sum(1), visits, torch.tensor(node))
        return loss, {"loss/visits": loss.detach()}


def response_logprobs(model: LanguageModel, rows: Sequence[tuple[Tokens, Tokens]]) -> tuple[Tensor, Tensor]:
    """ln p of tokens [B, T - 1] of prompts and responses, from the second on, and the responses' mask."""
    ids, attention = padded_right([head + tail for head, tail in rows], model.codec.pad, model.device)
    logits = model.network(input_ids=ids, attention_mask=attention, use_cache=False).logits
    heads = torch.tensor([[len(head)] for head, _ in rows], device=ids.device)
    mask = (torch.arange(ids.shape[1], device=ids.device) >= heads) & (attention > 0)
    return token_logprobs(logits, ids), mask[:, 1:].float()


def _within(text: str, ends: Sequence[int], spans: Spans) -> list[bool]:
    """Which tokens of a text, cut at `ends`, have all they show in the spans, and their last character."""
    inside = np.zeros(len(text), bool)
    for start, stop in spans:
        inside[start:stop] = True
    shown = ~inside & np.array([not letter.isspace() for letter in text], bool)
    begins = [0, *ends[:-1]]
    return [
        bool(stop > 0 and inside[stop - 1] and not shown[start:stop].any())
        for start, stop in zip(begins, ends, strict=True)
    ]


def _placed(examples: Sequence[Sampled | Text], known: Sequence[NDArray[np.float32]], mask: Tensor) -> Tensor:
    """Numbers of response tokens where `mask` [B, T] has those, 0 elsewhere."""
    assert [len(each.response) for each in examples] == [len(row) for row in known]
    table = torch.zeros_like(mask)
    table[mask > 0] = torch.from_numpy(np.concatenate(known)).to(mask.device)
    return table
