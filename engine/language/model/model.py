"""A language model: a causal network of transformers, its tokenizer, and a head that values texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import UserError
from engine.language.model.codec import Codec, Tokens
from engine.language.model.combination import Combination


class ValueHead(nn.Linear):
    """The logit of a text's value: a linear function of the hidden state of its last token, zeros at first.

    Args:
        hidden: size of the state.
        returns: it tells no logit but the return that is expected from there on, penalties included.
        likelihood: add `nats` times ln p of the completion as far as it is written, under the network that
            the head is on: right steps are likely ones for a network that learns to write right completions
            (an implicit process reward, Yuan et al. 2024, 2412.01981, without a reference).
    """

    nats: nn.Parameter | None
    returns: Tensor | None
    """Not None where it tells returns; saved, so that a folder says which head it has."""

    def __init__(self, hidden: int, likelihood: bool = False, returns: bool = False) -> None:
        assert not (likelihood and returns)
        super().__init__(hidden, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)
        self.register_parameter("nats", nn.Parameter(torch.zeros(1)) if likelihood else None)
        self.register_buffer("returns", torch.ones(1) if returns else None)

    def values(self, told: Tensor) -> Tensor:
        """What it tells as values in [0, 1]: the chance that a logit is of, or a return cut to that range."""
        return told.sigmoid() if self.returns is None else told.clamp(0, 1)


@dataclass(frozen=True)
class Panel:
    """Models of one kind that value texts together with the one that carries them (Coste et al. 2023,
    2310.02743)."""

    members: tuple[LanguageModel, ...]
    """Each with a value head, none with a panel of its own."""
    combine: Combination = "mean"
    deviations: float = 1.0
    """Taken from the mean, where `combine` is "deviation"."""


@dataclass(frozen=True)
class Ability:
    """What a network does rightly, measured on a few short texts."""

    caches: bool
    """Texts of several lengths that it goes on with side by side, by its cache, get what each gets alone."""
    has_trunk: bool
    """Its trunk by itself gives the states that the output layer reads."""
    has_states: bool
    """The output layer is given the states of a text as [B, T, h], so that values can be read from them."""
    slow: str = ""
    """Why it is read anew at every token; empty where it is not."""


class LanguageModel:
    """A causal language model in evaluation mode.

    Args:
        network: of transformers, or of peft with a LoRA adapter.
        tokenizer: of the same folder.
        chat: wrap prompts by the tokenizer's chat template.
        value_head: tells the value of a text.
    """

    def __init__(
        self, network: Any, tokenizer: Any, *, chat: bool = False, value_head: ValueHead | None = None
    ) -> None:
        self.network = network.eval()
        if getattr(network.config, "rescale_every", 0):
            # RWKV halves weights in place between training and use, for f16; saved ones would be others.
            network.config.rescale_every = 0
        self.codec = Codec(tokenizer, chat)
        self.value_head = value_head
        self.panel: Panel | None = None
        """Others that value texts with it."""
        self.ends = end_tokens(network, self.codec.end)
        """Tokens that end a completion, sorted."""
        self.context = context_size(network, self.config)
        """Tokens of prompt and completion together that the network takes."""
        self.ability: Ability | None = None
        """What the network was found to do; None before anybody has looked (`ability_of`)."""

    @property
    def config(self) -> Any:
        """Of the network."""
        return self.network.config.get_text_config()

    @property
    def kind(self) -> str:
        """The class of the network, which messages name."""
        return type(self.inner).__name__

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        weight: Tensor = next(iter(self.network.parameters()))
        return weight.device

    @property
    def has_adapter(self) -> bool:
        """Whether the weights are those of a base and a LoRA adapter."""
        return hasattr(self.network, "peft_config")

    @property
    def inner(self) -> Any:
        """The network without what an adapter wraps it in."""
        return self.network.get_base_model() if self.has_adapter else self.network

    @property
    def trunk(self) -> Any:
        """The network without its output layer; None where transformers names none."""
        return getattr(self.inner, self.inner.base_model_prefix, None)

    @property
    def output_layer(self) -> Any:
        """What makes logits of states [B, T, h]; None where the network has no such layer."""
        return self.inner.get_output_embeddings()

    @property
    def state_size(self) -> int:
        """h of the states that the output layer reads; 0 without one.

        It is not the `hidden_size` of every network: OPT-350m, ELECTRA and RemBERT project their states.
        """
        weight = getattr(self.output_layer, "weight", None)
        return 0 if weight is None else int(weight.shape[-1])

    def encode_prompts(self, prompts: list[str]) -> list[Tokens]:
        """Token ids of prompts; raise UserError for one that leaves no room in the context."""
        rows = self.codec.encode_prompts(prompts)
        for prompt, row in zip(prompts, rows, strict=True):
            if len(row) >= self.context:
                raise UserError(
                    f"prompt {prompt[:40]!r} has {len(row)} tokens, the model's context {self.context}; "
                    "shorten it or take another model"
                )
        return rows

    def encode_texts(self, prompts: list[str], starts: Sequence[str]) -> list[Tokens]:
        """Token ids of prompts, each with the start of a completion after it; UserError as above."""
        heads = self.encode_prompts(prompts)
        if not any(starts):
            return heads
        tails = self.codec.encode_completions(prompts, starts)
        return [head + tail for head, tail in zip(heads, tails, strict=True)]

    def add_value_head(self, likelihood: bool = False, *, returns: bool = False) -> ValueHead:
        """Give the model a value head, which says 0.5 of every text, or let its own count likelihood, too.

        With `returns` it is one of returns, which says 0; a head of the other kind makes room for it.
        Raises UserError where the network has no states to read values from.
        """
        head = self.value_head
        if head is not None and (head.returns is not None) != returns:
            head = None
        if head is None or (likelihood and head.nats is None):
            if self.state_size == 0:
                raise UserError(f"{self.kind} has no output layer whose input values could be read from")
            new = ValueHead(self.state_size, likelihood, returns)
            new.load_state_dict(head.state_dict() if head else {}, strict=False)
            self.value_head = head = new.to(self.device)
        return head

    def parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Names and weights that training changes: all, or with an adapter its own, and the value head's."""
        named = [(name, weight) for name, weight in self.network.named_parameters() if weight.requires_grad]
        if self.value_head is not None:
            named += [(f"value_head.{name}", weight) for name, weight in self.value_head.named_parameters()]
        return named

    def weights(self) -> dict[str, Tensor]:
        """All tensors by name, adapter, value head and panel included."""
        tensors = dict(self.network.state_dict())
        if self.value_head is not None:
            tensors |= {f"value_head.{name}": each for name, each in self.value_head.state_dict().items()}
        for number, member in enumerate(self.panel.members if self.panel else (), start=2):
            tensors |= {f"member_{number}.{name}": each for name, each in member.weights().items()}
        return tensors

    @property
    def saved_bytes(self) -> int:
        """Of weights in a folder that `save_model` writes: an adapter's alone where there is one."""
        every = self.network.parameters()
        weights = [each for each in every if each.requires_grad or not self.has_adapter]
        head = () if self.value_head is None else self.value_head.parameters()
        return sum(each.numel() * each.element_size() for each in (*weights, *head))

    def digest(self) -> str:
        """SHA-256 of the weights: names, types, shapes and bytes."""
        total = hashlib.sha256()
        for name, tensor in sorted(self.weights().items()):
            total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            total.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return total.hexdigest()


def end_tokens(network: Any, end: int) -> tuple[int, ...]:
    """Tokens that end a text: the tokenizer's, and those that the network was set up to stop at."""
    settings = getattr(network, "generation_config", None)
    more = getattr(settings, "eos_token_id", None)
    return tuple(sorted({end, *(more if isinstance(more, list) else [more] if more is not None else [])}))


_CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_target_positions")
"""What configurations of transformers call the tokens that a network takes."""


def context_size(network: Any, config: Any) -> int:
    """Tokens that a network of transformers takes; a large number where it sets no limit."""
    for name in _CONTEXTS:
        size = getattr(config, name, None)
        if isinstance(size, int):
            return size - skipped_positions(network, size)
    return 1 << 20


def skipped_positions(network: Any, size: int) -> int:
    """Of `size` learnt positions, those that no token takes: RoBERTa counts from its padding on."""
    tables = [
        module
        for name, module in network.named_modules()
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding)
    ]
    used = [table.padding_idx for table in tables if table.num_embeddings == size]
    return max((padding + 1 for padding in used if padding is not None), default=0)
