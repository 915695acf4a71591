"""Reading whole texts with small Llamas: the same arithmetic in few large operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.language.model.codec import Tokens
from engine.language.model.decoding.decoder import padded_left
from engine.language.model.decoding.reading import Reading
from engine.language.model.decoding.text_cache import TextCache
from engine.language.model.model import LanguageModel

MAX_WEIGHTS = 20_000_000
"""Weights of a network up to which copying them anew at each call costs nothing to speak of."""

MAX_SCORES = 1 << 25
"""Pairs of columns, all rows together, that are attended to at a time; at least one row."""


LONG_PROMPT = 96
"""Tokens of a prompt from which on all that begins with it is read from there."""

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
    def read(self, rows: Sequence[Tokens], known: TextCache | None = None) -> Reading:
        """Read texts of one token at least.

        What they begin with is taken from `known` where it is there; texts of which more than the last token
        was new are added.
        """
        width = max(map(len, rows))
        self.reserve(width)
        starts = known.find(rows) if known else [None] * len(rows)
        unknown = [
            start is None or len(row) - start.shape[2] > 1 for row, start in zip(rows, starts, strict=True)
        ]
        # One text that is hardly known would have all read from where it is.
        groups = [[index for index, each in enumerate(unknown) if each == kind] for kind in (True, False)]
        parts = [
            self._read_together([rows[index] for index in group], [starts[index] for index in group], width)
            for group in groups
            if group
        ]
        reading = parts[0]
        if len(parts) > 1:
            order = torch.tensor([*groups[0], *groups[1]], device=self._model.device).argsort()
            hidden, cache, pads = (
                torch.cat([getattr(part, name) for part in parts], dim).index_select(dim, order)
                for name, dim in (("hidden", 0), ("cache", 1), ("pads", 0))
            )
            reading = Reading(hidden, cache, pads)
        if known is not None and known.grows:
            for index, pad in zip(groups[0], reading.pads[groups[0]].tolist(), strict=True):
                known.add(tuple(rows[index]), reading.cache[:, index, :, pad:])
        return reading

    def _read_together(self, rows: Sequence[Tokens], starts: Sequence[Tensor | None], width: int) -> Reading:
        """Read rows from where the least known of them ends, in `width` columns."""
        ids, mask = padded_left(rows, self._model.codec.pad, self._model.device)
        pads = width - mask.sum(1)
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
                    ids[part : part + at_once, -new:],
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


def open_text_cache(model: LanguageModel, prompts: Sequence[Tokens]) -> TextCache | None:
    """A cache for texts that begin with these prompts; None for networks that are not read here.

    Prompts of LONG_PROMPT tokens are read at once, where they are no more than MAX_PROMPT_BYTES hold. Texts
    are added on the processor alone, where reading costs more than putting together what was read.
    """
    if not is_small_llama(model):
        return None
    reader = LlamaReader(model)
    long = [prompt for prompt in prompts if len(prompt) >= LONG_PROMPT]
    token_bytes = 8 * len(reader.layers) * reader.groups * reader.size
    prompts = long if sum(map(len, long)) * token_bytes <= MAX_PROMPT_BYTES else []
    return TextCache(reader, prompts, grows=model.device.type == "cpu")


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
