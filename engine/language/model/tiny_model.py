"""Models from scratch: tiny Llamas over characters, for tasks with a small alphabet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from engine.errors import UserError
from engine.language.model.model import LanguageModel

SIZES = {
    "0.1M": (64, 2, 4, 176),
    "0.2M": (96, 2, 4, 256),
    "0.5M": (128, 3, 4, 256),
    "1M": (128, 4, 4, 512),
    "3M": (192, 6, 6, 768),
}
"""Hidden size, layers, heads and width of the feed-forward layer, by the weights they come to."""

PAD, START, END, UNKNOWN = "<pad>", "<bos>", "<eos>", "<unk>"


def build_model(
    alphabet: Iterable[str], size: str = "0.2M", seed: int = 0, context: int = 256
) -> LanguageModel:
    """A model with fresh weights whose tokens are the characters of `alphabet`.

    Args:
        alphabet: characters, in any order.
        size: a key of SIZES.
        seed: of the weights; the same seed gives the same weights.
        context: tokens of prompt and completion together.

    Raises:
        UserError: for an unknown size or an alphabet that holds something else than characters.
    """
    import transformers

    if size not in SIZES:
        raise UserError(f"model size {size!r} is unknown; known are {', '.join(SIZES)}")
    tokenizer = character_tokenizer(alphabet)
    hidden, layers, heads, width = SIZES[size]
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=width,
        max_position_embeddings=context,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = transformers.LlamaForCausalLM(config)
    return LanguageModel(network, tokenizer)


def renewed(model: LanguageModel, seed: int) -> LanguageModel:
    """A model of the same form and tokens with fresh weights."""
    assert not model.has_adapter, "an adapter has no meaning without its base"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = type(model.network)(model.network.config)
    network.generation_config = model.network.generation_config
    return LanguageModel(network.to(model.device), model.codec.tokenizer, chat=model.codec.chat)


def character_tokenizer(alphabet: Iterable[str]) -> Any:
    """A tokenizer of transformers with a token for each character; prompts start with `<bos>`."""
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, processors

    letters = sorted(set(alphabet))
    bad = [letter for letter in letters if len(letter) != 1 or "\ud800" <= letter <= "\udfff"]
    if bad or not letters:
        raise UserError(f"alphabet holds {bad[0]!r}, no character" if bad else "the alphabet is empty")
    vocabulary = {token: index for index, token in enumerate([PAD, START, END, UNKNOWN, *letters])}
    backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    backend.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, vocabulary[START])]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
    )
