"""Pairs of responses, the first of which is preferred, and texts to write beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.language.learner.loss.preference import Form, preference_loss
from engine.language.learner.loss.text import supervised_loss
from engine.language.learner.objective.beside import BesideTexts
from engine.language.learner.objective.objective import response_logprobs
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Pair:
    """Two responses to a prompt, and ln p of each under the reference, 0 where there is none."""

    prompt: Tokens
    chosen: Tokens
    """With the end token where it has ended."""
    rejected: Tokens
    reference_chosen: float
    reference_rejected: float
    share: float = 1.0
    """Probability that the chosen one is the better one."""
    key: str = ""
    """Of the problem, which is held out of a training as a whole."""


class Preferences(BesideTexts[Pair]):
    """DPO and what else is a loss of two ln p against a reference; SPIN with beta for its lambda.

    Examples may be texts as well, whose likelihood counts by their share of a batch.

    Args:
        form: which loss; a number is the beta of DPO.
        per_token: take the mean ln p a token in place of the sum.
        sft: weight of the negative log-likelihood of chosen responses, a mean over tokens, beside the loss.
    """

    def __init__(self, form: Form | float, *, per_token: bool = False, sft: float = 0.0) -> None:
        self.form = form if isinstance(form, Form) else Form(beta=form)
        self.per_token, self.sft = per_token, sft

    def own_rows(self, example: Pair) -> list[Tokens]:
        """Both responses after the prompt."""
        return [example.prompt + example.chosen, example.prompt + example.rejected]

    def own_loss(self, model: LanguageModel, examples: Sequence[Pair]) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean over pairs."""
        count = len(examples)
        rows = [(each.prompt, each.chosen) for each in examples]
        rows += [(each.prompt, each.rejected) for each in examples]
        logprobs, mask = response_logprobs(model, rows)
        known = [each.reference_chosen for each in examples] + [each.reference_rejected for each in examples]
        scale = mask.sum(1).clamp(min=1) if self.per_token else torch.ones_like(mask[:, 0])
        chosen, rejected = torch.split((logprobs * mask).sum(1) / scale, count)
        before = torch.split(torch.tensor(known, device=mask.device) / scale, count)
        share = torch.tensor([each.share for each in examples], device=mask.device)
        loss = preference_loss(chosen, rejected, before[0], before[1], self.form, share=share)
        margin = (chosen - rejected - before[0] + before[1]).detach()
        numbers = {
            "loss/preference": loss.detach(),
            "preference/accuracy": (margin > 0).float().mean(),
            "preference/margin": self.form.beta * margin.mean(),
            "preference/chosen": chosen.detach().mean(),
            "preference/rejected": rejected.detach().mean(),
        }
        if self.sft:
            likelihood = supervised_loss(logprobs[:count], mask[:count])
            loss, numbers["loss/chosen"] = loss + self.sft * likelihood, likelihood.detach()
        return loss, numbers
