"""Responses that a policy drew, and texts to write beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.language.learner.loss.policy import Whole
from engine.language.learner.objective.policy import PolicyGradient, Sampled
from engine.language.learner.objective.text import Text, part_of_nll, whole_of
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Joined:
    """A policy gradient and the likelihood of texts (PPO-ptx of Ouyang et al. 2022, 2203.02155).

    Each kind counts by its share of the examples; losses on parts of what a step learns from add up.
    """

    gradient: PolicyGradient
    """Told what its means are over."""
    responses: int
    """Of the step."""
    texts: Whole
    """Likewise; no rows: there are none."""

    @classmethod
    def of(
        cls,
        gradient: PolicyGradient,
        drawn: Sequence[Sampled],
        read: Sequence[Sampled],
        texts: Sequence[Text],
    ) -> Joined:
        """The objective on parts of `read` and `texts`; of `drawn` the others have no gradient."""
        return cls(gradient.of(drawn, read), len(drawn), whole_of(texts))

    def rows(self, example: Sampled | Text) -> list[Tokens]:
        """Prompt and response."""
        return [example.prompt + example.response]

    def __call__(
        self, model: LanguageModel, examples: Sequence[Sampled | Text]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and the numbers of both kinds that are among the examples."""
        drawn = [each for each in examples if isinstance(each, Sampled)]
        texts = [each for each in examples if isinstance(each, Text)]
        count = self.responses + self.texts.rows
        loss, numbers = torch.zeros((), device=model.device), dict[str, Tensor]()
        if drawn:
            found, numbers = self.gradient(model, drawn)
            loss = loss + self.responses / count * found
        if texts:
            nats = part_of_nll(model, texts, self.texts)
            loss, numbers = loss + self.texts.rows / count * nats, {**numbers, "loss/nll": nats.detach()}
        return loss, numbers
