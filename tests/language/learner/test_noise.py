"""Noise in what is learnt: on prompts of any form, and on weights with or without an adapter."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import tiny_llama

from engine.language.learner.filter import Example
from engine.language.learner.noise import noisy_prompts, noisy_text, perturb
from engine.language.model.conversation import conversation, conversation_text
from engine.language.model.model_folder import add_adapter


@given(st.text(max_size=60), st.floats(0, 1), st.integers(0, 2**63))
def test_a_text_keeps_its_form(text: str, share: float, seed: int) -> None:
    noisy = noisy_text(text, share, seed)
    assert noisy == noisy_text(text, share, seed)
    assert len(noisy) == len(text)
    assert [letter.isspace() for letter in noisy] == [letter.isspace() for letter in text]
    assert set(noisy) <= set(text)
    if share == 0:
        assert noisy == text


def test_each_character_changes_by_its_chance() -> None:
    text = "12 31 9=44:" * 200
    noisy = noisy_text(text, 0.3, 7)
    letters = [(a, b) for a, b in zip(text, noisy, strict=True) if not a.isspace()]
    assert sum(a != b for a, b in letters) / len(letters) == pytest.approx(0.3, abs=0.04)
    assert all(a != b for a, b in zip(text, noisy_text(text, 1.0, 7), strict=True) if not a.isspace())
    assert noisy_text(">", 1.0, 7) == ">", "there is no other"


def test_of_a_conversation_the_messages_change_alone() -> None:
    messages = [
        {"role": "system", "content": "be brief and kind"},
        {"role": "user", "content": "what is 17 plus 4?"},
    ]
    text = conversation_text(messages)
    noisy = noisy_text(text, 0.8, 5)
    found = conversation(noisy)
    assert found is not None
    assert noisy != text
    assert [each["role"] for each in found] == ["system", "user"]
    assert [len(each["content"]) for each in found] == [17, 18]


def test_examples_that_would_not_fit_stay() -> None:
    model = tiny_llama(context=12)
    examples = [Example("12+34=", "46"), Example("12+34=", "4" * 30)]
    first, second = noisy_prompts(model, examples, 1.0, 1)
    assert first.prompt != "12+34="
    assert first.completion == "46"
    assert second == examples[1]


def test_weights_move_by_their_own_deviation() -> None:
    plain, noisy, again, other = (tiny_llama() for _ in range(4))
    for model, seed in ((noisy, 3), (again, 3), (other, 4)):
        perturb(model, 0.5, seed)
    assert noisy.digest() == again.digest() != other.digest()
    assert plain.digest() != noisy.digest()
    for name, old in plain.weights().items():
        new = noisy.weights()[name]
        spread = float(old.std(correction=0))
        if spread == 0:
            assert torch.equal(old, new), f"{name}: all alike"
        elif old.numel() > 500:
            assert float((new - old).std()) == pytest.approx(0.5 * spread, rel=0.15), name


def test_of_an_adapter_the_base_stays() -> None:
    pytest.importorskip("peft", reason="adapters need the extra `text`")
    model = add_adapter(tiny_llama(), 2, 4, 0.0, 1)
    before = {name: weight.clone() for name, weight in model.weights().items()}
    perturb(model, 1.0, 2)
    changed = {name for name, weight in model.weights().items() if not torch.equal(weight, before[name])}
    assert changed
    assert all("lora" in name for name in changed)
