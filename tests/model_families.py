"""Tiny networks of the causal families that transformers has, built from settings alone."""

from __future__ import annotations

from typing import Any

import torch
from tiny_models import ALPHABET

from engine.language.model.model import LanguageModel
from engine.language.model.tiny_model import character_tokenizer

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "is_decoder": True,
}
GPT: dict[str, Any] = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "initializer_range": 0.3}
WIDE: dict[str, Any] = {
    "d_model": 32,
    "n_layers": 2,
    "n_heads": 4,
    "max_seq_len": 64,
    "initializer_range": 0.3,
}
SEQ2SEQ: dict[str, Any] = {
    "d_model": 32,
    "decoder_layers": 2,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 48,
    "encoder_layers": 1,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "max_position_embeddings": 64,
    "init_std": 0.3,
    "is_decoder": True,
}
EXPERTS: dict[str, Any] = {
    **SIZES,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
}
HEADS: dict[str, Any] = {**SIZES, "head_dim": 8}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    # name: model type of transformers, settings
    "opt-125m": ("opt", {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.3}),
    "opt-350m": (
        "opt",
        {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 20, "do_layer_norm_before": False, "init_std": 0.3},
    ),
    "gpt2": ("gpt2", GPT),
    "gpt_neo": (
        "gpt_neo",
        {
            **{k: v for k, v in SIZES.items() if k not in ("num_hidden_layers", "num_attention_heads")},
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 4,
        },
    ),
    "gpt_neox": ("gpt_neox", SIZES),
    "gptj": ("gptj", {**GPT, "rotary_dim": 4}),
    "codegen": ("codegen", {**GPT, "rotary_dim": 4}),
    "gpt_bigcode": ("gpt_bigcode", GPT),
    "openai-gpt": ("openai-gpt", GPT),
    "ctrl": ("ctrl", {**GPT, "dff": 48}),
    "bloom": ("bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.3}),
    "mpt": ("mpt", WIDE),
    "falcon-rotary": ("falcon", SIZES),
    "falcon-alibi": ("falcon", {**SIZES, "alibi": True}),
    "llama-bias": ("llama", {**SIZES, "attention_bias": True}),
    "mistral-window": ("mistral", {**SIZES, "sliding_window": 6}),
    "mixtral": ("mixtral", EXPERTS),
    "qwen2": ("qwen2", SIZES),
    "qwen3": ("qwen3", HEADS),
    "qwen2_moe": ("qwen2_moe", EXPERTS),
    "gemma": ("gemma", HEADS),
    "gemma2": ("gemma2", {**HEADS, "sliding_window": 6}),
    "gemma3_text": ("gemma3_text", {**HEADS, "sliding_window": 6}),
    "phi": ("phi", SIZES),
    "phi3": ("phi3", SIZES),
    "stablelm": ("stablelm", SIZES),
    "olmo": ("olmo", SIZES),
    "olmo2": ("olmo2", SIZES),
    "starcoder2": ("starcoder2", {**SIZES, "sliding_window": 6}),
    "xglm": (
        "xglm",
        {"d_model": 32, "ffn_dim": 48, "num_layers": 2, "attention_heads": 4, "init_std": 0.3,
         "max_position_embeddings": 64},
    ),
    "biogpt": ("biogpt", SIZES),
    "persimmon": ("persimmon", SIZES),
    "cohere": ("cohere", SIZES),
    "granite": ("granite", SIZES),
    "smollm3": ("smollm3", SIZES),
    "nemotron": ("nemotron", SIZES),
    "gpt_oss": ("gpt_oss", {**EXPERTS, "head_dim": 8, "sliding_window": 6}),
    "bert-generation": ("bert-generation", SIZES),
    "bert": ("bert", SIZES),
    "roberta": ("roberta", SIZES),
    "electra": ("electra", {**SIZES, "embedding_size": 24}),
    "rembert": ("rembert", {**SIZES, "input_embedding_size": 24, "output_embedding_size": 40}),
    "bart": ("bart", SEQ2SEQ),
    "marian": ("marian", {**SEQ2SEQ, "max_position_embeddings": 64}),
    "whisper": ("whisper", {**SEQ2SEQ, "max_target_positions": 64, "max_source_positions": 8}),
    "xlnet": ("xlnet", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, "initializer_range": 0.3}),
    "rwkv": (
        "rwkv",
        {"hidden_size": 32, "num_hidden_layers": 4, "attention_hidden_size": 32, "rescale_every": 2,
         "context_length": 64},
    ),
    "mamba": ("mamba", {"hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.3}),
    "mamba2": (
        "mamba2",
        {"hidden_size": 32, "num_hidden_layers": 2, "num_heads": 8, "head_dim": 8, "state_size": 8,
         "n_groups": 2, "chunk_size": 8, "initializer_range": 0.3},
    ),
    "falcon_mamba": ("falcon_mamba", {"hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.3}),
    "recurrent_gemma": (
        "recurrent_gemma",
        {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
         "lru_width": 32, "attention_window_size": 6, "w_init_variance_scale": 3.0},
    ),
    "jamba": (
        "jamba",
        {**EXPERTS, "attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False,
         "mamba_d_state": 8},
    ),
    "bamba": (
        "bamba",
        {**SIZES, "attn_layer_indices": [1], "mamba_n_heads": 8, "mamba_d_head": 8, "mamba_n_groups": 2,
         "mamba_d_state": 8, "mamba_chunk_size": 8},
    ),
    "lfm2": ("lfm2", {**SIZES, "layer_types": ["conv", "full_attention"]}),
    "qwen3_next": ("qwen3_next", {**EXPERTS, "head_dim": 8}),
    "xlstm": ("xlstm", {"hidden_size": 32, "num_hidden_layers": 2, "num_blocks": 2, "num_heads": 4,
                        "initializer_range": 0.3}),
    "reformer": (
        "reformer",
        {"hidden_size": 32, "attn_layers": ["local", "lsh"], "num_attention_heads": 4,
         "feed_forward_size": 48, "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [16, 16],
         "is_decoder": True, "num_buckets": 4, "attention_head_size": 8, "max_position_embeddings": 64},
    ),
    "cpmant": (
        "cpmant",
        {"hidden_size": 32, "num_attention_heads": 4, "dim_head": 8, "dim_ff": 48, "num_hidden_layers": 2},
    ),
    "xlm": ("xlm", {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "causal": False}),
}  # fmt: skip


def family(name: str, seed: int = 1, **changes: Any) -> LanguageModel:
    """A tiny network of a family of FAMILIES, with the character tokenizer."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as NETWORKS

    kind, settings = FAMILIES[name]
    tokenizer = character_tokenizer(ALPHABET)
    tokens = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = transformers.AutoConfig.for_model(kind, **(tokens | settings | changes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LanguageModel(getattr(transformers, NETWORKS[kind])(config), tokenizer)
