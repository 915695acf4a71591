"""Steps at another temperature: which are hot, that others are as they were, and stops across tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tiny_models import ALPHABET, byte_tokenizer, other_model, tiny_llama

from engine.language.model.generation.generation import Completion, generate
from engine.language.model.generation.heat import Heat
from engine.language.model.generation.sampling import Noise
from engine.language.model.model import LanguageModel

PROMPTS, SEEDS = ["1+2="] * 120, list(range(120))


def written(
    model: LanguageModel, heat: Heat | None, temperature: float = 0.0, seeds: Sequence[int] = SEEDS
) -> list[Completion]:
    return generate(
        model, PROMPTS[: len(seeds)], seeds=seeds, temperature=temperature, max_tokens=24, heat=heat
    )  # fmt: skip


def end_of(model: LanguageModel) -> str:
    """A character that a greedy text of the model has, and not as its last: so that steps end."""
    text = written(model, None)[0].text
    return text[len(text) // 2]


def test_cold_steps_are_those_of_a_cold_text() -> None:
    """As long as every step so far is cold, the text is the greedy one."""
    model = tiny_llama()
    (greedy,), end = written(model, None, seeds=[1]), end_of(model)
    first_step = greedy.text.index(end) + 1
    texts = [each.text for each in written(model, Heat(0.4, 3.0, end))]
    cold = sum(text[:first_step] == greedy.text[:first_step] for text in texts) / len(texts)
    assert cold == pytest.approx(0.6, abs=0.12)
    assert len({text for text in texts if text.startswith(greedy.text[:first_step])}) > 5, (
        "later ones are hot"
    )


def test_all_hot_is_hot_and_none_is_cold() -> None:
    model = tiny_llama()
    hot, cold = written(model, Heat(1.0, 2.0, ";")), written(model, Heat(0.0, 2.0, ";"))
    for ours, theirs in ((hot, written(model, None, 2.0)), (cold, written(model, None))):
        for one, other in zip(ours, theirs, strict=True):
            assert one.ids.tolist() == other.ids.tolist()
            assert np.array_equal(one.logprobs, other.logprobs), "ln p is at temperature 1 whatever the heat"


def test_a_row_is_a_function_of_its_seed() -> None:
    model, heat = tiny_llama(), Heat(0.5, 2.0, "=")
    many = written(model, heat)
    few = written(model, heat, seeds=SEEDS[40:50])
    assert [each.text for each in few] == [each.text for each in many[40:50]]


@pytest.mark.parametrize("end", ["", "~~"])
def test_without_ends_a_text_is_one_step(end: str) -> None:
    model = tiny_llama()
    greedy = written(model, None)[0].text
    same = sum(each.text == greedy for each in written(model, Heat(0.5, 3.0, end))) / len(SEEDS)
    assert same == pytest.approx(0.5, abs=0.12)


def test_ends_are_found_across_tokens_of_bytes() -> None:
    tokenizer = byte_tokenizer([ALPHABET * 3, "ab;;ab;;1+2=3;;"] * 4)
    model = other_model(
        "GPT2LMHeadModel", "GPT2Config", vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2,
        n_head=4,
    )  # fmt: skip
    model = LanguageModel(model.network, tokenizer)
    (greedy,) = written(model, None, seeds=[1])
    for width in (1, 2):
        end = greedy.text[6 : 6 + width]
        first = greedy.text.index(end) + width
        texts = [each.text for each in written(model, Heat(0.1, 5.0, end))]
        assert {text == greedy.text for text in texts} == {True, False}
        begun = [text for text in texts if text[:first] == greedy.text[:first]]
        assert len(set(begun)) > 1, "a later step is hot where the first is not"


def test_noise_at_places_of_their_own_is_that_of_those_places() -> None:
    noise, rows = Noise([3, 4, 5]), np.arange(3)
    places = np.array([0, 17, 40])
    expected = [noise.uniform(rows, int(place))[row] for row, place in enumerate(places)]
    assert noise.at(rows, places).tolist() == expected
