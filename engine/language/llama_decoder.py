"""Decoding small Llamas: the same arithmetic in few large operations, not a module call for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.language.codec import Tokens
from engine.language.decoder import forward, padded_left
from engine.language.model import LanguageModel

MAX_WEIGHTS = 20_000_000
"""Weights of a network up to which copying them anew at each call costs nothing to speak of."""


def is_small_llama(model: LanguageModel) -> bool:
    """Whether `LlamaDecoder` computes this network."""
    import transformers

    network, config = model.network, model.config
    if type(network) is not transformers.LlamaForCausalLM:
        return False
    plain = all(
        type(module) is nn.Linear and module.bias is None
        for name, module in network.named_modules()
        if name.endswith(("_proj", "lm_head"))
    )
    return (
        plain
        and config.hidden_act == "silu"
        and config.rope_parameters["rope_type"] == "default"
        and next(network.parameters()).dtype == torch.float32
        and sum(weight.numel() for weight in network.parameters()) <= MAX_WEIGHTS
    )


@dataclass(frozen=True)
class _Layer:
    """Weights as they are multiplied, transposed: norms and the attention's scale are folded in."""

    attend: Tensor  # [h, (H + 2 K) d]: queries, keys, values
    out: Tensor  # [H d, h]
    gate: Tensor  # [h, 2 w]: gate, up
    down: Tensor  # [w, h]
    keys: Tensor  # cache [B, K, T, d]
    values: Tensor


class LlamaDecoder:
    """Like CachedDecoder, for networks that `is_small_llama` accepts.

    Args:
        model: to decode with.
        prompts: distinct ones, of one token at least; they are padded on the left.
        copies: int64 [B], the prompt that each row continues.
        max_tokens: steps at most.
    """

    def __init__(
        self, model: LanguageModel, prompts: Sequence[Tokens], copies: Tensor, max_tokens: int
    ) -> None:
        network, config = model.network, model.config
        ids, mask = padded_left(prompts, model.codec.pad, model.device)
        logits, cache = forward(model, ids, mask)
        self.logits = logits[copies]
        """Of the first token of each row, float32 [B, V]."""
        self._heads, self._groups = config.num_attention_heads, config.num_key_value_heads
        self._size = network.model.layers[0].self_attn.head_dim
        self._epsilon = config.rms_norm_eps
        self._embedding = network.model.embed_tokens.weight.detach()
        self._head = _folded(network.lm_head.weight, network.model.norm.weight)
        self._column, self._total = ids.shape[1], ids.shape[1] + max_tokens
        self._layers = [
            self._layer(module, cached, copies)
            for module, cached in zip(network.model.layers, cache.layers, strict=True)
        ]
        pads = ids.shape[1] - mask.sum(1)[copies]
        self._pads = pads if bool(pads.any()) else None
        self._position = ids.shape[1] - pads
        self._last = min(model.context, self._total) - 1
        self._rope = self._rope_tables(network.model.rotary_emb, self._last + 1)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Append `tokens` int64 [B]; logits float32 [B, V] of what follows."""
        position = self._position.clamp(max=self._last)
        cos, sin = (table[position][:, None] for table in self._rope)
        self._column += 1
        self._position = self._position + 1
        mask = self._mask()
        hidden = self._embedding[tokens]
        for layer in self._layers:
            hidden = torch.addmm(hidden, self._attend(layer, hidden, cos, sin, mask), layer.out)
            gate, up = (self._normed(hidden) @ layer.gate).chunk(2, 1)
            hidden = torch.addmm(hidden, F.silu(gate).mul_(up), layer.down)
        return self._normed(hidden) @ self._head

    def select(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        count, used = len(rows), self._column
        self._layers = [
            _Layer(
                each.attend,
                each.out,
                each.gate,
                each.down,
                *(_moved(cache, rows, count, used) for cache in (each.keys, each.values)),
            )
            for each in self._layers
        ]
        self._position = self._position[rows]
        self._pads = None if self._pads is None else self._pads[rows]

    def _attend(self, layer: _Layer, hidden: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        batch, heads, groups, size, used = len(hidden), self._heads, self._groups, self._size, self._column
        mixed = (self._normed(hidden) @ layer.attend).view(batch, heads + 2 * groups, size)
        turned = mixed[:, : heads + groups]
        turned = torch.addcmul(turned * cos, turned.roll(size // 2, 2), sin)
        layer.keys[:, :, used - 1] = turned[:, heads:]
        layer.values[:, :, used - 1] = mixed[:, heads + groups :]
        query = turned[:, :heads].reshape(batch * groups, heads // groups, size)
        keys, values = (each.flatten(0, 1)[:, :used] for each in (layer.keys, layer.values))
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

    def _normed(self, hidden: Tensor) -> Tensor:
        return hidden * torch.rsqrt(hidden.square().mean(1, keepdim=True) + self._epsilon)

    def _layer(self, module: Any, cached: Any, copies: Tensor) -> _Layer:
        attention, mlp = module.self_attn, module.mlp
        attend = torch.cat(
            (attention.q_proj.weight * attention.scaling, attention.k_proj.weight, attention.v_proj.weight)
        )
        gate = torch.cat((mlp.gate_proj.weight, mlp.up_proj.weight))
        used = cached.keys.shape[2]
        return _Layer(
            attend=_folded(attend, module.input_layernorm.weight),
            out=attention.o_proj.weight.detach().T,
            gate=_folded(gate, module.post_attention_layernorm.weight),
            down=mlp.down_proj.weight.detach().T,
            keys=_moved(cached.keys, copies, len(copies), used, self._total),
            values=_moved(cached.values, copies, len(copies), used, self._total),
        )

    def _rope_tables(self, rotary: Any, positions: int) -> tuple[Tensor, Tensor]:
        places = torch.arange(positions, device=self._embedding.device)[None]
        cos, sin = (table[0] for table in rotary(self._embedding, position_ids=places))
        sign = torch.ones_like(sin[:1])
        sign[:, : self._size // 2] = -1
        return cos, sin * sign


def _folded(weight: Tensor, norm: Tensor) -> Tensor:
    return (weight * norm).detach().T.contiguous()


def _moved(cache: Tensor, rows: Tensor, count: int, used: int, total: int | None = None) -> Tensor:
    """Rows of a cache [B, K, T, d] in a fresh one, of `total` columns."""
    groups, columns, size = cache.shape[1:]
    fresh = cache.new_empty(count, groups, total or columns, size)
    fresh[:, :, :used] = cache[:, :, :used].index_select(0, rows)
    return fresh
