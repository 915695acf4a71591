"""Texts to write beside examples of another kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from engine.language.learner.objective.text import Supervised, Text
from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel

Own = TypeVar("Own")


class BesideTexts(ABC, Generic[Own]):
    """An objective whose examples may be texts as well: their likelihood counts by their share of a batch."""

    _texts = Supervised()

    @abstractmethod
    def own_rows(self, example: Own) -> list[Tokens]:
        """What the network reads of an example that is no text."""

    @abstractmethod
    def own_loss(self, model: LanguageModel, examples: Sequence[Own]) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of those, and detached numbers by metrics tag."""

    def rows(self, example: Own | Text) -> list[Tokens]:
        """What the network reads of an example of either kind."""
        return self._texts.rows(example) if isinstance(example, Text) else self.own_rows(example)

    def __call__(
        self, model: LanguageModel, examples: Sequence[Own | Text]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean over examples of the own loss, and of that of texts over their tokens."""
        own = [each for each in examples if not isinstance(each, Text)]
        texts = [each for each in examples if isinstance(each, Text)]
        loss, numbers = torch.zeros((), device=model.device), dict[str, Tensor]()
        if own:
            found, numbers = self.own_loss(model, own)
            loss = loss + len(own) / len(examples) * found
        if texts:
            found, more = self._texts(model, texts)
            loss, numbers = loss + len(texts) / len(examples) * found, numbers | more
        return loss, numbers
