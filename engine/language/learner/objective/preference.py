"""Pairs of responses, the first of which is preferred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.language.learner.loss.preference import preference_loss
from engine.language.learner.objective.objective import response_logprobs
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Pair:
    """Two responses to a prompt, and ln p of each under the reference."""

    prompt: Tokens
    chosen: Tokens
    rejected: Tokens
    reference_chosen: float
    reference_rejected: float


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
