"""Steps that a search proposed, and its visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.language.learner.loss.text import visits_loss
from engine.language.learner.objective.objective import response_logprobs
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


@dataclass(frozen=True)
class Visited:
    """A text that a search stood at, the steps proposed there, and their shares of the visits."""

    text: Tokens
    steps: tuple[Tokens, ...]
    visits: tuple[float, ...]
    key: str = ""
    """Of its problem."""


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
