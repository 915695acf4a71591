"""Prompts and completions as tokens."""

from __future__ import annotations

import pytest
from tiny_models import (
    byte_tokenizer,
    tiny_llama,
    word_start_tokenizer,
)

from engine.errors import UserError
from engine.language.model.codec import Codec


def test_text_that_cannot_be_spelled() -> None:
    model = tiny_llama()
    for text in ("1€2", "<eos>", "<pad>1"):
        with pytest.raises(UserError, match="cannot spell"):
            model.codec.encode_prompts([text])


def test_an_empty_prompt_is_the_start_token() -> None:
    assert tiny_llama().codec.encode_prompts([""]) == [[1]]
    codec = Codec(byte_tokenizer(["ab"]))
    assert codec.encode_prompts([""]) == [[codec.end]]


def test_a_prompt_longer_than_the_context_names_both() -> None:
    model = tiny_llama(context=16)
    assert len(model.encode_prompts(["1" * 14])[0]) == 15
    with pytest.raises(UserError, match="has 16 tokens, the model's context 16"):
        model.encode_prompts(["1" * 15])


def test_names_of_special_tokens_are_text() -> None:
    codec = Codec(byte_tokenizer(["12 <end> 34"]))
    (row,) = codec.encode_prompts(["1<end>2"])
    assert codec.end not in row
    assert codec.decode([row]) == ["1<end>2"]


def test_a_completion_is_what_follows_its_prompt() -> None:
    codec = Codec(word_start_tokenizer(list("1234=")))
    assert codec.decode(codec.encode_prompts(["3"])) == [" 3"]  # as the first word of a text
    prompts, completions = ["12=", "4", ""], ["34", "=2", "2=3"]
    rows = codec.encode_completions(prompts, completions)
    assert codec.decode(rows) == completions
    heads = codec.encode_prompts(prompts)
    assert heads[0] + rows[0] == codec.encode_prompts(["12=34"])[0]


def test_a_completion_that_would_grow_into_its_prompt_stands_alone() -> None:
    codec = Codec(byte_tokenizer(["the cat and the dog", " the cat"] * 4))
    assert codec.encode_prompts(["the dog"])[0][0] not in codec.encode_prompts(["the"])[0]
    rows = codec.encode_completions(["the"], [" dog"])
    assert rows == codec.encode_prompts([" dog"])
    assert codec.decode(rows) == [" dog"]
