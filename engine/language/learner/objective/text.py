"""Texts to write word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.language.learner.loss.policy import Whole
from engine.language.learner.loss.text import supervised_loss
from engine.language.learner.objective.objective import placed, response_logprobs
from engine.language.learner.side import Spans
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


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
        logprobs, mask = counted_logprobs(model, examples)
        weights = torch.tensor([each.weight for each in examples], device=mask.device)
        loss = supervised_loss(logprobs, mask, weights)
        return loss, {"loss/nll": loss.detach()}


def counted_logprobs(model: LanguageModel, examples: Sequence[Text]) -> tuple[Tensor, Tensor]:
    """(ln p of the tokens of responses, mask of those that count), [B, T] each."""
    logprobs, mask = response_logprobs(model, [(each.prompt, each.response) for each in examples])
    if any(each.learnt is not None for each in examples):
        counted = [each.learnt or (True,) * len(each.response) for each in examples]
        mask = placed([np.array(row, np.float32) for row in counted], mask)
    return logprobs, mask


def whole_of(examples: Sequence[Text]) -> Whole:
    """What their likelihood is a mean over: the tokens that count."""
    counts = (len(each.response) if each.learnt is None else sum(each.learnt) for each in examples)
    return Whole(len(examples), float(sum(counts)))


def part_of_nll(model: LanguageModel, examples: Sequence[Text], whole: Whole) -> Tensor:
    """The part that texts have in the negative log-likelihood of the `whole`, a mean over its tokens."""
    logprobs, mask = counted_logprobs(model, examples)
    return -(logprobs * mask).sum() / max(whole.tokens, 1e-9)


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
