"""What an objective is: a loss on examples of one kind, which are tokens in a padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.scoring import token_logprobs
from engine.language.model.whole_text import padded_right

Example = TypeVar("Example", contravariant=True)


class Objective(Protocol[Example]):
    """A loss on examples of one kind."""

    def rows(self, example: Example) -> list[Tokens]:
        """What the network reads of an example; a batch is filled by it."""

    def __call__(self, model: LanguageModel, examples: Sequence[Example]) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss with gradients, and detached numbers by metrics tag."""


def response_logprobs(model: LanguageModel, rows: Sequence[tuple[Tokens, Tokens]]) -> tuple[Tensor, Tensor]:
    """ln p of tokens [B, T - 1] of prompts and responses, from the second on, and the responses' mask."""
    logits, ids, mask = _read(model, rows)
    return token_logprobs(logits, ids), mask


def response_measures(
    model: LanguageModel,
    rows: Sequence[tuple[Tokens, Tokens]],
    temperature: float = 1.0,
    *,
    differentiable: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """ln p of tokens [B, T - 1] at a temperature, the entropy in nats there, and the responses' mask.

    The entropy has gradients where it is `differentiable`.
    """
    logits, ids, mask = _read(model, rows)
    nats = (logits[:, :-1].float() / temperature).log_softmax(2)
    logprobs = nats.gather(2, ids[:, 1:, None])[..., 0]
    if not differentiable:
        nats = nats.detach()
    return logprobs, -(nats.exp() * nats).sum(2), mask


def _read(model: LanguageModel, rows: Sequence[tuple[Tokens, Tokens]]) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [B, T, V] of prompts and responses, their ids [B, T], and the mask of responses [B, T - 1]."""
    ids, attention = padded_right([head + tail for head, tail in rows], model.codec.pad, model.device)
    logits = model.network(input_ids=ids, attention_mask=attention, use_cache=False).logits
    heads = torch.tensor([[len(head)] for head, _ in rows], device=ids.device)
    mask = (torch.arange(ids.shape[1], device=ids.device) >= heads) & (attention > 0)
    return logits, ids, mask[:, 1:].float()


def placed(known: Sequence[NDArray[np.float32]], mask: Tensor) -> Tensor:
    """Numbers of response tokens, a row an example, where `mask` [B, T] has those, 0 elsewhere."""
    assert [len(row) for row in known] == mask.sum(1).long().tolist()
    table = torch.zeros_like(mask)
    table[mask > 0] = torch.from_numpy(np.concatenate(known)).to(mask.device)
    return table
