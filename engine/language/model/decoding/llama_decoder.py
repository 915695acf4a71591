"""Decoding small Llamas: one step of all rows in few large operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.language.model.codec import Tokens
from engine.language.model.decoding.llama_reader import Layer, LlamaReader
from engine.language.model.decoding.text_cache import TextCache
from engine.language.model.model import LanguageModel


class LlamaDecoder:
    """Like CachedDecoder, for networks that `is_small_llama` accepts.

    Args:
        model: to decode with.
        prompts: distinct ones, of one token at least; they are padded on the left.
        copies: int64 [B], the prompt that each row continues.
        max_tokens: steps at most.
        known: what prompts begin with, read before; what is read is added.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompts: Sequence[Tokens],
        copies: Tensor,
        max_tokens: int,
        known: TextCache | None = None,
    ) -> None:
        self._reader = LlamaReader(model)
        reading = self._reader.read(prompts, known)
        self.logits = (reading.hidden @ self._reader.head)[copies]
        """Of the first token of each row, float32 [B, V]."""
        self._hidden = reading.hidden[copies]
        self._column = reading.cache.shape[3]
        self._cache = _moved(reading.cache, copies, self._column, self._column + max_tokens)
        """Keys and values of each layer in turn, [2 L, B, K, T, d]."""
        self._layers = self._cache.unbind()
        pads = reading.pads[copies]
        self._pads = pads if bool(pads.any()) else None
        self._position = self._column - pads
        self._last = min(model.context, self._column + max_tokens) - 1
        self._reader.reserve(self._last + 1)

    @property
    def hidden(self) -> Tensor:
        """What the trunk gives at the last token of each row, float32 [B, h]."""
        trunk: Tensor = self._hidden * self._reader.norm
        return trunk

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Append `tokens` int64 [B]; logits float32 [B, V] of what follows."""
        reader = self._reader
        position = self._position.clamp(max=self._last)
        cos, sin = (table[position][:, None] for table in reader.rope)
        self._column += 1
        self._position = self._position + 1
        mask = self._mask()
        hidden = reader.embedding[tokens]
        for index, layer in enumerate(reader.layers):
            keys, values = self._layers[2 * index : 2 * index + 2]
            mix = self._attend(layer, keys, values, hidden, cos, sin, mask)
            hidden = torch.addmm(hidden, mix, layer.out)
            gate, up = (reader.normed(hidden) @ layer.gate).chunk(2, 1)
            hidden = torch.addmm(hidden, F.silu(gate).mul_(up), layer.down)
        self._hidden = reader.normed(hidden)
        return self._hidden @ reader.head

    def select(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self._cache = _moved(self._cache, rows, self._column, self._cache.shape[3])
        self._layers = self._cache.unbind()
        self._position, self._hidden = self._position[rows], self._hidden[rows]
        self._pads = None if self._pads is None else self._pads[rows]

    def remember(self, known: TextCache, rows: Tensor, texts: Sequence[tuple[int, ...]]) -> None:
        """Add what rows int64 [N] have read so far to `known`; `texts` are the tokens of each."""
        kept = self._cache[:, rows, :, : self._column]
        pads = [0] * len(texts) if self._pads is None else self._pads[rows].tolist()
        for index, (text, pad) in enumerate(zip(texts, pads, strict=True)):
            known.add(text, kept[:, index, :, pad:])

    def _attend(
        self,
        layer: Layer,
        keys: Tensor,
        values: Tensor,
        hidden: Tensor,
        cos: Tensor,
        sin: Tensor,
        mask: Tensor | None,
    ) -> Tensor:
        reader, batch, used = self._reader, len(hidden), self._column
        heads, groups, size = reader.heads, reader.groups, reader.size
        mixed = (reader.normed(hidden) @ layer.attend).view(batch, heads + 2 * groups, size)
        turned = mixed[:, : heads + groups]
        turned = torch.addcmul(turned * cos, turned.roll(size // 2, 2), sin)
        keys[:, :, used - 1] = turned[:, heads:]
        values[:, :, used - 1] = mixed[:, heads + groups :]
        query = turned[:, :heads].reshape(batch * groups, heads // groups, size)
        keys, values = (each.flatten(0, 1)[:, :used] for each in (keys, values))
        scores = torch.bmm(query, keys.mT).view(batch, heads, used)
        if mask is not None:
            scores = scores + mask
        weights = scores.softmax(2).view(batch * groups, heads // groups, used)
        return torch.bmm(weights, values).view(batch, heads * size)

    def _mask(self) -> Tensor | None:
        """What is added to scores, [B, 1, T]: -inf on padding."""
        if self._pads is None:
            return None
        columns = torch.arange(self._column, device=self._pads.device)
        blank = torch.zeros(len(self._pads), self._column, device=self._pads.device)
        return blank.masked_fill_(columns < self._pads[:, None], float("-inf"))[:, None]


def _moved(cache: Tensor, rows: Tensor, used: int, total: int) -> Tensor:
    """Rows of a cache [2 L, B, K, T, d] in a fresh one, of `total` columns."""
    layers, _, groups, _, size = cache.shape
    fresh = cache.new_empty(layers, len(rows), groups, total, size)
    fresh[:, :, :, :used] = cache[:, :, :, :used].index_select(1, rows)
    return fresh
