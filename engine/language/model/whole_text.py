"""Whole texts in one pass: padded on the right, where a causal network cannot see it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel

MAX_TOKENS = 16_384
"""Of one batch, padding included; one row at least."""

MAX_LOGITS = 1 << 26
"""Of one batch, likewise."""


def padded_right(rows: Sequence[Tokens], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids int64 [B, T] and their mask int64 [B, T], 0 on padding."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)
    lengths = torch.tensor([[len(row)] for row in rows], device=device)
    return ids, (torch.arange(width, device=device) < lengths).long()


def tokens_at_once(model: LanguageModel) -> int:
    """Of one batch of whole texts, padding included; one row at least."""
    return max(1, min(MAX_TOKENS, MAX_LOGITS // int(model.config.vocab_size)))


def last_logits(model: LanguageModel, ids: Tensor, lengths: Tensor) -> Tensor:
    """Logits float32 [B, V] after texts of `lengths` int64 [B], padded on the right to [B, T]."""
    mask = (torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]).long()
    at_once = max(1, tokens_at_once(model) // ids.shape[1])
    found = []
    for part in range(0, len(ids), at_once):
        rows = slice(part, part + at_once)
        logits = model.network(input_ids=ids[rows], attention_mask=mask[rows], use_cache=False).logits
        found.append(logits[torch.arange(len(logits), device=ids.device), lengths[rows] - 1].float())
    return torch.cat(found)


def logits_and_states(model: LanguageModel, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [B, T, V] and the states that the output layer makes them of, [B, T, h]; in one pass."""
    seen: list[Tensor] = []
    hook = model.output_layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        logits: Tensor = model.network(input_ids=ids, attention_mask=mask, use_cache=False).logits
    finally:
        hook.remove()
    return logits, seen[-1]
