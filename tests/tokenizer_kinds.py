"""A tokenizer of every kind that models come with, trained on a few texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tiny_models import ALPHABET, byte_tokenizer, plain_tokenizer, word_start_tokenizer

from engine.language.model.model import LanguageModel
from engine.language.model.tiny_model import character_tokenizer

CHAT = "{% for m in messages %}x {{ m['content'] }} ; {% endfor %}{% if add_generation_prompt %}y {% endif %}"


def _fast(backend: Any, **names: str) -> Any:
    import transformers

    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **names)


def word_piece(texts: list[str], *, lowercase: bool = True) -> Any:
    """As BERT's: words apart from punctuation, lower-cased, joined by spaces again."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=200, special_tokens=["[UNK]", "[PAD]", "[SEP]"], show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    return _fast(backend, unk_token="[UNK]", pad_token="[PAD]", eos_token="[SEP]")


def unigram(texts: list[str]) -> Any:
    """As T5's: pieces of a unigram model, NFKC, a space put before the first word, unknown characters."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=90, special_tokens=["<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    return _fast(backend, unk_token="<unk>", eos_token="</s>")


def byte_fallback(texts: list[str]) -> Any:
    """As Llama 2's: sentencepiece BPE, a space put before a text, bytes for characters without a token."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    learnt = Tokenizer(models.BPE())
    learnt.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    names = ["<unk>", "<s>", "</s>", *fallback]
    learnt.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=340, special_tokens=names, show_progress=False)
    )
    import json

    table = json.loads(learnt.to_str())["model"]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in table["merges"]]
    backend = Tokenizer(
        models.BPE(table["vocab"], merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    backend.normalizer = learnt.normalizer
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return _fast(backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def word_level(texts: list[str]) -> Any:
    """Whole words by white space, all others unknown; joined by spaces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.WordLevel(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    backend.train_from_iterator(
        texts, trainers.WordLevelTrainer(special_tokens=["<unk>", "<end>"], show_progress=False)
    )
    return _fast(backend, unk_token="<unk>", eos_token="<end>")


KINDS: dict[str, Callable[[list[str]], Any]] = {
    "bytes": byte_tokenizer,
    "characters": lambda _: character_tokenizer(ALPHABET),
    "plain characters": lambda _: plain_tokenizer(ALPHABET),
    "word starts": word_start_tokenizer,
    "word pieces": word_piece,
    "unigram": unigram,
    "byte fallback": byte_fallback,
    "words": word_level,
}


def model_with(tokenizer: Any, *, chat: bool = False, context: int = 96, seed: int = 1) -> LanguageModel:
    """A tiny Llama over a tokenizer, whose logits are far from uniform."""
    import torch
    import transformers

    if chat:
        tokenizer.chat_template = CHAT
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=48,
        initializer_range=0.3,
        max_position_embeddings=context,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = transformers.LlamaForCausalLM(config)
    return LanguageModel(network, tokenizer, chat=chat)
