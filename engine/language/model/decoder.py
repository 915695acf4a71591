"""Decoding with a cache of keys and values: one forward pass of one token a row and step."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.language.model.codec import Tokens
from engine.language.model.model import LanguageModel


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
    """Any causal network of transformers, all of each row at every step: for those whose cache has no rows.

    Args: as for CachedDecoder.
    """

    hidden: Tensor | None = None

    def __init__(self, model: LanguageModel, prompts: Sequence[Tokens], copies: Tensor) -> None:
        self._model = model
        ids, mask = padded_left(prompts, model.codec.pad, model.device)
        self.logits = forward(model, ids, mask, use_cache=False)[0][copies]
        self._ids, self._mask = ids[copies], mask[copies]

    def step(self, tokens: Tensor) -> Tensor:
        """Append `tokens` int64 [B]; logits float32 [B, V] of what follows."""
        self._ids = torch.cat((self._ids, tokens[:, None]), 1)
        self._mask = torch.cat((self._mask, self._mask.new_ones(len(tokens), 1)), 1)
        return forward(self._model, self._ids, self._mask, use_cache=False)[0]

    def select(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self._ids, self._mask = self._ids[rows], self._mask[rows]


def padded_left(rows: Sequence[Tokens], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids int64 [B, T] and their mask int64 [B, T], 0 on padding."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([[len(row)] for row in rows], device=device)
    return ids, (torch.arange(width, device=device) >= width - lengths).long()


def forward(
    model: LanguageModel, ids: Tensor, mask: Tensor, cache: Any = None, *, use_cache: bool = True
) -> tuple[Tensor, Any]:
    """Logits float32 [B, V] after the last token, and the cache; `mask` covers what is cached, too."""
    known = inspect.signature(_inner(model).forward).parameters
    options: dict[str, Any] = {}
    if "position_ids" in known:
        positions = (mask.cumsum(1) - 1).clamp(0, model.context - 1)
        options["position_ids"] = positions[:, -ids.shape[1] :]
    if "logits_to_keep" in known:
        options["logits_to_keep"] = 1
    if cache is not None:
        options["past_key_values"] = cache
    output = model.network(input_ids=ids, attention_mask=mask, use_cache=use_cache, **options)
    return output.logits[:, -1].float(), getattr(output, "past_key_values", None)


def has_rows(model: LanguageModel) -> bool:
    """Whether the network's cache is one of keys and values, whose rows can be picked."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    if getattr(_inner(model), "_is_stateful", False):
        return False
    layers = DynamicCache(config=model.network.config).layers
    return all(isinstance(layer, DynamicLayer) for layer in layers)


def _inner(model: LanguageModel) -> Any:
    return model.network.get_base_model() if model.has_adapter else model.network
