"""Decoding with a cache of keys and values: one forward pass of one token a row and step."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel
from engine.language.model.whole_text import last_logits, padded_right


class Decoder(Protocol):
    """Rows that continue prompts, a token at a time."""

    logits: Tensor
    """Of the first token of each row, float32 [B, V]."""

    @property
    def hidden(self) -> Tensor | None:
        """What the trunk gives at the last token of each row, float32 [B, h]; None where it is not kept."""

    def step(self, tokens: Tensor) -> Tensor:
        """Append `tokens` int64 [B]; logits float32 [B, V] of what follows."""

    def select(self, rows: Tensor) -> None:
        """Go on with these rows alone, int64 [B'], in any order, any of them several times."""


class CachedDecoder:
    """Any causal network of transformers, by its own cache.

    Args:
        model: to decode with.
        prompts: distinct ones, of one token at least; they are padded on the left.
        copies: int64 [B], the prompt that each row continues.
    """

    hidden: Tensor | None = None

    def __init__(self, model: LanguageModel, prompts: Sequence[Tokens], copies: Tensor) -> None:
        self._model = model
        self._last = model.context - 1
        ids, mask = padded_left(prompts, model.codec.pad, model.device)
        logits, self._cache = forward(model, ids, mask)
        self.logits = logits[copies]
        """Of the first token of each row, float32 [B, V]."""
        self._mask = mask[copies]
        self._cache.batch_select_indices(copies)

    def step(self, tokens: Tensor) -> Tensor:
        """Append `tokens` int64 [B]; logits float32 [B, V] of what follows."""
        self._mask = torch.cat((self._mask, self._mask.new_ones(len(tokens), 1)), 1)
        logits, self._cache = forward(self._model, tokens[:, None], self._mask, self._cache)
        return logits

    def select(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self._mask = self._mask[rows]
        self._cache.batch_select_indices(rows)


class RecomputingDecoder:
    """Any causal network of transformers, all of each row at every step: where a cache cannot be trusted.

    Rows are padded on the right, where a causal network cannot see it, so that nothing is asked of masks and
    positions.

    Args: as for CachedDecoder.
    """

    hidden: Tensor | None = None

    def __init__(self, model: LanguageModel, prompts: Sequence[Tokens], copies: Tensor) -> None:
        self._model = model
        ids, mask = padded_right(prompts, model.codec.pad, model.device)
        self.logits = last_logits(model, ids, mask.sum(1))[copies]
        self._ids, self._lengths = ids[copies], mask.sum(1)[copies]

    def step(self, tokens: Tensor) -> Tensor:
        """Append `tokens` int64 [B]; logits float32 [B, V] of what follows."""
        # Rows that fill the context have ended: what is said of them is not read.
        self._lengths = (self._lengths + 1).clamp(max=self._model.context)
        if int(self._lengths.max()) > self._ids.shape[1]:
            self._ids = F.pad(self._ids, (0, 1), value=self._model.codec.pad)
        self._ids[torch.arange(len(tokens), device=tokens.device), self._lengths - 1] = tokens
        return last_logits(self._model, self._ids, self._lengths)

    def select(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self._ids, self._lengths = self._ids[rows], self._lengths[rows]


def padded_left(rows: Sequence[Tokens], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids int64 [B, T] and their mask int64 [B, T], 0 on padding."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([[len(row)] for row in rows], device=device)
    return ids, (torch.arange(width, device=device) >= width - lengths).long()


def forward(model: LanguageModel, ids: Tensor, mask: Tensor, cache: Any = None) -> tuple[Tensor, Any]:
    """Logits float32 [B, V] after the last token, and the cache; `mask` covers what is cached, too."""
    known = inspect.signature(model.inner.forward).parameters
    options: dict[str, Any] = {}
    if "position_ids" in known:
        positions = (mask.cumsum(1) - 1).clamp(0, model.context - 1)
        options["position_ids"] = positions[:, -ids.shape[1] :]
    if "logits_to_keep" in known:
        options["logits_to_keep"] = 1
    if cache is not None:
        options["past_key_values"] = cache
    output = model.network(input_ids=ids, attention_mask=mask, use_cache=True, **options)
    return output.logits[:, -1].float(), output.past_key_values


def has_rows(model: LanguageModel) -> bool:
    """Whether the network's cache is one of keys and values, whose rows can be picked."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    known = inspect.signature(model.inner.forward).parameters
    if getattr(model.inner, "_is_stateful", False) or "past_key_values" not in known:
        return False
    layers = DynamicCache(config=model.network.config).layers
    return all(isinstance(layer, DynamicLayer) for layer in layers)
