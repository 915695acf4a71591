"""Reading whole texts with small Llamas: the same arithmetic in few large operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.language.model.codec import Tokens
from engine.language.model.decoder import padded_left
from engine.language.model.model import LanguageModel

MAX_WEIGHTS = 20_000_000
"""Weights of a network up to which copying them anew at each call costs nothing to speak of."""

MAX_SCORES = 1 << 25
"""Pairs of columns, all rows together, that are attended to at a time; at least one row."""


LONG_PROMPT = 96
"""Tokens of a prompt from which on keeping what was read of it is faster than reading it again."""

MAX_PROMPT_BYTES = 1 << 30
"""Of keys and values of the prompts that are kept."""


def is_small_llama(model: LanguageModel) -> bool:
    """Whether `LlamaReader` computes this network."""
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
class Layer:
    """Weights as they are multiplied, transposed: norms and the attention's scale are folded in."""

    attend: Tensor  # [h, (H + 2 K) d]: queries, keys, values
    out: Tensor  # [H d, h]
    gate: Tensor  # [h, 2 w]: gate, up
    down: Tensor  # [w, h]


@dataclass(frozen=True)
class Reading:
    """What a network makes of texts, padded on the left to T columns."""

    hidden: Tensor
    """After the last token and the last norm but for its weight, float32 [B, h]."""
    cache: Tensor
    """Keys (even) and values (odd) of the layers, [2 L, B, K, T, d]."""
    pads: Tensor
    """Columns of padding, int64 [B]."""


