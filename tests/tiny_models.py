"""Models of a few thousand weights, in many architectures, for tests."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch

from engine.language.model.model import LanguageModel
from engine.language.model.tiny_model import character_tokenizer

ALPHABET = "0123456789+-*/=;() \nabcxyz"


def tiny_llama(seed: int = 1, context: int = 64, **changes: Any) -> LanguageModel:
    """A Llama whose logits are far from uniform."""
    return other_model("LlamaForCausalLM", "LlamaConfig", seed, max_position_embeddings=context, **changes)


def other_model(
    network: str, config: str, seed: int = 1, alphabet: str = ALPHABET, **settings: Any
) -> LanguageModel:
    """Any causal network of transformers with the character tokenizer."""
    import transformers

    tokenizer = character_tokenizer(alphabet)
    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
        "initializer_range": 0.3,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = getattr(transformers, network)(getattr(transformers, config)(**(sizes | settings)))
    return LanguageModel(made, tokenizer)


def byte_tokenizer(texts: list[str], size: int = 320) -> Any:
    """A byte-level BPE tokenizer trained on `texts`, with an end token."""
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, special_tokens=["<end>"], show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")


def plain_tokenizer(alphabet: str) -> Any:
    """A token for each character and one that ends; every other text is the join of its tokens'."""
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers

    vocabulary = {token: index for index, token in enumerate(["<end>", *alphabet])}
    backend = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="<end>"))
    backend.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")


def word_start_tokenizer(texts: list[str]) -> Any:
    """A BPE tokenizer that puts a mark for a space before the first word, as Llama's does."""
    import tokenizers
    import transformers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    backend.decoder = decoders.Metaspace(prepend_scheme="first", split=False)
    backend.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=40, special_tokens=["<end>"], show_progress=False)
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")


def save_plain(model: LanguageModel, path: Path) -> Path:
    """The folder as transformers writes it."""
    model.network.save_pretrained(path)
    model.codec.tokenizer.save_pretrained(path)
    return path


def some_prompts(count: int = 30, longest: int = 12) -> list[str]:
    source = random.Random(0)
    return ["".join(source.choices("0123456789+-", k=source.randint(0, longest))) for _ in range(count)]


PROMPTS = some_prompts() * 2
SEEDS = list(range(len(PROMPTS)))
