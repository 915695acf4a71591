"""Texts and what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.language.learner.loss.divergence import kl_divergence
from engine.language.learner.loss.value import binary_loss, pairwise_loss
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import logits_and_values, value_logits
from engine.language.model.whole_text import padded_right


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