class LlamaReader:
    """Reads texts with a network that `is_small_llama` accepts, as its weights are now."""

    def __init__(self, model: LanguageModel) -> None:
        network, config = model.network, model.config
        self.heads, self.groups = config.num_attention_heads, config.num_key_value_heads
        self.size = network.model.layers[0].self_attn.head_dim
        self.epsilon = config.rms_norm_eps
        self.embedding = network.model.embed_tokens.weight.detach()
        self.head = _folded(network.lm_head.weight, network.model.norm.weight)
        self.norm = network.model.norm.weight.detach()
        """What `Reading.hidden` is multiplied by to be what the network's trunk gives, [h]."""
        self.layers = [_layer(module) for module in network.model.layers]
        self._model = model
        self.rope = self._rope_tables(0)
        """Cosines and signed sines of the positions reserved, [T, d] each."""

    def reserve(self, columns: int) -> None:
        """Make room for texts as long; a context may be far longer than memory is large."""
        wanted = min(columns, self._model.context)
        if wanted > len(self.rope[0]):
            self.rope = self._rope_tables(min(max(wanted, 2 * len(self.rope[0])), self._model.context))

    @torch.no_grad()
    def read(self, rows: Sequence[Tokens], known: PromptCache | None = None) -> Reading:
        """Read texts of one token at least; what they begin with is taken from `known` where it is there."""
        ids, mask = padded_left(rows, self._model.codec.pad, self._model.device)
        width = ids.shape[1]
        self.reserve(width)
        pads = width - mask.sum(1)
        starts = known.find(rows) if known else [None] * len(rows)
        new = max(
            len(row) - (start.shape[2] if start is not None else 0)
            for row, start in zip(rows, starts, strict=True)
        )
        shape = (2 * len(self.layers), len(rows), self.groups, width, self.size)
        cache = self.embedding.new_zeros(shape) if new < width else self.embedding.new_empty(shape)
        for row, (start, pad) in enumerate(zip(starts, pads.tolist(), strict=True)):
            if start is not None and pad < width - new:
                cache[:, row, :, pad : width - new] = start[:, :, : width - new - pad]
        at_once = max(1, MAX_SCORES // (new * width))
        hidden = torch.cat(
            [
                self._read(
                    ids[part : part + at_once, width - new :],
                    pads[part : part + at_once],
                    cache[:, part : part + at_once],
                )
                for part in range(0, len(rows), at_once)
            ]
        )
        return Reading(hidden, cache, pads)

    def normed(self, hidden: Tensor) -> Tensor:
        """Divided by the root of the mean square."""
        return hidden * torch.rsqrt(hidden.square().mean(-1, keepdim=True) + self.epsilon)

    def _read(self, ids: Tensor, pads: Tensor, cache: Tensor) -> Tensor:
        """Read the last columns of texts, `ids` [B, N], filling those of the cache; hidden states [B, h]."""
        batch, new = ids.shape
        width, size, heads = cache.shape[3], self.size, self.heads
        columns = torch.arange(width - new, width, device=ids.device)
        positions = (columns - pads[:, None]).clamp(min=0)
        cos, sin = (table[positions][:, :, None] for table in self.rope)
        every = torch.arange(width, device=ids.device)
        # Padding may see padding, so that each column sees something.
        seen = (every <= columns[:, None]) & (
            (every >= pads[:, None, None]) | (columns < pads[:, None])[:, :, None]
        )
        hidden = self.embedding[ids]
        for index, layer in enumerate(self.layers):
            mixed = (self.normed(hidden) @ layer.attend).view(batch, new, heads + 2 * self.groups, size)
            turned = mixed[:, :, : heads + self.groups]
            turned = torch.addcmul(turned * cos, turned.roll(size // 2, 3), sin)
            keys, values = cache[2 * index], cache[2 * index + 1]
            keys[:, :, width - new :] = turned[:, :, heads:].transpose(1, 2)
            values[:, :, width - new :] = mixed[:, :, heads + self.groups :].transpose(1, 2)
            query = turned[:, :, :heads]
            if index == len(self.layers) - 1:  # of which the last column alone is wanted
                query, hidden, seen = query[:, -1:], hidden[:, -1:], seen[:, -1:]
            mix = F.scaled_dot_product_attention(
                query.transpose(1, 2), keys, values, attn_mask=seen[:, None], scale=1.0,
                enable_gqa=self.groups != heads,
            )  # fmt: skip
            hidden = hidden + mix.transpose(1, 2).flatten(2) @ layer.out
            gate, up = (self.normed(hidden) @ layer.gate).chunk(2, 2)
            hidden = hidden + F.silu(gate).mul_(up) @ layer.down
        return self.normed(hidden[:, 0])

    def _rope_tables(self, count: int) -> tuple[Tensor, Tensor]:
        positions = torch.arange(count, device=self.embedding.device)[None]
        rotary = self._model.network.model.rotary_emb
        cos, sin = (table[0] for table in rotary(self.embedding, position_ids=positions))
        sign = torch.ones_like(sin[:1])
        sign[:, : self.size // 2] = -1
        return cos, sin * sign


class PromptCache:
    """Keys and values of prompts that many texts begin with.

    Args:
        reader: whose weights they are of.
        prompts: each of one token at least.
    """

    def __init__(self, reader: LlamaReader, prompts: Sequence[Tokens]) -> None:
        distinct = dict.fromkeys(tuple(prompt) for prompt in prompts)
        self._known = {prompt: reader.read([list(prompt)]).cache[:, 0] for prompt in distinct}
        self._lengths = sorted({len(prompt) for prompt in distinct}, reverse=True)

    def find(self, rows: Sequence[Tokens]) -> list[Tensor | None]:
        """Of each row the longest prompt that it begins with, [2 L, K, t, d]; never its last token."""
        return [self._find(row) for row in rows]

    def _find(self, row: Tokens) -> Tensor | None:
        for length in self._lengths:
            found = self._known.get(tuple(row[:length])) if length <= len(row) else None
            if found is not None:
                return found[:, :, : len(row) - 1]
        return None


def read_prompts(model: LanguageModel, prompts: Sequence[Tokens]) -> PromptCache | None:
    """Those of LONG_PROMPT tokens, read; None where there are none, or more than MAX_PROMPT_BYTES hold."""
    long = [prompt for prompt in prompts if len(prompt) >= LONG_PROMPT]
    if not long or not is_small_llama(model):
        return None
    reader = LlamaReader(model)
    token_bytes = 8 * len(reader.layers) * reader.groups * reader.size
    return PromptCache(reader, long) if sum(map(len, long)) * token_bytes <= MAX_PROMPT_BYTES else None


def _layer(module: Any) -> Layer:
    attention, mlp = module.self_attn, module.mlp
    attend = torch.cat(
        (attention.q_proj.weight * attention.scaling, attention.k_proj.weight, attention.v_proj.weight)
    )
    gate = torch.cat((mlp.gate_proj.weight, mlp.up_proj.weight))
    return Layer(
        attend=_folded(attend, module.input_layernorm.weight),
        out=attention.o_proj.weight.detach().T,
        gate=_folded(gate, module.post_attention_layernorm.weight),
        down=mlp.down_proj.weight.detach().T,
    )


def _folded(weight: Tensor, norm: Tensor) -> Tensor:
    return (weight * norm).detach().T.contiguous()
