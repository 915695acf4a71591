"""Responses that are each wanted or not, and texts to write beside them (KTO)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.language.learner.loss.preference import desirability_loss
from engine.language.learner.loss.text import mean_over
from engine.language.learner.objective.beside import BesideTexts
from engine.language.learner.objective.objective import response_logprobs
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Wanted:
    """A response to a prompt, whether it is wanted, and ln p of it under the reference."""

    prompt: Tokens
    response: Tokens
    """With the end token where it has ended."""
    reference: float
    is_wanted: bool
    stray: Tokens
    """A response to another prompt, by which it is estimated how far the policy has gone."""
    stray_reference: float
    """ln p of it after this prompt under the reference."""
    share: float = 1.0
    """Probability that it is so."""
    key: str = ""
    """Of the problem, which is held out of a training as a whole."""


class Desirability(BesideTexts[Wanted]):
    """KTO. Examples may be texts as well, whose likelihood counts by their share of a batch.

    Args:
        beta: inverse temperature.
        weights: of wanted responses and of the others.
        smoothing: probability that a label is wrong.
        per_token: take means of ln p a token in place of sums.
        sft: weight of the negative log-likelihood of wanted responses, a mean over tokens, beside the loss.
    """

    def __init__(
        self,
        beta: float,
        *,
        weights: tuple[float, float] = (1.0, 1.0),
        smoothing: float = 0.0,
        per_token: bool = False,
        sft: float = 0.0,
    ) -> None:
        self.beta, self.weights, self.smoothing = beta, weights, smoothing
        self.per_token, self.sft = per_token, sft

    def own_rows(self, example: Wanted) -> list[Tokens]:
        """The response and the stray one after the prompt."""
        return [example.prompt + example.response, example.prompt + example.stray]

    def own_loss(self, model: LanguageModel, examples: Sequence[Wanted]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over responses."""
        logprobs, mask = response_logprobs(model, [(each.prompt, each.response) for each in examples])
        device, drift = mask.device, self._drift(model, examples)
        scale = mask.sum(1).clamp(min=1) if self.per_token else torch.ones_like(mask[:, 0])
        ours = (logprobs * mask).sum(1) / scale
        before = torch.tensor([each.reference for each in examples], device=device) / scale
        labels = torch.tensor([each.is_wanted for each in examples], device=device)
        share = torch.tensor([each.share for each in examples], device=device)
        share = share * (1 - self.smoothing) + (1 - share) * self.smoothing
        loss = desirability_loss(ours, before, labels, drift, self.beta, weights=self.weights, share=share)
        good, gain = labels.float(), (ours - before).detach()
        numbers = {
            "loss/preference": loss.detach(),
            "preference/accuracy": ((gain > drift) == labels).float().mean(),
            "preference/drift": drift,
            **{
                f"preference/{name}": mean_over(ours.detach(), part)
                for name, part in (("chosen", good), ("rejected", 1 - good))
                if part.any()
            },
        }
        if self.sft and labels.any():
            likelihood = -mean_over(logprobs, mask * good[:, None])
            loss, numbers["loss/chosen"] = loss + self.sft * likelihood, likelihood.detach()
        return loss, numbers

    @torch.no_grad()
    def _drift(self, model: LanguageModel, wanted: Sequence[Wanted]) -> Tensor:
        """Mean gain of stray responses, at least 0: z0."""
        logprobs, mask = response_logprobs(model, [(each.prompt, each.stray) for each in wanted])
        gains = (logprobs * mask).sum(1)
        gains = gains - torch.tensor([each.stray_reference for each in wanted], device=mask.device)
        if self.per_token:
            gains = gains / mask.sum(1).clamp(min=1)
        return gains.mean().clamp(min=0)
