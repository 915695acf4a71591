"""Two responses to a prompt, and how surely the first is the better: a reward model's lessons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.language.learner.loss.value import reward_loss
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import value_logits
from engine.language.model.whole_text import padded_right


@dataclass(frozen=True)
class Comparison:
    """Two texts that begin with one prompt."""

    better: Tokens
    worse: Tokens
    prompt: int = 1
    """Tokens of the prompt of both."""
    share: float = 1.0
    """The probability that the first is the better."""
    key: str = ""
    """Of the problem."""


class BradleyTerry:
    """Bradley-Terry on the value head's logits; the trunk learns, too.

    Args:
        centre: weight of the mean square of the sum of a pair's rewards.
    """

    def __init__(self, centre: float = 0.0) -> None:
        self.centre = centre

    def rows(self, example: Comparison) -> list[Tokens]:
        """Both texts."""
        return [example.better, example.worse]

    def __call__(
        self, model: LanguageModel, examples: Sequence[Comparison]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over pairs."""
        rows = [each.better for each in examples] + [each.worse for each in examples]
        ids, mask = padded_right(rows, model.codec.pad, model.device)
        heads = [each.prompt for each in examples] * 2
        better, worse = torch.split(value_logits(model, ids, mask, heads), len(examples))
        share = torch.tensor([each.share for each in examples], device=ids.device)
        loss = reward_loss(better, worse, share, self.centre)
        return loss, {
            "loss/reward": loss.detach(),
            "reward/learnt_accuracy": (better > worse).float().mean().detach(),
        }
